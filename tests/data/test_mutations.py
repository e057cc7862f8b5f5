"""Damaged files of every kind, files that claim too much, and commands killed at any moment.

Whatever is done to a file, it is read or refused by name: no other error may reach the user.
"""

import csv
import io
import os
import re
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import write_tiny
from media_folders import held, load_catalogue, make_folder
from PIL import Image

from mmrec.data.catalogue import Catalogue
from mmrec.data.media import (
    MAX_PIXELS,
    MediaError,
    check_audio,
    check_audio_header,
    check_image,
    check_image_header,
    read_audio,
    read_image,
)
from mmrec.data.reader import read_catalogue
from mmrec.data.validation import validate
from mmrec.errors import CatalogueError, MmrecError
from mmrec.features import Features, extract
from mmrec.features.encoders import make_encoder

PICTURES, SOUNDS = ("PNG", "JPEG"), ("WAV", "FLAC", "OGG")
MUTATIONS = 500
MOST_GROWTH = 400  # MB


def small_media() -> dict[str, bytes]:
    """One valid file of each kind, as bytes."""
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (12, 9, 3), np.uint8))
    wave = (np.sin(np.arange(1200) / 7) / 2).astype(np.float32)
    made = {}
    for kind in PICTURES:
        picture.save(file := io.BytesIO(), format=kind)
        made[kind] = file.getvalue()
    for kind in SOUNDS:
        soundfile.write(file := io.BytesIO(), wave, 8000, format=kind)
        made[kind] = file.getvalue()
    return made


def refusal(act: Callable[[], object], kind: type[MmrecError]) -> str:
    """What the error says with which ``act`` refuses, '' if it does not; any other error fails the test."""
    try:
        act()
    except kind as error:
        return str(error)
    return ""


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes become others; half of the time at the beginning, where the header is."""
    changed = bytearray(data)
    reach = min(len(data), 64) if rng.random() < 0.5 else len(data)
    for place in rng.integers(0, reach, rng.integers(1, 6)):
        changed[place] = rng.integers(256)
    return bytes(changed)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """The end is missing."""
    return data[: rng.integers(len(data))]


def insert(data: bytes, rng: np.random.Generator) -> bytes:
    """Random bytes stand in between."""
    place = rng.integers(len(data) + 1)
    return data[:place] + rng.bytes(int(rng.integers(1, 20))) + data[place:]


def mutate(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """One or two of: flipped bytes, a cut, an insertion, the head of another file."""

    def swap(data: bytes, rng: np.random.Generator) -> bytes:
        head = int(rng.integers(4, 48))
        return others[rng.integers(len(others))][:head] + data[head:]

    ways: list[Callable[[bytes, np.random.Generator], bytes]] = [flip, cut, insert, swap]
    for way in rng.choice(len(ways), rng.integers(1, 3)):
        data = ways[way](data, rng) if data else data
    return data


def damaged_media(folder: Path) -> Iterator[tuple[str, Path]]:
    """Kind and path of each damaged file, written one by one."""
    valid, rng = small_media(), np.random.default_rng(0)
    kinds = list(valid)
    for number in range(MUTATIONS):
        kind = kinds[number % len(kinds)]
        path = folder / f"{number}.{kind.lower()}"
        path.write_bytes(mutate(valid[kind], list(valid.values()), rng))
        yield kind, path


def read_a_picture(path: Path) -> None:
    pixels = read_image(path)
    assert (pixels.ndim, pixels.shape[2], pixels.dtype) == (3, 3, np.uint8)
    assert pixels.size


def read_a_sound(path: Path, sample_rate: int | None = None) -> None:
    samples, rate = read_audio(path, sample_rate, max_seconds=30)
    assert (samples.ndim, samples.dtype) == (1, np.float32)
    assert len(samples)
    assert rate == (sample_rate or rate) > 0
    assert np.isfinite(samples).all()
    assert sample_rate is None or len(samples) <= 30 * rate + 1


def test_damaged_media_are_read_or_refused_by_name(tmp_path):
    refused = 0
    for kind, path in damaged_media(tmp_path):
        picture = kind in PICTURES
        said = refusal(partial(read_a_picture if picture else read_a_sound, path), MediaError)
        refused += bool(said)
        checks = (check_image, check_image_header) if picture else (check_audio, check_audio_header)
        for text in (said, *(refusal(partial(check, path), MediaError) for check in checks)):
            assert not text or path.name in text
        path.unlink()
    assert MUTATIONS / 4 < refused < MUTATIONS  # the damage is neither nothing nor everything


def decoded(path: Path, picture: bool) -> bytes | None:
    """What is read of a file, and its shape or rate; None where it is refused."""
    try:
        values, measure = (read_image(path), None) if picture else read_audio(path, max_seconds=30)
    except MediaError:
        return None
    return repr((values.shape, measure)).encode() + values.tobytes()


def test_what_is_read_of_damaged_media_has_its_features(tmp_path, monkeypatch):
    """By the default encoders: finite, the original's where the same is read, and the same bits when encoded again."""
    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))
    originals = {kind: tmp_path / f"original.{kind.lower()}" for kind in (*PICTURES, *SOUNDS)}
    for kind, data in small_media().items():
        originals[kind].write_bytes(data)
    whole = {kind: decoded(path, kind in PICTURES) for kind, path in originals.items()}
    files = list(originals.items())
    unchanged = [True] * len(files)  # whether what is read is what is read of the original
    for kind, path in damaged_media(tmp_path):
        found = decoded(path, kind in PICTURES)
        if found is not None:
            files.append((kind, path))
            unchanged.append(found == whole[kind])
    rows = [
        (f"i{at}", "", *(path.name if (kind in PICTURES) == picture else "" for picture in (True, False)))
        for at, (kind, path) in enumerate(files)
    ]
    items = pd.DataFrame(rows, columns=["item_id", "text", "image", "audio"])
    items.to_csv(tmp_path / "product_data.csv", index=False)
    (tmp_path / "user_data.csv").write_text("user_id,item_id,rating,timestamp,text\nu1,i0,5,1,\n")
    features = extract(load_catalogue(tmp_path))

    for modality, kinds in (("image", PICTURES), ("audio", SOUNDS)):
        at = [row for row, (kind, _) in enumerate(files) if kind in kinds]
        block, encoder = features.blocks[modality], make_encoder(modality)
        assert features.mask(modality).nonzero()[0].tolist() == at
        assert np.isfinite(block[at]).all()
        assert block[at].any(axis=1).all()
        for start in range(0, len(at), 20):  # other batches, the other way round, nothing from the store
            batch = at[::-1][start : start + 20]
            anew = encoder.encode([encoder.load(files[row][1]) for row in batch])
            assert anew.tobytes() == block[batch].tobytes()
        same = [row for row in at if unchanged[row]]
        other = [row for row in at if not unchanged[row]]
        original = {kind: row for row, (kind, _) in enumerate(files[: len(originals)])}
        equal = [block[row].tobytes() == block[original[files[row][0]]].tobytes() for row in range(len(files))]
        assert all(equal[row] for row in same)
        assert len(same) > len(kinds)  # more than the originals
        assert sum(not equal[row] for row in other) > len(other) / 2 > 5  # the features tell of the damage


