"""The folder of feature arrays that other multimodal frameworks read, written whole or not at all."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from mmrec.cache import cache_root
from mmrec.data.catalogue import MODALITIES
from mmrec.files import atomic_write, write_json


class FeatureFolder:
    """Arrays grow in temporary files next to their place; ``finish`` puts them there, ``discard`` takes them away.

    One process at a time holds a folder; another one waits. What a killed run left is overwritten by the next.

    Args:
        folder: made if absent; files of an earlier run are replaced.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._growing: dict[str, Path] = {}
        locks = cache_root() / "locks"
        locks.mkdir(exist_ok=True)
        self._lock = FileLock(locks / hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:32])
        self._lock.acquire()

    def add(self, modality: str, shape: tuple[int, ...], parts: Iterable[np.ndarray]) -> None:
        """Write a (I, d) float32 array, some rows at a time: a mapped file would stay in memory as it fills.

        Args:
            modality: whose rows they are.
            shape: of the whole.
            parts: (n, d) each, I rows together.

        Raises:
            ValueError: the parts have not I rows of d numbers.
        """
        temporary = self._growing[modality] = self.folder / f".{modality}_feat.npy.part"
        rows = 0
        with temporary.open("wb") as stream:
            described = np.lib.format.dtype_to_descr(np.dtype("<f4"))
            header = {"descr": described, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)
            for part in parts:
                if part.shape[1:] != shape[1:]:
                    raise ValueError(f"{modality} rows have shape {part.shape[1:]}, expected {shape[1:]}")
                stream.write(np.ascontiguousarray(part, "<f4").data)
                rows += len(part)
        if rows != shape[0]:
            raise ValueError(f"{rows} {modality} rows, expected {shape[0]}")

    def finish(self, present: np.ndarray, info: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Put all files in place, ``features.json`` last, and map the arrays for reading.

        Args:
            present: (I, 3) bool.
            info: modality -> encoder, version, parameters, source.

        Returns:
            modality -> (I, d) float32, read-only.
        """
        description = self.folder / "features.json"
        description.unlink(missing_ok=True)  # while it is absent the folder is not complete
        blocks: dict[str, np.ndarray] = {}
        for modality in MODALITIES:
            place = self.folder / f"{modality}_feat.npy"
            if modality not in self._growing:
                place.unlink(missing_ok=True)
                continue
            os.replace(self._growing.pop(modality), place)
            blocks[modality] = np.load(place, mmap_mode="r", allow_pickle=False)
        with atomic_write(self.folder / "present.npy", "wb") as stream:
            np.save(stream, present, allow_pickle=False)
        write_json(description, info)
        return blocks

    def discard(self) -> None:
        """Remove what was not finished and let other processes have the folder; after ``finish`` just the latter."""
        for temporary in self._growing.values():
            temporary.unlink(missing_ok=True)
        self._growing.clear()
        self._lock.release()
