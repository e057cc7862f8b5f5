"""A data set as a benchmark needs it, whatever its layout on disk: ids, interactions, features and splits.

``catalogue`` is the project's own folder. ``mmrec``: ``NAME.inter`` with a given split, and feature arrays.
``diffmm``: three pickled matrices, and feature arrays. ``microlens``: pairs, titles, covers and sounds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.data.duplicates import find_duplicates
from mmrec.data.layouts import read_diffmm, read_mmrec
from mmrec.data.microlens import read_microlens
from mmrec.data.split import Split, by_time, item_folds, user_folds
from mmrec.errors import InputError
from mmrec.features.table import Features

LAYOUTS = ("catalogue", "mmrec", "diffmm", "microlens")


@dataclass(frozen=True)
class BenchmarkData:
    """A data set with its features and splits.

    Attributes:
        name: the folder's name.
        user_ids: (U,) ids; position is the index.
        item_ids: (I,) ids; position is the index and the row of the features.
        interactions: all rows; of ``mmrec`` and ``diffmm`` every rating is 1.
        features: item features; no block where the folder has none.
        fingerprint: SHA-256 over all files read.
        part: (N,) the given part of each row (0 train, 1 validation, 2 test); None: split by time.
        duplicates: groups of items that are the same under several ids.
    """

    name: str
    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    interactions: Interactions
    features: Features
    fingerprint: str
    part: np.ndarray | None = None
    duplicates: Sequence[Sequence[int]] = ()

    @cached_property
    def warm(self) -> Split:
        """The split with no cold item and no cold user, ties in time broken by seed 0; always the same object."""
        return self.split()

    @cached_property
    def for_search(self) -> Split:
        """What settings are chosen on: ``warm`` without rows that another order of ties would test.

        ``warm`` itself where ties decide nothing (see ``has_ties``).
        """
        return self.warm.settled() if self.has_ties else self.warm

    @cached_property
    def has_ties(self) -> bool:
        """Whether the order within a second decides what is test.

        Not so with a given split. Where no row is left to choose settings on, as in data without times, there is one
        order for all runs.
        """
        if self.part is not None:
            return False
        settled = self.warm.settled()
        rows = len(settled.train) + len(settled.validation)
        return 0 < rows < len(self.warm.train) + len(self.warm.validation) and len(settled.validation) > 0

    def ordered(self, seed: int) -> Split:
        """The warm split with ties in time broken by ``seed``; ``warm`` itself where they decide nothing."""
        return self.split(seed=seed) if seed and self.has_ties else self.warm

    def split(self, seed: int = 0, cold_items: float | np.ndarray = 0.0, cold_users: float | np.ndarray = 0.0) -> Split:
        """The given split, or one by time where none is given.

        Args:
            seed: draws which items and users are cold, and the order of rows that share their time.
            cold_items, cold_users: shares to leave out of training and validation, or which ones. All rows of a cold
                item are the test ``"cold-item"``, whichever part they were given for; cold users likewise.

        Raises:
            InputError: a share is out of range, or nothing is left to train on.
        """
        cold = by_time(
            self.interactions, cold_items=cold_items, cold_users=cold_users, seed=seed, duplicates=self.duplicates
        )
        return self._given(cold)

    def folds(self, case: str, folds: int, seed: int = 0) -> Iterator[Split]:
        """Splits in which every item (``"cold-item"``) or every user (``"cold-user"``) is new once.

        Args:
            case: which of the two.
            folds: number of splits.
            seed: draws the folds.
        """
        made = (
            item_folds(self.interactions, folds, seed=seed, duplicates=self.duplicates)
            if case == "cold-item"
            else user_folds(self.interactions, folds, seed=seed)
        )
        return map(self._given, made)

    def _given(self, cold: Split) -> Split:
        """The same cold items and users, the other rows as they are given."""
        if self.part is None:
            return cold
        rows = self.interactions
        warm = ~cold.cold_items[rows.item] & ~cold.cold_users[rows.user]
        train, validation, test = (rows.take(np.flatnonzero(warm & (self.part == part))) for part in range(3))
        if not len(train):
            raise InputError(f"{self.name}: nothing is left to train on: lower the shares of cold items and cold users")
        return replace(cold, train=train, validation=validation, test={**cold.test, "warm": test})


def read_layout(folder: Path | str, layout: str, *, drop_faulty: bool = False, progress: bool = False) -> BenchmarkData:
    """Read a data folder.

    Args:
        folder: the data set's folder.
        layout: one of ``LAYOUTS``.
        drop_faulty: of a catalogue, go on without faulty rows.
        progress: show a bar while features are extracted.

    Raises:
        InputError: no such layout, a file is missing, or ids and feature rows do not fit together.
        IntegrityError: a pickle asks for code or is damaged.
        CatalogueError: the catalogue breaks the data contract.
    """
    folder = Path(folder)
    if layout not in LAYOUTS:
        raise InputError(f"unknown layout {layout!r}: choose from {', '.join(LAYOUTS)}")
    if not folder.is_dir():
        raise InputError(f"no folder {folder}")
    if layout == "catalogue":
        from mmrec.data.reader import read_catalogue

        return _of_catalogue(read_catalogue(folder, drop_faulty=drop_faulty), progress)
    if layout == "microlens":
        return _of_catalogue(read_microlens(folder), progress)
    found = read_mmrec(folder) if layout == "mmrec" else read_diffmm(folder)
    rows, arrays = found.interactions, found.arrays
    user_ids, item_ids = (tuple(map(str, range(size))) for size in (rows.users, rows.items))
    features = Features(item_ids, arrays.blocks, arrays.present, info=arrays.info)
    return BenchmarkData(folder.resolve().name, user_ids, item_ids, rows, features, found.fingerprint, found.part)


def _of_catalogue(catalogue: Catalogue, progress: bool) -> BenchmarkData:
    from mmrec.features.extraction import extract

    return BenchmarkData(
        catalogue.folder.resolve().name,
        catalogue.user_ids,
        catalogue.item_ids,
        catalogue.interactions,
        extract(catalogue, progress=progress),
        catalogue.fingerprint,
        duplicates=find_duplicates(catalogue),
    )
