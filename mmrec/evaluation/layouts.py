"""Data as this field keeps it on disk, read into one form: ids, interactions, features and a split.

``catalogue`` is the project's own folder. ``mmrec``: ``NAME.inter`` with a given split, and feature arrays.
``diffmm``: three pickled matrices, and feature arrays. ``microlens``: pairs, titles, covers and sounds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.data.duplicates import find_duplicates
from mmrec.data.split import Split, by_time, item_folds, user_folds
from mmrec.data.unpickle import read_matrix
from mmrec.errors import InputError
from mmrec.evaluation.arrays import digest_of, read_features
from mmrec.features.table import Features

LAYOUTS = ("catalogue", "mmrec", "diffmm", "microlens")


@dataclass(frozen=True)
class Bundle:
    """What a benchmark needs to know of a data set.

    Attributes:
        name: the folder's name.
        user_ids: (U,) ids; position is the index.
        item_ids: (I,) ids; position is the index and the row of the features.
        interactions: all rows; of ``mmrec`` and ``diffmm`` every rating is 1.
        features: item features; no block where the folder has none.
        fingerprint: SHA-256 over all files read.
        part: (N,) the given part of each row (0 train, 1 validation, 2 test); None: split by time.
        duplicates: groups of items that are one thing under several ids.
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


def read_layout(folder: Path | str, layout: str, *, drop_faulty: bool = False, progress: bool = False) -> Bundle:
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
        return _read_catalogue(folder, drop_faulty, progress)
    if layout == "microlens":
        return _read_microlens(folder, progress)
    readers: dict[str, Callable[[Path], Bundle]] = {"mmrec": _read_mmrec, "diffmm": _read_diffmm}
    return readers[layout](folder)


def _read_catalogue(folder: Path, drop_faulty: bool, progress: bool) -> Bundle:
    from mmrec.data.reader import read_catalogue

    return _of_catalogue(read_catalogue(folder, drop_faulty=drop_faulty), progress)


def _read_microlens(folder: Path, progress: bool) -> Bundle:
    from mmrec.evaluation.microlens import as_catalogue

    return _of_catalogue(as_catalogue(folder), progress)


def _of_catalogue(catalogue: Catalogue, progress: bool) -> Bundle:
    from mmrec.features.extraction import extract

    return Bundle(
        catalogue.folder.resolve().name,
        catalogue.user_ids,
        catalogue.item_ids,
        catalogue.interactions,
        extract(catalogue, progress=progress),
        catalogue.fingerprint,
        duplicates=find_duplicates(catalogue),
    )


def _read_mmrec(folder: Path) -> Bundle:
    path = _inter_file(folder)
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path}: not a tab-separated table in UTF-8 ({error})") from None
    table.columns = pd.Index([str(name).partition(":")[0].strip() for name in table.columns])
    user, item = _whole_numbers(table, "userID", path), _whole_numbers(table, "itemID", path)
    part = _whole_numbers(table, "x_label", path, largest=2) if "x_label" in table else None
    if "timestamp" in table:
        timestamp = np.floor(_numbers(table, "timestamp", path)).astype(np.int64)
    else:  # the file's order may be that of the ids: no time is better than an invented one
        timestamp = np.zeros(len(user), np.int64)
    features, files = read_features(folder, at_least=int(item.max()) + 1, ids_from=path)
    rows = Interactions(
        user,
        item,
        np.ones(len(user), np.float32),
        timestamp,
        np.arange(len(user)),
        int(user.max()) + 1,
        len(features.item_ids),
    )
    return _numbered(folder, rows, features, [path, *files], part)


def _inter_file(folder: Path) -> Path:
    """``NAME/NAME.inter``, or the only ``.inter`` file that does not hold the original ids."""
    named = folder / f"{folder.resolve().name}.inter"
    if named.is_file():
        return named
    found = sorted(path for path in folder.glob("*.inter") if not path.stem.endswith("_og_ids"))
    if len(found) != 1:
        seen = ", ".join(path.name for path in found) or "none"
        raise InputError(f"{folder}: expected {named.name} or a single .inter file, found {seen}")
    return found[0]


def _read_diffmm(folder: Path) -> Bundle:
    paths = [folder / name for name in ("trnMat.pkl", "valMat.pkl", "tstMat.pkl")]
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path} is missing: this layout has trnMat.pkl, valMat.pkl and tstMat.pkl")
    matrices = [read_matrix(path) for path in paths]
    users, items = matrices[0].shape
    for path, matrix in zip(paths, matrices, strict=True):
        if matrix.shape != (users, items):
            raise InputError(f"{path}: shape {matrix.shape}, but {paths[0].name} has {(users, items)}")
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    features, files = read_features(folder, at_least=items, at_most=items, ids_from=paths[0])
    size = sum(matrix.nnz for matrix in matrices)
    rows = Interactions(
        np.concatenate([matrix.row for matrix in matrices]).astype(np.int64),
        np.concatenate([matrix.col for matrix in matrices]).astype(np.int64),
        np.ones(size, np.float32),
        np.zeros(size, np.int64),
        np.arange(size),
        users,
        items,
    )
    if not size:
        raise InputError(f"{folder}: the matrices hold no interaction")
    part = np.repeat(np.arange(3), [matrix.nnz for matrix in matrices])
    return _numbered(folder, rows, features, [*paths, *files], part)


def _numbered(
    folder: Path, rows: Interactions, features: Features, files: list[Path], part: np.ndarray | None
) -> Bundle:
    """A bundle whose ids are the indices."""
    users = tuple(str(index) for index in range(rows.users))
    digest = digest_of(folder, files)
    return Bundle(folder.resolve().name, users, features.item_ids, rows, features, digest, part)


def _numbers(table: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    if column not in table:
        raise InputError(f"{path}: no column {column!r}; it has {', '.join(map(str, table.columns))}")
    if table.empty:
        raise InputError(f"{path}: no row below the header")
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(f"{path} row {row + 2}: {column} is {table[column].iat[row]!r}, expected a number")
    return values


def _whole_numbers(table: pd.DataFrame, column: str, path: Path, largest: int = (1 << 31) - 1) -> np.ndarray:
    values = _numbers(table, column, path)
    bad = (values < 0) | (values > largest) | (values != np.floor(values))
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(f"{path} row {row + 2}: {column} is {table[column].iat[row]!r}, expected 0 to {largest}")
    return values.astype(np.int64)
