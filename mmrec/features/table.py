"""The aligned feature table that every model reads."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from mmap import mmap
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from mmrec.data.catalogue import MODALITIES
from mmrec.errors import InputError

_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Features:
    """Item features of any subset of the modalities, aligned with the item index.

    Attributes:
        item_ids: (I,) ids, in the order of the rows.
        blocks: modality -> (I, d) float32; a row is zero where the modality is absent.
        present: (I, 3) bool, columns in the order of ``MODALITIES``.
        reviews: (N, V) sparse counts of the words of each interaction row's review, in the space of
            ``blocks["text"]``; row n belongs to row n of ``user_data.csv``. None where there are no
            reviews. A model may read only the rows that it was given to train on.
        info: modality -> {"encoder", "version", "parameters", "source"}.
    """

    item_ids: tuple[str, ...]
    blocks: Mapping[str, np.ndarray]
    present: np.ndarray
    reviews: csr_matrix | None = None
    info: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        items = len(self.item_ids)
        if self.present.shape != (items, len(MODALITIES)):
            raise InputError(f"present has shape {self.present.shape}, expected {(items, len(MODALITIES))}")
        for name, block in self.blocks.items():
            if name not in MODALITIES:
                raise InputError(f"unknown modality {name!r}: choose from {', '.join(MODALITIES)}")
            if block.ndim != 2 or len(block) != items:
                raise InputError(
                    f"{name} features have shape {block.shape}: expected one row for each of {items} items"
                )
            bad = [
                start + row for start, part in _parts(block) for row in np.flatnonzero(~np.isfinite(part).all(axis=1))
            ]
            if bad:
                raise InputError(f"{name} features of item row {bad[0]} are not finite ({len(bad)} rows)")

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that have a block, in the canonical order."""
        return tuple(name for name in MODALITIES if name in self.blocks)

    def mask(self, modality: str) -> np.ndarray:
        """(I,) bool: which items have the modality."""
        return self.present[:, MODALITIES.index(modality)]

    def digest(self) -> str:
        """SHA-256 of everything that a model may read."""
        reviews = self.reviews
        parts = [self.present, *(self.blocks[name] for name in self.modalities)]
        parts += [] if reviews is None else [reviews.data, reviews.indices, reviews.indptr]
        digest = hashlib.sha256(json.dumps([self.modalities, [part.shape for part in parts]]).encode())
        for part in parts:
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()

    def only(self, *modalities: str) -> "Features":
        """The table with the other modalities taken away."""
        keep = np.array([name in modalities for name in MODALITIES])
        return replace(
            self,
            blocks={name: self.blocks[name] for name in self.modalities if name in modalities},
            present=self.present & keep,
            reviews=self.reviews if "text" in modalities else None,
        )

    def shuffled(self, rng: np.random.Generator) -> "Features":
        """Every item given another item's features: the control that content must beat."""
        order = rng.permutation(len(self.item_ids))
        return replace(
            self,
            blocks={name: block[order] for name, block in self.blocks.items()},
            present=self.present[order],
        )


def _parts(block: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Where each part of the rows starts, and the part, (n, d).

    What is read of a mapped file stays in memory as long as it is mapped: here every part is mapped for itself.
    """
    file = block if isinstance(block, np.memmap) else None
    if file is not None and not (isinstance(file.base, mmap) and file.flags.c_contiguous):
        file = None  # a view of one
    for start in range(0, len(block), _ROWS_AT_ONCE):
        source = block
        if file is not None:
            source = np.memmap(file.filename, file.dtype, "r", file.offset, file.shape)
        yield start, source[start : start + _ROWS_AT_ONCE]
