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
    assert all(fault.mend for fault in report.faults)
    result = CliRunner().invoke(command, [str(tiny_catalogue)])
    assert result.exit_code == 1
    assert f"{file}, row {row}" in result.output


def test_all_faults_at_once(tiny_catalogue):
    apart = {"another encoding", "broken quotes", "missing column", "byte order mark", "truncated picture",
             "empty picture", "mislabelled picture", "absent picture", "absolute path", "path upwards", "rating NaN",
             "rating infinite", "huge picture"}  # fmt: skip
    together = [name for name in FAULTS if name not in apart | {"rating five"}]
    replace(RATINGS, "u2,i1,4", "u2,i1,nan")(tiny_catalogue)
    replace(RATINGS, "u2,i2,5", "u2,i2,inf")(tiny_catalogue)
    replace(RATINGS, "u2,i3,1", "u2,i3,five")(tiny_catalogue)
    for name in together:
        FAULTS[name][0](tiny_catalogue)
    found = {(fault.file, fault.row, fault.code) for fault in validate(tiny_catalogue).faults}
    assert {FAULTS[name][1:] for name in together} <= found
    assert {(RATINGS, 6, "rating"), (RATINGS, 7, "rating"), (RATINGS, 8, "rating")} <= found


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
