"""Reads the pickled scipy matrices that research code leaves behind, without running anything that they say.

A pickle is a program. Here its every call lands in a stand-in of this module, which only takes down numbers; NumPy
and SciPy come in afterwards, when shapes, types and ranges have been checked. Any other name is refused.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix

from mmrec.errors import IntegrityError

_LARGEST_SIDE = 1 << 31


class _DType:
    """Replaces ``numpy.dtype``: numbers of a fixed size, nothing else."""

    def __init__(self, name: str, *flags: object) -> None:
        self.dtype = np.dtype(str(name))
        if self.dtype.kind not in "biuf":
            raise ValueError(f"an array of {name!r}")

    def __setstate__(self, state: tuple) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Replaces ``numpy.ndarray``."""

    value: np.ndarray

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, _, data = state
        self.value = _from_bytes(data, kind, shape)


class _Matrix:
    """Replaces ``scipy.sparse.coo_matrix``."""

    state: dict[str, Any]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = dict(state)


def _from_bytes(data: Any, kind: _DType, shape: tuple[int, ...], order: str = "C") -> np.ndarray:
    (length,) = shape  # rows, columns and values are vectors
    if not isinstance(kind, _DType):
        raise ValueError("an array without a type")
    return np.frombuffer(bytes(data), kind.dtype, length)


def _reconstruct(*arguments: object) -> _Array:
    return _Array()


def _frombuffer(data: Any, kind: _DType, shape: tuple[int, ...], order: str = "C") -> _Array:
    array = _Array()
    array.value = _from_bytes(data, kind, shape)
    return array


def _encode(text: str, codec: str) -> bytes:
    return text.encode("latin-1")  # how protocol 2 writes bytes


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _encode,
}
for _core in ("numpy.core", "numpy._core"):
    _ADMITTED[_core + ".multiarray", "_reconstruct"] = _reconstruct
    _ADMITTED[_core + ".numeric", "_frombuffer"] = _frombuffer
for _module in ("scipy.sparse.coo", "scipy.sparse._coo"):
    _ADMITTED[_module, "coo_matrix"] = _Matrix


class _Refused(Exception):
    """The pickle names something that is not admitted."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise _Refused(f"{module}.{name}")
        return _ADMITTED[module, name]


def read_matrix(path: Path | str) -> coo_matrix:
    """Read one pickled ``scipy.sparse.coo_matrix``, written by any version of SciPy and NumPy.

    Args:
        path: the pickle, protocol 2 or later.

    Returns:
        The matrix (users x items), float32 values.

    Raises:
        IntegrityError: the pickle asks for anything but such a matrix (named in the message), or is damaged.
    """
    path = Path(path)
    try:
        found = _Unpickler(io.BytesIO(path.read_bytes())).load()
        if not isinstance(found, _Matrix):
            raise ValueError(f"it holds a {type(found).__name__.lstrip('_').lower()}")
        return _checked(found.state)
    except _Refused as error:
        raise IntegrityError(
            f"{path}: refused, the pickle asks for {error}; only a scipy coo_matrix of numbers is read"
        ) from None
    except OSError:
        raise
    except Exception as error:  # damaged bytes can end in almost any exception
        raise IntegrityError(f"{path}: not a whole pickle of a scipy coo_matrix ({error})") from None


def _checked(state: dict[str, Any]) -> coo_matrix:
    row, column = state["coords"] if "coords" in state else (state["row"], state["col"])
    users, items = (int(side) for side in state["_shape"])
    rows, columns, values = row.value, column.value, state["data"].value
    if not len(rows) == len(columns) == len(values):
        raise ValueError("rows, columns and values differ in number")
    if not (0 < users < _LARGEST_SIDE and 0 < items < _LARGEST_SIDE):
        raise ValueError(f"shape {users} x {items}")
    for name, index, side in (("row", rows, users), ("column", columns, items)):
        if index.dtype.kind not in "iu" or (len(index) and (index.min() < 0 or index.max() >= side)):
            raise ValueError(f"a {name} lies outside the shape {users} x {items}")
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a value is not finite")
    return coo_matrix((values, (rows.astype(np.int64), columns.astype(np.int64))), (users, items))
