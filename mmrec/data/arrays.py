"""Feature arrays that others have extracted, read and checked against the ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.data.catalogue import MODALITIES
from mmrec.errors import InputError, IntegrityError
from mmrec.files import sha256_files

_OTHER_NAMES = {"text": ("all-MiniLM*.npy",), "image": (), "audio": ("vggish.npy", "whisper.npy")}
"""Arrays named by their encoder, taken where MODALITY_feat.npy is absent; several of a modality lie side by side."""


@dataclass(frozen=True)
class FeatureArrays:
    """Feature arrays of a folder, joined by modality.

    Attributes:
        items: number of items I.
        blocks: modality -> (I, d) float32.
        present: (I, 3) bool, columns in the order of ``MODALITIES``; False where a row is all zeros.
        info: modality -> {"encoder", "version", "parameters", "source"}.
        files: the files read.
    """

    items: int
    blocks: Mapping[str, np.ndarray]
    present: np.ndarray
    info: Mapping[str, Any]
    files: tuple[Path, ...]


def read_arrays(folder: Path, *, at_least: int, ids_from: Path, at_most: int | None = None) -> FeatureArrays:
    """Read every feature array of a folder; row i belongs to item i.

    Args:
        folder: holds any subset of ``text_feat.npy``, ``image_feat.npy`` and ``audio_feat.npy``.
        at_least: items that the interactions speak of.
        ids_from: the file with the interactions, for the message.
        at_most: items that there can be; None: as many as there are rows.

    Returns:
        The arrays (float32; a row of zeros means that the modality is absent).

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
            "source": sha256_files(folder, paths[modality]),
        }
        for modality in blocks
    }
    return FeatureArrays(items, blocks, present, info, tuple(read))


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
