"""Feature arrays that others have extracted, read and checked against the ids."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmrec.data.catalogue import MODALITIES
from mmrec.errors import InputError, IntegrityError
from mmrec.features.table import Features
from mmrec.files import sha256_file

_OTHER_NAMES = {"text": ("all-MiniLM*.npy",), "image": (), "audio": ("vggish.npy", "whisper.npy")}
"""Arrays named by their encoder, taken where MODALITY_feat.npy is absent; several of a modality lie side by side."""


def read_features(
    folder: Path, *, at_least: int, ids_from: Path, at_most: int | None = None
) -> tuple[Features, list[Path]]:
    """Read every feature array of a folder; row i belongs to item i.

    Args:
        folder: holds any subset of ``text_feat.npy``, ``image_feat.npy`` and ``audio_feat.npy``.
        at_least: items that the interactions speak of.
        ids_from: the file that says so, for the message.
        at_most: items that there can be; None: as many as there are rows.

    Returns:
        The features (float32; a row of zeros means that the modality is absent) and the files read.

    Raises:
        InputError: an array has too few or too many rows, another shape or type, or a value that is not finite.
        IntegrityError: an array of Python objects, which only a pickle could hold.
    """
    paths = {modality: _files(folder, modality) for modality in MODALITIES}
    read = [path for found in paths.values() for path in found]
    arrays = {path: _read_array(path) for path in read}
    items = len(arrays[read[0]]) if read else at_least
    for path, array in arrays.items():
        if len(array) < at_least:
            raise InputError(
                f"{path}: {len(array)} rows, but {ids_from.name} speaks of {at_least} items: row i is item i"
            )
        if at_most is not None and len(array) > at_most:
            raise InputError(f"{path}: {len(array)} rows, but {ids_from.name} has {at_most} items: row i is item i")
        if len(array) != items:
            raise InputError(f"{path}: {len(array)} rows, but {read[0].name} has {items}: row i is item i")
    blocks = {
        modality: np.concatenate([arrays[path] for path in found], axis=1) for modality, found in paths.items() if found
    }
    present = np.zeros((items, len(MODALITIES)), bool)
    for column, modality in enumerate(MODALITIES):
        if modality in blocks:
            present[:, column] = blocks[modality].any(axis=1)
    info = {
        modality: {
            "encoder": "+".join(path.stem for path in paths[modality]),
            "version": "given",
            "parameters": {},
            "source": digest_of(folder, paths[modality]),
        }
        for modality in blocks
    }
    return Features(tuple(str(index) for index in range(items)), blocks, present, info=info), read


def digest_of(folder: Path, files: Sequence[Path]) -> str:
    """SHA-256 over the names and bytes of files below ``folder``, in hexadecimal."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(folder).as_posix()} {sha256_file(path)}\n".encode())
    return digest.hexdigest()


def _files(folder: Path, modality: str) -> list[Path]:
    named = folder / f"{modality}_feat.npy"
    if named.is_file():
        return [named]
    return [path for pattern in _OTHER_NAMES[modality] for path in sorted(folder.glob(pattern))]


def _read_array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        if "Object arrays" in str(error) or "allow_pickle" in str(error):
            raise IntegrityError(
                f"{path}: refused, not a plain array of numbers but a pickle, which could run code"
            ) from None
        raise InputError(f"{path}: not a whole .npy file ({error})") from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "iuf":
        shape = getattr(array, "shape", "an archive")
        raise InputError(f"{path}: expected numbers in rows and columns, found {shape} {getattr(array, 'dtype', '')}")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)  # before any sum: float16 overflows at 65504
    bad = ~np.isfinite(array).all(axis=1)
    if bad.any():
        raise InputError(f"{path}: row {int(np.argmax(bad))} is not finite ({int(bad.sum())} such rows)")
    return array
