import builtins
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from mmrec.errors import IntegrityError
from mmrec.features.pretrained.torch_file import read_torch_legacy

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def head(system=SYSTEM) -> bytes:
    return b"".join(pickle.dumps(part, 2) for part in (MAGIC, VERSION, system))


class Name:
    """Pickled as a global, whether or not there is such a module here."""

    def __init__(self, module: str, name: str) -> None:
        self.place = (module, name)


class Stored:
    """Pickled as a persistent id."""

    def __init__(self, key, kind="FloatStorage", count=0, view=None) -> None:
        self.id = ("storage", Name("torch", kind), key, "cpu", count, view)


class Call:
    def __init__(self, function, *arguments) -> None:
        self.call = (function, arguments)


def dump(value) -> bytes:
    """A pickle, protocol 2, written opcode by opcode for the three classes above."""
    if isinstance(value, Name):
        return b"c%s\n%s\n" % tuple(part.encode() for part in value.place)
    if isinstance(value, Stored):
        return dump(value.id) + b"Q"
    if isinstance(value, Call):
        return dump(value.call[0]) + dump(value.call[1]) + b"R"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(dump, value)) + b"t"
    if isinstance(value, OrderedDict):
        pairs = b"".join(dump(key) + dump(one) for key, one in value.items())
        return b"ccollections\nOrderedDict\n)R(" + pairs + b"u"
    return pickle.dumps(value, 2)[2:-1]


def tensor(stored: Stored, shape: tuple, strides: tuple, offset: int = 0) -> Call:
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), stored, offset, shape, strides, False, OrderedDict())


def write(path, state, storages: dict[str, np.ndarray], *, keys=None, system=SYSTEM, counts=None, end=b"") -> bytes:
    data = head(system) + b"\x80\x02" + dump(state) + b"." + pickle.dumps(list(storages) if keys is None else keys, 2)
    for key, numbers in storages.items():
        data += (counts or {}).get(key, numbers.size).to_bytes(8, "little") + numbers.tobytes()
    path.write_bytes(data + end)
    return data + end


WEIGHT = np.arange(6, dtype="<f4")
LABELS = np.array([3, -1], "<i8")


def small(path) -> bytes:
    state = OrderedDict(
        {
            "weight": tensor(Stored("a", count=6), (2, 3), (3, 1)),
            "turned": tensor(Stored("a", count=6), (3, 2), (1, 3)),
            "part": tensor(Stored("a", count=6), (2,), (1,), 4),
            "count": tensor(Stored("b", "LongStorage", 2), (), (), 1),
            "nothing": tensor(Stored("a", count=6), (0, 3), (3, 1)),
        }
    )
    return write(path, state, {"a": WEIGHT, "b": LABELS})


def test_reads_tensors_of_shared_storages(tmp_path):
    small(tmp_path / "s.pth")
    found = read_torch_legacy(tmp_path / "s.pth")
    assert list(found) == ["weight", "turned", "part", "count", "nothing"]
    np.testing.assert_array_equal(found["weight"], WEIGHT.reshape(2, 3))
    np.testing.assert_array_equal(found["turned"], WEIGHT.reshape(2, 3).T)
    np.testing.assert_array_equal(found["part"], [4, 5])
    assert found["count"] == -1
    assert found["count"].dtype == np.int64
    assert found["nothing"].shape == (0, 3)
    found["weight"][:] = 0
    assert found["turned"].any()  # copies


def test_attributes_of_the_dict_are_dropped(tmp_path):
    state = dump(OrderedDict({"w": tensor(Stored("a", count=6), (6,), (1,))})) + b"}(X\x05\x00\x00\x00itemsK\x00ub"
    (tmp_path / "s.pth").write_bytes(
        head() + b"\x80\x02" + state + b"." + pickle.dumps(["a"], 2) + (6).to_bytes(8, "little") + WEIGHT.tobytes()
    )
    np.testing.assert_array_equal(read_torch_legacy(tmp_path / "s.pth")["w"], WEIGHT)


@pytest.mark.parametrize(
    ("module", "name", "argument"),
    [
        ("os", "system", "touch {}"),
        ("posix", "system", "touch {}"),
        ("builtins", "eval", "open({!r}, 'w')"),
        ("builtins", "getattr", "{}"),
        ("torch", "load", "{}"),
        ("torch.storage", "_load_from_bytes", "{}"),
        ("collections", "namedtuple", "{}"),
        ("numpy", "load", "{}"),
    ],
)
@pytest.mark.parametrize("place", ["head", "system", "state", "inside", "keys"])
def test_a_pickle_that_asks_for_code_is_refused_by_name_and_not_run(tmp_path, module, name, argument, place):
    mark = tmp_path / "ran"
    attack = Call(Name(module, name), argument.format(str(mark)))
    program = b"\x80\x02" + dump(attack) + b"."
    start = b"".join(pickle.dumps(part, 2) for part in (MAGIC, VERSION))
    inside = OrderedDict({"w": tensor(Stored("a", count=6), (6,), (1,)), "x": attack})
    data = {
        "head": program,
        "system": start + program,
        "state": head() + program,
        "inside": head() + b"\x80\x02" + dump(inside) + b".",
        "keys": head() + b"\x80\x02" + dump(OrderedDict()) + b"." + program,
    }[place]
    (tmp_path / "s.pth").write_bytes(data)
    with pytest.raises(IntegrityError, match=rf"s\.pth: refused, the pickle asks for {module}\.{name}"):
        read_torch_legacy(tmp_path / "s.pth")
    assert not mark.exists()


