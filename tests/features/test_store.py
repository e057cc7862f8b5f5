import multiprocessing
import sqlite3

import numpy as np
import pytest

from mmrec.errors import IntegrityError
from mmrec.features.store import FeatureStore

IDENTITY = {"encoder": "toy", "version": "1", "parameters": {"a": 1}}


def rows(*numbers: float) -> np.ndarray:
    return np.array([[number, -number, 0.1 * number] for number in numbers], np.float32)


def test_rows_come_back_bit_for_bit_in_the_order_asked(tmp_path):
    values = np.random.default_rng(0).standard_normal((700, 3)).astype(np.float32)
    keys = [f"k{number}" for number in range(700)]
    with FeatureStore(IDENTITY, 3, tmp_path) as store:
        store.put(keys, values)
    with FeatureStore(IDENTITY, 3, tmp_path) as store:
        got = store.get([*keys[::-1], "k5", "k5"])
    assert got.dtype == np.float32
    assert np.array_equal(got, np.concatenate([values[::-1], values[[5, 5]]]))


def test_missing_lists_each_key_once_in_order(tmp_path):
    with FeatureStore(IDENTITY, 3, tmp_path) as store:
        store.put(["b"], rows(1))
        assert store.missing(["c", "b", "a", "c"]) == ["c", "a"]
        with pytest.raises(KeyError):
            store.get(["b", "a"])


def test_no_keys_give_an_empty_array(tmp_path):
    with FeatureStore(IDENTITY, 3, tmp_path) as store:
        assert store.get([]).shape == (0, 3)


def test_the_first_row_of_a_key_stays(tmp_path):
    with FeatureStore(IDENTITY, 3, tmp_path) as store:
        store.put(["a"], rows(1))
        store.put(["a", "b"], rows(2, 3))
        assert np.array_equal(store.get(["a", "b"]), rows(1, 3))


@pytest.mark.parametrize(
    "other",
    [{**IDENTITY, "encoder": "toz"}, {**IDENTITY, "version": "2"}, {**IDENTITY, "parameters": {"a": 2}}],
)
def test_another_encoder_version_or_parameter_finds_nothing(tmp_path, other):
    with FeatureStore(IDENTITY, 3, tmp_path) as store:
        store.put(["a"], rows(1))
    with FeatureStore(other, 3, tmp_path) as store:
        assert store.missing(["a"]) == ["a"]


def test_wrong_shape_is_refused(tmp_path):
    with FeatureStore(IDENTITY, 4, tmp_path) as store, pytest.raises(ValueError, match="shape"):
        store.put(["a"], rows(1))


def test_a_damaged_database_names_the_file_to_delete(tmp_path):
    with FeatureStore(IDENTITY, 3, tmp_path) as store:
        path = store.path
    path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(IntegrityError, match=path.name):
        FeatureStore(IDENTITY, 3, tmp_path)


def test_a_damaged_row_is_not_returned(tmp_path):
    with FeatureStore(IDENTITY, 3, tmp_path) as store:
        store.put(["a"], rows(1))
        other = sqlite3.connect(store.path)
        other.execute("UPDATE rows SET value = ?", (b"rubbish",))
        other.commit()
        other.close()
        with pytest.raises(IntegrityError, match="delete"):
            store.get(["a"])


def _put_many(folder, offset: int) -> None:
    with FeatureStore(IDENTITY, 3, folder) as store:
        for number in range(offset, offset + 60):
            store.put([f"k{number}"], rows(number))


def test_processes_share_a_database(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_put_many, args=(tmp_path, offset)) for offset in (0, 30, 60)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    with FeatureStore(IDENTITY, 3, tmp_path) as store:
        assert np.array_equal(store.get([f"k{number}" for number in range(120)]), rows(*range(120)))