def test_damaged_sounds_can_be_resampled(tmp_path):
    """A damaged header may claim any rate; what is read at another rate is read or refused too."""
    valid, rng = small_media()["WAV"], np.random.default_rng(1)
    path = tmp_path / "a.wav"
    for _ in range(15):
        rate = int(rng.choice([1, 7, 44_101, 383_987, 400_001, 2**31 - 1, int(rng.integers(1, 2**31))]))
        path.write_bytes(valid[:24] + struct.pack("<I", rate) + valid[28:])
        said = refusal(lambda: read_a_sound(path, 8000), MediaError)
        assert not said or path.name in said


TABLES = ("user_data.csv", "product_data.csv")


def usable_rows(path: Path, named: set[int]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV, by the plain reader of Python, without empty lines and the lines that are ``named``."""
    reader = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
    rows, begin = [], 1
    for cells in reader:
        if cells and (begin == 1 or begin not in named):
            rows.append(cells)
        begin = reader.line_num + 1
    return rows[0], rows[1:]


def seconds(cell: str) -> int:
    """Seconds since 1970 of a cell that is a number or a date."""
    try:
        return int(np.floor(float(cell)))
    except ValueError:
        date = datetime.fromisoformat(cell)
        return int(np.floor((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()))


def assert_rows_are_the_files(catalogue: Catalogue, left_out: str) -> None:
    """Every cell of every row that no fault names, and no other, in the order of the file."""
    named: dict[str, set[int]] = {name: set() for name in TABLES}
    for name, line in re.findall(r"^(\w+\.csv), row (\d+)", left_out, re.M):
        named[name].add(int(line))
    header, cells = usable_rows(catalogue.folder / "product_data.csv", named["product_data.csv"])
    assert list(catalogue.items.columns) == header
    assert catalogue.items.to_numpy().tolist() == cells
    header, cells = usable_rows(catalogue.folder / "user_data.csv", named["user_data.csv"])
    table, rows = pd.DataFrame(cells, columns=header), catalogue.interactions
    assert [catalogue.user_ids[user] for user in rows.user] == table["user_id"].tolist()
    assert [catalogue.item_ids[item] for item in rows.item] == table["item_id"].tolist()
    assert rows.rating.tolist() == [np.float32(cell) for cell in table["rating"]]
    assert rows.timestamp.tolist() == [seconds(cell) for cell in table["timestamp"]]
    assert list(catalogue.reviews) == table["text"].tolist()
    more = [column for column in header if column not in ("user_id", "item_id", "rating", "timestamp", "text")]
    assert list(catalogue.context.columns) == more
    assert catalogue.context.to_numpy().tolist() == table[more].to_numpy().tolist()


def assert_features_are_those_of(catalogue: Catalogue, whole: Features, media: dict[str, dict[str, int]]) -> None:
    """Of texts those of the item's own text; of media, by name, those of the whole catalogue's row; zeros elsewhere."""
    features, bow = extract(catalogue), make_encoder("text")
    texts = catalogue.items["text"].tolist()
    given = np.array([bool(text.strip()) for text in texts])[:, None]
    expected = {"text": bow.encode(texts) * given}
    for modality, row_of in media.items():
        block = np.zeros((len(texts), whole.blocks[modality].shape[1]), np.float32)
        for row, name in enumerate(catalogue.items[modality]):
            block[row] = whole.blocks[modality][row_of[name]] if name else 0
        expected[modality] = block
    for modality, block in expected.items():
        if features.mask(modality).any():
            assert features.blocks[modality].tobytes() == block.tobytes(), modality
        else:
            assert modality not in features.blocks
            assert not block.any()
    if features.reviews is not None:
        assert np.array_equal(features.reviews.toarray(), bow.encode(catalogue.reviews))


def test_damaged_tables_give_their_own_rows_and_features_or_faults_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))
    folder, rng = write_tiny(tmp_path / "tiny"), np.random.default_rng(0)
    valid = {name: (folder / name).read_bytes() for name in TABLES}
    signs = [b'"', b"\n", b"\r", b",", b"\0", b"\xff", b"\xef\xbb\xbf", b"=", b"1e999", b"nan", b"../", "信".encode()]

    def sign(data: bytes, rng: np.random.Generator) -> bytes:
        place = rng.integers(len(data) + 1)
        return data[:place] + signs[rng.integers(len(signs))] + data[place:]

    def keep(read: list[Catalogue], drop: bool) -> None:
        read.append(read_catalogue(folder, drop_faulty=drop))

    original = read_catalogue(folder)
    whole = extract(original)
    media = {
        modality: {name: row for row, name in enumerate(original.items[modality]) if name}
        for modality in ("image", "audio")
    }
    good = shorter = changed = 0
    for number in range(MUTATIONS):
        name = TABLES[number % 2]
        data = mutate(valid[name], list(valid.values()), rng) if rng.random() < 0.5 else valid[name]
        for _ in range(rng.integers(1, 4)):
            data = sign(data, rng)
        (folder / name).write_bytes(data)
        drop = bool(rng.random() < 0.5)
        read: list[Catalogue] = []
        said = refusal(partial(keep, read, drop), CatalogueError)
        left_out = capsys.readouterr().err
        if said:
            assert str(folder) in said
            assert "holds no usable" in said or any(known in said for known in TABLES)
            report = validate(folder, decode=False)
            assert not report.ok
            assert all(fault.file in TABLES for fault in report.faults)
            assert report.as_json()
        else:
            (catalogue,) = read
            assert len(catalogue.interactions) == len(catalogue.reviews) > 0
            assert drop or not left_out
            assert_rows_are_the_files(catalogue, left_out)
            assert_features_are_those_of(catalogue, whole, media)
            again = read_catalogue(folder, drop_faulty=drop)
            assert again.fingerprint == catalogue.fingerprint
            assert capsys.readouterr().err == left_out
            good += 1
            shorter += bool(left_out)
            changed += not left_out and catalogue.fingerprint != original.fingerprint
        (folder / name).write_bytes(valid[name])
    assert 0 < good < MUTATIONS
    assert min(shorter, changed) > 0  # rows left out, and cells that may be what they became


def growth(code: str, path: Path) -> tuple[float, str]:
    """By how many MB the peak memory of a process grows while ``code`` reads ``path``, and what the code says."""
    # scipy and librosa are loaded first: what they take is no part of what a file takes
    program = (
        "import resource, sys, librosa, soundfile\n"
        "from mmrec.data.media import check_audio, check_image, read_audio, read_image\n"
        "from mmrec.errors import MediaError\n"
        "librosa.resample(librosa.tone(440, sr=8000, length=800), orig_sr=8000, target_sr=4000, res_type='polyphase')\n"
        "before, path, said = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, sys.argv[1], 'read'\n"
        f"try:\n    {code}\n"
        "except MediaError as error:\n    said = str(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, said)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    size, _, said = done.stdout.strip().partition(" ")
    unit = 1024**2 if sys.platform == "darwin" else 1024  # bytes on macOS, kilobytes elsewhere
    return int(size) / unit, said


def png(width: int, height: int, data: bytes) -> bytes:
    """A grey PNG file whose header claims this size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="no resource.getrusage")