class Malicious:
    def __init__(self, function, argument) -> None:
        self.call = (function, (argument,))

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(("function", "argument"), [(os.system, "touch {}"), (builtins.eval, "open({!r}, 'w')")])
@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_python_s_own_malicious_pickles_are_refused(tmp_path, function, argument, protocol):
    mark = tmp_path / "ran"
    value = {"w": Malicious(function, argument.format(str(mark)))}
    (tmp_path / "s.pth").write_bytes(head() + pickle.dumps(value, protocol))
    with pytest.raises(IntegrityError, match=rf"{function.__module__}\.|__builtin__\."):
        read_torch_legacy(tmp_path / "s.pth")
    assert not mark.exists()


def test_every_truncation_and_every_addition_is_refused(tmp_path):
    data = small(tmp_path / "s.pth")
    for end in range(0, len(data)):
        (tmp_path / "s.pth").write_bytes(data[:end])
        with pytest.raises(IntegrityError, match=r"s\.pth"):
            read_torch_legacy(tmp_path / "s.pth")
    (tmp_path / "s.pth").write_bytes(data + b"\0")
    with pytest.raises(IntegrityError, match="goes on after its end"):
        read_torch_legacy(tmp_path / "s.pth")


def test_changed_bytes_end_in_an_error_or_in_tensors(tmp_path):
    data = small(tmp_path / "s.pth")
    rng = np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(data)
        changed[rng.integers(len(data))] = rng.integers(256)
        (tmp_path / "s.pth").write_bytes(changed)
        try:
            found = read_torch_legacy(tmp_path / "s.pth")
        except IntegrityError:
            continue
        assert all(isinstance(value, np.ndarray) for value in found.values())


def one(shape=(6,), strides=(1,), offset=0, **stored) -> OrderedDict:
    return OrderedDict({"w": tensor(Stored("a", **{"count": 6, **stored}), shape, strides, offset)})


@pytest.mark.parametrize(
    ("state", "match"),
    [
        (one(count=1 << 40), "more than the file"),
        (one(count=-1), "more than the file"),
        (one(count=7), "6 numbers where its tensors say 7"),
        (one(count=3, kind="DoubleStorage"), "6 numbers where its tensors say 3"),
        (one(kind="DoubleStorage"), "it ends within storage a"),
        (one(view=("b", 0, 3)), "view"),
        (one(shape=(7,)), "in a storage of 6"),
        (one(shape=(3, 3), strides=(3, 1)), "in a storage of 6"),
        (one(shape=(2,), strides=(6,)), "in a storage of 6"),
        (one(offset=1), "in a storage of 6"),
        (one(shape=(1 << 40,), strides=(0,)), "in a storage of 6"),
        (one(shape=(2,), strides=(-1,), offset=3), "below 0"),
        (one(offset=-1), "below 0"),
        (one(shape=(2, 3)), "contradicts"),
        (OrderedDict({"w": 1}), "storages"),
        (one(kind="StringStorage"), "torch.StringStorage"),
    ],
)
def test_sizes_that_contradict_the_file_are_refused(tmp_path, state, match):
    write(tmp_path / "s.pth", state, {"a": WEIGHT})
    with pytest.raises(IntegrityError, match=match):
        read_torch_legacy(tmp_path / "s.pth")


@pytest.mark.parametrize("keys", [[], ["b"], ["a", "a"], ["a", "b"], "a", None, {"a": 1}, [1]])
def test_other_keys_than_those_of_the_tensors_are_refused(tmp_path, keys):
    write(tmp_path / "s.pth", one(), {"a": WEIGHT}, keys=[None] if keys is None else keys)
    with pytest.raises(IntegrityError):
        read_torch_legacy(tmp_path / "s.pth")


@pytest.mark.parametrize("value", [OrderedDict({1: 2}), OrderedDict({"w": 1}), 3, "text", Stored("a", count=6)])
def test_anything_else_than_a_dict_of_tensors_is_refused(tmp_path, value):
    storages = {"a": WEIGHT} if isinstance(value, Stored) else {}
    write(tmp_path / "s.pth", value, storages)
    with pytest.raises(IntegrityError, match="it holds"):
        read_torch_legacy(tmp_path / "s.pth")


def test_other_files_are_refused(tmp_path):
    for data in (b"", b"PK\x03\x04 a zip", pickle.dumps({"w": 1}, 2), head({**SYSTEM, "little_endian": False})):
        (tmp_path / "s.pth").write_bytes(data)
        with pytest.raises(IntegrityError, match="not a whole state dict"):
            read_torch_legacy(tmp_path / "s.pth")
