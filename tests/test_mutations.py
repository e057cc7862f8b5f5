"""Damaged files of every kind, files that claim too much, and commands killed at any moment.

Whatever is done to a file, it is read or refused by name: no other error may reach the user.
"""

import io
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import write_tiny
from PIL import Image
from test_extraction import make_folder

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
    valid, rng = small_media(), np.random.default_rng(0)
    kinds, refused = list(valid), 0
    for number in range(MUTATIONS):
        kind = kinds[number % len(kinds)]
        path = tmp_path / f"{number}.{kind.lower()}"
        path.write_bytes(mutate(valid[kind], list(valid.values()), rng))
        picture = kind in PICTURES
        said = refusal(partial(read_a_picture if picture else read_a_sound, path), MediaError)
        refused += bool(said)
        checks = (check_image, check_image_header) if picture else (check_audio, check_audio_header)
        for text in (said, *(refusal(partial(check, path), MediaError) for check in checks)):
            assert not text or path.name in text
        path.unlink()
    assert MUTATIONS / 4 < refused < MUTATIONS  # the damage is neither nothing nor everything


def test_damaged_sounds_can_be_resampled(tmp_path):
    """A damaged header may claim any rate; what is read at another rate is read or refused too."""
    valid, rng = small_media()["WAV"], np.random.default_rng(1)
    path = tmp_path / "a.wav"
    for _ in range(15):
        rate = int(rng.choice([1, 7, 44_101, 383_987, 400_001, 2**31 - 1, int(rng.integers(1, 2**31))]))
        path.write_bytes(valid[:24] + struct.pack("<I", rate) + valid[28:])
        said = refusal(lambda: read_a_sound(path, 8000), MediaError)
        assert not said or path.name in said


def read_rows(folder: Path, drop_faulty: bool) -> None:
    catalogue = read_catalogue(folder, drop_faulty=drop_faulty)
    assert isinstance(catalogue, Catalogue)
    assert len(catalogue.interactions.user) == len(catalogue.reviews) > 0
    assert np.isfinite(catalogue.interactions.rating).all()


def test_damaged_tables_give_faults_by_name(tmp_path):
    folder, rng = write_tiny(tmp_path / "tiny"), np.random.default_rng(0)
    names = ("user_data.csv", "product_data.csv")
    valid = {name: (folder / name).read_bytes() for name in names}
    signs = [b'"', b"\n", b"\r", b",", b"\0", b"\xff", b"\xef\xbb\xbf", b"=", b"1e999", b"nan", b"../", "信".encode()]

    def sign(data: bytes, rng: np.random.Generator) -> bytes:
        place = rng.integers(len(data) + 1)
        return data[:place] + signs[rng.integers(len(signs))] + data[place:]

    good = 0
    for number in range(MUTATIONS):
        name = names[number % 2]
        data = mutate(valid[name], list(valid.values()), rng) if rng.random() < 0.5 else valid[name]
        for _ in range(rng.integers(1, 4)):
            data = sign(data, rng)
        (folder / name).write_bytes(data)
        drop = bool(rng.random() < 0.5)
        said = refusal(partial(read_rows, folder, drop), CatalogueError)
        good += not said
        if said:
            assert str(folder) in said
            assert "holds no usable" in said or any(known in said for known in names)
            report = validate(folder, decode=False)
            assert not report.ok
            assert all(fault.file in names for fault in report.faults)
            assert report.as_json()
        (folder / name).write_bytes(valid[name])
    assert 0 < good < MUTATIONS


def growth(code: str, path: Path) -> tuple[float, str]:
    """By how many MB the peak memory of a process grows while ``code`` reads ``path``, and what the code says."""
    # scipy and librosa are loaded first: what they take is no part of what a file takes
    program = (
        "import resource, sys, librosa, soundfile\n"
        "from mmrec.data.media import MediaError, check_audio, check_image, read_audio, read_image\n"
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
"""The command with encoders that need no Keras: its import would take most of eleven runs, and most of the kills.

The real encoders are killed in test_extraction.
"""


def test_a_command_killed_at_any_moment_resumes_to_the_same_bytes(tmp_path):
    folder, rng = make_folder(tmp_path / "c", 80), np.random.default_rng(0)

    def run(out: str, cache: str) -> subprocess.Popen:
        environment = {**os.environ, "MMREC_CACHE": str(tmp_path / cache)}
        arguments = ["features", str(folder), "--out", str(tmp_path / out)]
        for modality in ("text", "image", "audio"):
            arguments += ["--encoder", f"{modality}=light"]
        return subprocess.Popen(
            [sys.executable, "-c", LIGHT, *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    begin = time.monotonic()
    assert run("whole", "other").wait(180) == 0
    whole = time.monotonic() - begin
    killed = 0
    for moment in np.sort(rng.uniform(0, 1, 10)):  # from the start of Python to the last array
        process = run("out", "cache")
        try:
            process.wait(moment * whole)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
    assert killed
    assert run("out", "cache").wait(180) == 0
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert "image_feat.npy" in names
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