@pytest.mark.parametrize("kind", ["claimed", "real"])
def test_a_picture_bomb_is_refused_in_little_memory(tmp_path, kind):
    path = tmp_path / "bomb.png"
    if kind == "claimed":
        path.write_bytes(png(60_000, 60_000, zlib.compress(bytes(100))))
    else:
        side = int(MAX_PIXELS**0.5) + 500
        squeeze, row = zlib.compressobj(1), bytes(1 + side)  # each row begins with its filter
        path.write_bytes(png(side, side, b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()))
        assert path.stat().st_size < 1_000_000
    grown, said = growth("check_image(path)", path)
    assert "bomb.png" in said
    assert "pixels" in said
    assert grown < MOST_GROWTH / 4  # nothing was decoded


@pytest.mark.skipif(sys.platform == "win32", reason="no resource.getrusage")
def test_hours_of_sound_take_little_memory(tmp_path):
    path, hour = tmp_path / "long.flac", np.zeros(3600 * 8000, np.int16)
    with soundfile.SoundFile(path, "w", 8000, 1, format="FLAC") as sound:
        for _ in range(3):
            sound.write(hour)
    assert path.stat().st_size < 10_000_000
    code = "check_audio(path); samples, _ = read_audio(path, 22050); assert len(samples) == 600 * 22050"
    grown, said = growth(code, path)
    assert said == "read"
    assert grown < MOST_GROWTH


