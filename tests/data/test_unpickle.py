import io
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from scipy.sparse import coo_matrix, csr_matrix

from mmrec.data.unpickle import read_matrix
from mmrec.errors import IntegrityError


def matrix(seed: int = 0, dtype: type = np.float64) -> coo_matrix:
    rng = np.random.default_rng(seed)
    return coo_matrix((rng.random((5, 7)) < 0.3).astype(dtype))


def old_names(data: bytes) -> bytes:
    """The pickle as SciPy before 1.8 and NumPy before 2 wrote it; names are length-prefixed, hence protocol 0 lines."""
    stream = io.BytesIO()

    class Old(pickle._Pickler):  # the Python one, whose names can be set
        def save_global(self, obj, name=None):
            module = {"scipy.sparse._coo": "scipy.sparse.coo", "numpy._core.multiarray": "numpy.core.multiarray"}
            place = module.get(obj.__module__, obj.__module__)
            self.write(b"c" + f"{place}\n{obj.__qualname__}\n".encode())
            self.memoize(obj)

        dispatch = pickle._Pickler.dispatch.copy()
        dispatch[type] = save_global

    Old(stream, 3).dump(pickle.loads(data))
    return stream.getvalue()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
def test_reads_what_scipy_wrote(tmp_path, protocol, dtype):
    expected = matrix(dtype=dtype)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(expected, protocol))
    found = read_matrix(tmp_path / "m.pkl")
    assert found.shape == (5, 7)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.toarray(), expected.toarray().astype(np.float32))


def test_reads_the_old_module_names(tmp_path):
    data = old_names(pickle.dumps(matrix(), 3))
    assert b"scipy.sparse.coo\n" in data
    assert b"numpy.core.multiarray\n" in data
    assert b"_coo\n" not in data
    (tmp_path / "m.pkl").write_bytes(data)
    np.testing.assert_array_equal(read_matrix(tmp_path / "m.pkl").toarray(), matrix().toarray())


def test_reads_the_old_attributes_row_and_col(tmp_path):
    # NEWOBJ as protocol 2 writes it, with the state that SciPy before 1.13 kept
    m = matrix()
    state = {"_shape": m.shape, "row": m.row, "col": m.col, "data": m.data, "maxprint": 50}
    body = pickle.dumps(state, 2)[2:-1]
    data = b"\x80\x02cscipy.sparse.coo\ncoo_matrix\n)\x81" + body + b"b."
    (tmp_path / "m.pkl").write_bytes(data)
    np.testing.assert_array_equal(read_matrix(tmp_path / "m.pkl").toarray(), m.toarray())


class Malicious:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "argument", "named"),
    [
        (os.system, "touch {}", r"posix\.system|nt\.system"),
        (eval, "open({!r}, 'w')", r"builtins\.eval"),
        (getattr, "{}", r"builtins\.getattr"),
        (np.load, "{}", r"numpy\.load"),
    ],
)
def test_a_pickle_that_asks_for_code_is_refused_by_name_and_not_run(tmp_path, function, argument, named):
    mark = tmp_path / "ran"
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(Malicious(function, argument.format(str(mark)))))
    with pytest.raises(IntegrityError, match=named):
        read_matrix(tmp_path / "m.pkl")
    assert not mark.exists()


def test_code_hidden_inside_a_matrix_is_refused(tmp_path):
    mark = tmp_path / "ran"
    hidden = matrix()
    hidden.extra = Malicious(os.system, f"touch {mark}")
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(hidden))
    with pytest.raises(IntegrityError, match="asks for"):
        read_matrix(tmp_path / "m.pkl")
    assert not mark.exists()


@pytest.mark.parametrize("value", [[1, 2], np.ones(3), OrderedDict(), csr_matrix(np.eye(2)), "text"])
def test_anything_else_than_a_coo_matrix_is_refused(tmp_path, value):
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(IntegrityError, match=r"m\.pkl"):
        read_matrix(tmp_path / "m.pkl")


def test_an_array_of_objects_is_refused(tmp_path):
    m = matrix()
    m.data = np.array([object] * m.nnz, object)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(m))
    with pytest.raises(IntegrityError):
        read_matrix(tmp_path / "m.pkl")


@pytest.mark.parametrize("fault", ["row", "negative", "length", "nan", "shape"])
def test_a_matrix_that_contradicts_itself_is_refused(tmp_path, fault):
    m = matrix()
    row, column = m.row.copy(), m.col.copy()
    if fault == "row":
        row[0] = 5
    if fault == "negative":
        column[0] = -1
    if fault == "length":
        row = row[:-1]
    if fault == "nan":
        m.data[0] = np.nan
    if fault == "shape":
        m._shape = (0, 7)
    m.coords = (row, column)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(m))
    with pytest.raises(IntegrityError, match="not a whole pickle"):
        read_matrix(tmp_path / "m.pkl")


def test_every_truncation_is_refused(tmp_path):
    data = pickle.dumps(matrix())
    for end in range(0, len(data), 7):
        (tmp_path / "m.pkl").write_bytes(data[:end])
        with pytest.raises(IntegrityError):
            read_matrix(tmp_path / "m.pkl")
