"""Every planted fault is named with file and row, alone and all at once."""

import json
import resource
import struct
import zlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from mmrec.commands.validate import command
from mmrec.data.validation import validate


def replace(name, old, new):
    def plant(folder: Path):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return plant


def rewrite(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def huge_png(folder: Path):
    """A header that claims 30,000 x 30,000 pixels."""
    line = zlib.compress(bytes(30_001) * 100, 9)
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", line), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    (folder / "media/a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def link_out(folder: Path):
    outside = folder.parent / "secret.png"
    outside.write_bytes((folder / "media/a.png").read_bytes())
    (folder / "media/a.png").unlink()
    (folder / "media/a.png").symlink_to(outside)


def to_latin(folder: Path):
    path = folder / "product_data.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))


def sound_as_picture(folder: Path):
    (folder / "media/b.jpg").write_bytes((folder / "media/a.ogg").read_bytes())


def with_bom(folder: Path):
    path = folder / "user_data.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def truncate(name):
    def plant(folder: Path):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])

    return plant


PRODUCTS, RATINGS = "product_data.csv", "user_data.csv"
FAULTS = {
    "missing column": (replace(RATINGS, "rating,", "stars,"), RATINGS, 1, "column"),
    "duplicate item": (replace(PRODUCTS, "i4,,", "i1,,"), PRODUCTS, 5, "duplicate"),
    "unknown item": (replace(RATINGS, "u1,i2,", "u1,i9,"), RATINGS, 3, "unknown"),
    "empty user": (replace(RATINGS, "u1,i1,", ",i1,"), RATINGS, 2, "id"),
    "rating five": (replace(RATINGS, "u1,i1,3", "u1,i1,five"), RATINGS, 2, "rating"),
    "rating NaN": (replace(RATINGS, "u1,i1,3", "u1,i1,nan"), RATINGS, 2, "rating"),
    "rating infinite": (replace(RATINGS, "u1,i1,3", "u1,i1,inf"), RATINGS, 2, "rating"),
    "unreadable time": (replace(RATINGS, "1001", "yesterday"), RATINGS, 2, "time"),
    "absent picture": (lambda folder: (folder / "media/b.jpg").unlink(), PRODUCTS, 3, "media"),
    "truncated picture": (truncate("media/b.jpg"), PRODUCTS, 3, "media"),
    "empty picture": (rewrite("media/b.jpg", b""), PRODUCTS, 3, "media"),
    "mislabelled picture": (sound_as_picture, PRODUCTS, 3, "media"),
    "PNG as JPEG": (lambda f: (f / "media/b.jpg").write_bytes((f / "media/a.png").read_bytes()), PRODUCTS, 3, "media"),
    "text as JPEG": (rewrite("media/b.jpg", b"this is no picture"), PRODUCTS, 3, "media"),
    "random bytes as sound": (rewrite("media/a.ogg", bytes(range(256)) * 9), PRODUCTS, 2, "media"),
    "path upwards": (replace(PRODUCTS, "media/b.jpg", "../x"), PRODUCTS, 3, "path"),
    "absolute path": (replace(PRODUCTS, "media/b.jpg", "/etc/hostname"), PRODUCTS, 3, "path"),
    "link out of the folder": (link_out, PRODUCTS, 2, "media"),
    "another encoding": (to_latin, PRODUCTS, 3, "encoding"),
    "byte order mark": (with_bom, RATINGS, 1, "bom"),
    "broken quotes": (replace(PRODUCTS, '"a long, sad film"', '"a long, sad film'), PRODUCTS, 4, "quotes"),
    "huge picture": (huge_png, PRODUCTS, 2, "media"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named(tiny_catalogue, name):
    plant, file, row, code = FAULTS[name]
    plant(tiny_catalogue)
    report = validate(tiny_catalogue)
    assert (file, row, code) in {(fault.file, fault.row, fault.code) for fault in report.faults}, report.as_text()
    assert all(fault.fix for fault in report.faults)
    result = CliRunner().invoke(command, [str(tiny_catalogue)])
    assert result.exit_code == 1
    assert f"{file}, row {row}" in result.output


def test_all_faults_at_once(tiny_catalogue):
    """Every kind of fault in one folder; broken quotes and a foreign encoding hide none of the others."""
    media = tiny_catalogue / "media"
    good = (media / "b.jpg").read_bytes()
    planted = {  # item -> its picture's content, in the order of the rows from 6 on
        "cut.jpg": good[: len(good) // 2],
        "empty.jpg": b"",
        "sound.jpg": (media / "a.ogg").read_bytes(),
        "png.jpg": (media / "a.png").read_bytes(),
        "text.jpg": b"this is no picture",
    }
    huge_png(tiny_catalogue)
    planted["huge.png"] = (media / "a.png").read_bytes()
    (tiny_catalogue.parent / "outside.jpg").write_bytes(good)
    (media / "a.png").write_bytes(b"")
    for name, data in planted.items():
        (media / name).write_bytes(data)
    (media / "link.jpg").symlink_to(tiny_catalogue.parent / "outside.jpg")
    (media / "noise.ogg").write_bytes(bytes(range(256)) * 9)
    pictures = [f"media/{name}" for name in [*planted, "link.jpg", "absent.jpg"]] + ["../x", "/etc/hostname"]
    lines = ["item_id,text,image,audio", "i1,a film,media/b.jpg,", 'i2,"a sad, long film,,', "i3,,,media/noise.ogg"]
    lines += ["i1,the same again,,"] + [f"p{at},,{picture}," for at, picture in enumerate(pictures)]
    (tiny_catalogue / PRODUCTS).write_bytes("\n".join([*lines, "i4,一部电影,,", ""]).encode("gb18030"))
    bad = ["u1,i9,3,1,", ",i1,3,2,", "u1,i1,five,3,", "u1,i1,nan,4,", "u1,i1,inf,5,", "u1,i1,3,yesterday,"]
    text = "\n".join(["user_id,item_id,rating,timestamp,text", *bad, "u1,i1,3,7,", ""])
    (tiny_catalogue / RATINGS).write_bytes(b"\xef\xbb\xbf" + text.encode())
    (tiny_catalogue / "social.csv").write_text("user_id\nu1\n")

    found = {(fault.file, fault.row, fault.code) for fault in validate(tiny_catalogue).faults}
    codes = ["unknown", "id", "rating", "rating", "rating", "time"]
    expected = {(RATINGS, row, code) for row, code in enumerate(codes, 2)} | {(RATINGS, 1, "bom")}
    expected |= {(PRODUCTS, row, "media") for row in [4, *range(6, 6 + len(pictures) - 2)]}
    expected |= {(PRODUCTS, 6 + len(pictures) - at, "path") for at in (1, 2)}
    expected |= {(PRODUCTS, 3, "quotes"), (PRODUCTS, 5, "duplicate"), (PRODUCTS, 6 + len(pictures), "encoding")}
    assert found == expected | {("social.csv", 1, "column")}
    result = CliRunner().invoke(command, [str(tiny_catalogue), "--json"])
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["faults"]) >= len(expected)


@pytest.mark.parametrize("name", ["media/b\0.jpg", "m" * 5000, "media/loop.jpg", "media"])
def test_names_that_no_file_can_have(tiny_catalogue, name):
    (tiny_catalogue / "media/loop.jpg").symlink_to("loop.jpg")
    replace(PRODUCTS, "media/b.jpg", name)(tiny_catalogue)
    assert [(fault.row, fault.code) for fault in validate(tiny_catalogue).faults] == [(3, "media")]


def test_a_long_text_is_no_fault(tiny_catalogue):
    replace(PRODUCTS, "a red film", "x" * 200_000)(tiny_catalogue)
    assert validate(tiny_catalogue).ok


def test_a_repeated_rating_names_its_first_row(tiny_catalogue):
    replace(RATINGS, "u3,i4,3,3004,ok", "u1,i1,3,1001,again")(tiny_catalogue)
    assert [(fault.row, fault.problem) for fault in validate(tiny_catalogue).faults] == [
        (13, "'u1' repeats row 2 (user_id, item_id, timestamp)")
    ]


def test_huge_picture_is_not_decoded(tiny_catalogue):
    huge_png(tiny_catalogue)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    validate(tiny_catalogue)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # a decoded one takes 900 MB


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: None])
def test_empty_or_absent_folder(tmp_path, make):
    folder = tmp_path / "nothing"
    make(folder)
    assert not validate(folder).ok


def test_a_sound_catalogue_has_no_fault(tiny_catalogue):
    result = CliRunner().invoke(command, [str(tiny_catalogue), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"folder": str(tiny_catalogue), "ok": True, "faults": []}


def test_quoted_line_breaks_do_not_shift_rows(tiny_catalogue):
    replace(PRODUCTS, "a red film", '"a red\nfilm"')(tiny_catalogue)
    (tiny_catalogue / "media/b.jpg").unlink()
    assert [(fault.row, fault.code) for fault in validate(tiny_catalogue).faults] == [(4, "media")]
