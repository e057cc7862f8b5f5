"""Pictures and sounds read within bounded memory, whatever a file claims to be.

The kind of a file is told by its content, never by its name.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError

from mmrec.errors import MediaError

if TYPE_CHECKING:
    import soundfile

MAX_PIXELS = 40_000_000
"""Larger pictures are refused by their header, before anything is decoded."""
MAX_BYTES = 200_000_000
MAX_SECONDS = 600.0
"""What is read of a sound; the rest is left out."""
MAX_SAMPLES = 60_000_000
"""The same limit in samples, for sounds with a very high sample rate."""
MAX_RATE = 400_000
"""Samples a second; nobody records at more than 384,000, and the filter that resamples grows with what is claimed."""
LOUDEST = 1e6
"""Where 1 is full scale; the power of samples above 1e18 is no number any more."""
IMAGE_KINDS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
NAMED_KINDS = {f".{kind.lower()}": kind for kind in IMAGE_KINDS} | {".jpg": "JPEG", ".tif": "TIFF"}
"""What a picture's name says that it is."""


def read_image(path: Path | str) -> np.ndarray:
    """Decode a picture: (H, W, 3) uint8, RGB. Grey, palette, CMYK and 16-bit ones are converted; alpha is on white.

    Raises:
        MediaError: absent, empty, no picture, truncated, or more than ``MAX_PIXELS``.
    """
    image = _open(Path(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            if image.mode.startswith("I;16") or image.mode == "I":
                image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                above = image.convert("RGBA")
                image = Image.new("RGBA", above.size, "white")
                image.alpha_composite(above)
            return np.asarray(image.convert("RGB"))  # (H, W, 3)
    except Exception as error:
        raise MediaError(f"{path}: damaged picture ({error})") from error


def check_image(path: Path | str) -> None:
    """Decode and throw away; raises ``MediaError`` as ``read_image`` does, and for a name that belies the content."""
    check_image_header(path)
    read_image(path)


def check_image_header(path: Path | str) -> None:
    """As ``check_image``, but reads the header only: finds absent, empty, mislabelled and huge files."""
    with _open(Path(path)) as image:
        kind = "JPEG" if image.format == "MPO" else image.format  # several JPEGs in one file
    named = NAMED_KINDS.get(Path(path).suffix.lower(), kind)
    if named != kind:
        raise MediaError(f"{path}: mislabelled, holds {kind} under the name of {named}")


def _open(path: Path) -> Image.Image:
    size = _size(path)
    if size > MAX_BYTES:
        raise MediaError(f"{path}: {size:,} bytes are more than the {MAX_BYTES:,} allowed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is checked below, and more strictly
            image = Image.open(path, formats=IMAGE_KINDS)
    except Image.DecompressionBombError as error:
        raise MediaError(f"{path}: too many pixels (at most {MAX_PIXELS:,})") from error
    except UnidentifiedImageError as error:
        raise MediaError(f"{path}: not a picture, whatever its name says") from error
    except Exception as error:
        raise MediaError(f"{path}: damaged picture ({error})") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        image.close()
        raise MediaError(f"{path}: {width} x {height} pixels are more than the {MAX_PIXELS:,} allowed")
    return image


def read_audio(
    path: Path | str, sample_rate: int | None = None, max_seconds: float = MAX_SECONDS
) -> tuple[np.ndarray, int]:
    """Decode a sound: (T,) float32 mono samples and their rate.

    Args:
        path: wav, flac, ogg or mp3.
        sample_rate: resample to this many samples a second; the file's own rate by default.
        max_seconds: read no more than this, nor more than ``MAX_SAMPLES``.

    Raises:
        MediaError: absent, empty, no sound, more than ``MAX_RATE``, or louder than ``LOUDEST``.
    """
    import soundfile

    path = Path(path)
    _size(path)
    try:
        with soundfile.SoundFile(path) as sound:
            rate = _rate(sound.samplerate, path)
            samples = np.concatenate([np.zeros(0, np.float32), *_blocks(sound, max_seconds, path)])  # (T,)
    except MediaError:
        raise
    except Exception as error:
        raise MediaError(f"{path}: not a sound that can be decoded") from error
    if not len(samples):
        raise MediaError(f"{path}: the sound holds no usable sample")
    if sample_rate is not None and rate != sample_rate:
        import librosa

        samples = librosa.resample(samples, orig_sr=rate, target_sr=sample_rate, res_type="polyphase")
        rate = sample_rate
    return samples, rate


def check_audio(path: Path | str) -> None:
    """Decode block by block and throw away; raises ``MediaError`` as ``read_audio`` does."""
    import soundfile

    _size(Path(path))
    try:
        with soundfile.SoundFile(path) as sound:
            _rate(sound.samplerate, Path(path))
            samples = sum(len(block) for block in _blocks(sound, MAX_SECONDS, Path(path)))
    except MediaError:
        raise
    except Exception as error:
        raise MediaError(f"{path}: not a sound that can be decoded") from error
    if not samples:
        raise MediaError(f"{path}: the sound holds no usable sample")


def _blocks(sound: "soundfile.SoundFile", max_seconds: float, path: Path) -> Iterator[np.ndarray]:
    """The sound in mono, in pieces, so that many channels of long silence are never in memory at once."""
    frames = min(int(max_seconds * sound.samplerate), MAX_SAMPLES)
    size = max(1, 2**20 // sound.channels)
    for block in sound.blocks(size, frames=frames, dtype="float32", always_2d=True):  # (t, channels)
        mono = block.mean(axis=1)  # (t,)
        if not np.isfinite(mono).all():
            raise MediaError(f"{path}: the sound holds no usable sample")
        if (peak := np.abs(mono).max(initial=0)) > LOUDEST:
            raise MediaError(f"{path}: samples of {peak:.0e}, where 1 is full scale; save it at its own loudness")
        yield mono


def _rate(rate: int, path: Path) -> int:
    if rate > MAX_RATE:
        raise MediaError(f"{path}: {rate:,} samples a second are more than the {MAX_RATE:,} allowed")
    return rate


def check_audio_header(path: Path | str) -> None:
    """As ``check_audio``, but reads the header only."""
    import soundfile

    _size(Path(path))
    try:
        info = soundfile.info(str(path))
        _rate(info.samplerate, Path(path))
        if not info.frames:
            raise MediaError(f"{path}: the sound holds no usable sample")
    except soundfile.LibsndfileError as error:
        raise MediaError(f"{path}: not a sound that can be decoded") from error


def _size(path: Path) -> int:
    try:
        if not path.is_file():
            raise MediaError(f"{path}: no such file")
        size = path.stat().st_size
    except (OSError, ValueError, RuntimeError) as error:  # too long a name, a zero byte in it, a loop of links
        raise MediaError(f"{path}: no file can have this name or be reached by it") from error
    if size == 0:
        raise MediaError(f"{path}: the file is empty")
    return size
