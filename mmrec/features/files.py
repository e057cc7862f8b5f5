"""The folder of feature arrays that other multimodal frameworks read, written whole or not at all."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from mmrec.cache import cache_root
from mmrec.data.catalogue import MODALITIES
from mmrec.files import atomic_write, write_json


class FeatureFolder:
    """Arrays grow in temporary files beside their place; ``finish`` puts them there, ``discard`` takes them away.

    One process at a time holds a folder; another one waits. What a killed run left is overwritten by the next.

    Args:
        folder: made if absent; files of an earlier run are replaced.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._growing: dict[str, tuple[Path, np.memmap]] = {}
        locks = cache_root() / "locks"
        locks.mkdir(exist_ok=True)
        self._lock = FileLock(locks / hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:32])
        self._lock.acquire()

    def array(self, modality: str, shape: tuple[int, ...]) -> np.memmap:
        """A (I, d) float32 array of zeros on disk, to be filled by the caller."""
        temporary = self.folder / f".{modality}_feat.npy.part"
        array = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
        self._growing[modality] = (temporary, array)
        return array

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
            temporary, array = self._growing.pop(modality)
            array.flush()
            os.replace(temporary, place)
            blocks[modality] = np.load(place, mmap_mode="r", allow_pickle=False)
        with atomic_write(self.folder / "present.npy", "wb") as stream:
            np.save(stream, present, allow_pickle=False)
        write_json(description, info)
        return blocks

    def discard(self) -> None:
        """Remove what was not finished and let other processes have the folder; after ``finish`` just the latter."""
        for temporary, _ in self._growing.values():
            temporary.unlink(missing_ok=True)
        self._growing.clear()
        self._lock.release()
