"""Reads the state dicts that PyTorch wrote before 1.6, without PyTorch and without running anything that they say.

Such a file is five pickles (magic number, version, the writer's system, the dict, the keys of its storages), then
each storage as a count of eight bytes and its numbers. A pickle is a program: here its every call lands in a
stand-in of this module, which only takes down numbers, and any other name is refused.
"""

import io
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.errors import IntegrityError

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}


class _Refused(Exception):
    """The pickle names something that is not admitted."""


class _Dict(dict):
    """Replaces ``collections.OrderedDict``; the attributes that PyTorch gives it are dropped."""

    def __setstate__(self, state: object) -> None:
        pass


class _Storage:
    """Numbers of one type, which follow the pickles; tensors are views of them."""

    values: np.ndarray

    def __init__(self, dtype: np.dtype, count: int) -> None:
        self.dtype, self.count = dtype, count


class _Tensor:
    """What ``torch._utils._rebuild_tensor_v2`` is told."""

    def __init__(
        self,
        storage: _Storage,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        requires_grad: bool = False,
        hooks: object = None,
        metadata: object = None,
    ) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self) -> np.ndarray:
        """A copy of the tensor; raises ``ValueError`` if it reaches beyond its storage."""
        if not isinstance(self.storage, _Storage) or len(self.shape) != len(self.strides):
            raise ValueError("a tensor that contradicts itself")
        if any(type(number) is not int or number < 0 for number in (self.offset, *self.shape, *self.strides)):
            raise ValueError("a tensor with a size below 0")
        size = math.prod(self.shape)
        last = self.offset + sum((side - 1) * stride for side, stride in zip(self.shape, self.strides, strict=True))
        if size > self.storage.count or (size and last >= self.storage.count):
            raise ValueError(f"a tensor of shape {self.shape} in a storage of {self.storage.count} numbers")
        if not size:
            return np.zeros(self.shape, self.storage.dtype)
        steps = tuple(stride * self.storage.dtype.itemsize for stride in self.strides)
        return np.lib.stride_tricks.as_strided(self.storage.values[self.offset :], self.shape, steps).copy()


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, largest: int) -> None:
        super().__init__(stream)
        self.largest = largest  # bytes that a storage can have: those of the file
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return _Dict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _TYPES:
            return np.dtype(_TYPES[name])
        raise _Refused(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, count, view = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or type(key) is not str or type(count) is not int:
            raise ValueError("a storage that is none")
        if view is not None:
            raise ValueError("a view of a storage")
        if count < 0 or count * dtype.itemsize > self.largest:
            raise ValueError(f"storage {key} says that it holds {count} numbers, more than the file")
        storage = self.storages.setdefault(key, _Storage(dtype, count))
        if (storage.dtype, storage.count) != (dtype, count):
            raise ValueError(f"storage {key} has two types or sizes")
        return storage


def read_torch_legacy(path: Path | str) -> dict[str, np.ndarray]:
    """Read a state dict in PyTorch's file format of before 1.6 (no ZIP archive).

    Args:
        path: the file.

    Returns:
        Name -> tensor, in the file's order.

    Raises:
        IntegrityError: the file asks for anything but tensors in a dict (named in the message), or is damaged.
    """
    path = Path(path)
    data = path.read_bytes()
    try:
        return _read(data)
    except _Refused as error:
        raise IntegrityError(f"{path}: refused, the pickle asks for {error}; only tensors are read") from None
    except Exception as error:  # damaged bytes can end in almost any exception
        raise IntegrityError(f"{path}: not a whole state dict of PyTorch before 1.6 ({error})") from None


def _read(data: bytes) -> dict[str, np.ndarray]:
    stream = io.BytesIO(data)
    head = [_Unpickler(stream, 0).load() for _ in range(3)]
    if head[:2] != [_MAGIC, _VERSION] or head[2].get("little_endian") is not True:
        raise ValueError("it begins otherwise")
    unpickler = _Unpickler(stream, len(data))
    found = unpickler.load()
    keys = _Unpickler(stream, 0).load()
    storages = unpickler.storages
    if type(keys) is not list or sorted(keys) != sorted(storages):
        raise ValueError("its storages are not those of its tensors")
    for key in keys:
        _fill(storages[key], stream, key)
    if stream.read(1):
        raise ValueError("it goes on after its end")
    if not isinstance(found, _Dict) or not all(type(name) is str for name in found):
        raise ValueError("it holds no dict")
    if not all(isinstance(tensor, _Tensor) for tensor in found.values()):
        raise ValueError("it holds more than tensors")
    return {name: tensor.array() for name, tensor in found.items()}


def _fill(storage: _Storage, stream: io.BytesIO, key: str) -> None:
    count = int.from_bytes(stream.read(8), "little")
    if count != storage.count:
        raise ValueError(f"storage {key} has {count} numbers where its tensors say {storage.count}")
    numbers = stream.read(count * storage.dtype.itemsize)
    if len(numbers) < count * storage.dtype.itemsize:
        raise ValueError(f"it ends within storage {key}")
    storage.values = np.frombuffer(numbers, storage.dtype)