LIGHT = """
import sys, time
import numpy as np
from mmrec.cli import main
from mmrec.features.encoders import register

class Light:
    name, version, parameters, size = "light", "1", {}, 3
    def __init__(self, modality):
        print("extracting", flush=True)  # extract() begins by making its encoders
        self.modality = modality
    def load(self, source):
        return source.encode() if isinstance(source, str) else source.read_bytes()
    def encode(self, batch):
        time.sleep(0.01 * len(batch))
        return np.array([list(data[-3:]) for data in batch], np.float32)

for modality in ("text", "image", "audio"):
    register(modality, "light")(lambda modality=modality: Light(modality))
main()
"""
"""The command with encoders that need no Keras, and that say when extraction begins."""


def test_a_command_killed_at_any_moment_resumes_to_the_same_bytes(tmp_path):
    """Ten random moments, counted from where extraction begins, so that it is the extraction that they hit.

    All three encoders are stand-ins, ``Light``: three bytes of each text, picture and sound after a hundredth of a
    second. Keras would take seconds to import in each of twelve runs, and the kills would hit its import rather than
    hashing, the store and the arrays, which are the command's own. The real encoders are killed in ``test_extraction``.
    """
    folder, rng = make_folder(tmp_path / "c", 80), np.random.default_rng(0)

    def run(out: str, cache: str) -> subprocess.Popen:
        """The command, as soon as it extracts."""
        environment = {**os.environ, "MMREC_CACHE": str(tmp_path / cache)}
        arguments = ["features", str(folder), "--out", str(tmp_path / out)]
        for modality in ("text", "image", "audio"):
            arguments += ["--encoder", f"{modality}=light"]
        process = subprocess.Popen(
            [sys.executable, "-c", LIGHT, *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout
        assert process.stdout.readline() == b"extracting\n"
        return process

    with run("whole", "other") as process:
        begin = time.monotonic()
        assert process.wait(180) == 0
        whole = time.monotonic() - begin
    hits, kept = 0, [0]
    # what is done is kept, so that less is left for each next run: a third of the time at most is given to each
    for moment in rng.uniform(0, whole / 3, 10):
        with run("out", "cache") as process:
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                hits += process.wait() == -signal.SIGKILL
        kept.append(held(tmp_path / "cache", "light"))
    assert hits >= 5
    assert kept == sorted(kept)
    assert len(set(kept)) > 2  # killed runs went on where those before them were
    with run("out", "cache") as process:
        assert process.wait(180) == 0
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert "image_feat.npy" in names
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
