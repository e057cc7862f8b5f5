"""Layouts of other projects, in which users and items are numbers and the split is given.

``mmrec``: ``NAME.inter`` with a given split. ``diffmm``: three pickled matrices. Both come with feature arrays.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data.arrays import FeatureArrays, read_arrays
from mmrec.data.catalogue import Interactions
from mmrec.data.unpickle import read_matrix
from mmrec.errors import InputError
from mmrec.files import sha256_files


@dataclass(frozen=True)
class NumberedData:
    """A data set whose users and items are numbers.

    Attributes:
        interactions: all rows; every rating is 1.
        arrays: feature arrays; row i belongs to item i.
        fingerprint: SHA-256 over all files read.
        part: (N,) the given part of each row (0 train, 1 validation, 2 test); None where none is given.
    """

    interactions: Interactions
    arrays: FeatureArrays
    fingerprint: str
    part: np.ndarray | None


def read_mmrec(folder: Path) -> NumberedData:
    """Read ``NAME.inter`` and the feature arrays of its folder.

    Raises:
        InputError: a file or column is missing, a value is not a whole number, or ids and feature rows do not fit.
    """
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
    arrays = read_arrays(folder, at_least=int(item.max()) + 1, ids_from=path)
    rows = Interactions(
        user,
        item,
        np.ones(len(user), np.float32),
        timestamp,
        np.arange(len(user)),
        int(user.max()) + 1,
        arrays.items,
    )
    return NumberedData(rows, arrays, sha256_files(folder, [path, *arrays.files]), part)


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


def read_diffmm(folder: Path) -> NumberedData:
    """Read ``trnMat.pkl``, ``valMat.pkl`` and ``tstMat.pkl``, without running any code in them, and feature arrays.

    Raises:
        InputError: a file is missing or empty, or shapes do not fit together.
        IntegrityError: a pickle asks for code or is damaged.
    """
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
    arrays = read_arrays(folder, at_least=items, at_most=items, ids_from=paths[0])
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
    return NumberedData(rows, arrays, sha256_files(folder, [*paths, *arrays.files]), part)


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
