"""The inverse, the order in time, and what stands in X."""

import numpy as np
import pytest

from mmrec.data.catalogue import LIKE_THRESHOLD
from mmrec.errors import InputError
from mmrec.models import item_to_item, make_model
from mmrec.models.item_to_item import inverse, later_rows


@pytest.mark.parametrize("size", [1, 5, 511, 512, 513, 1300])
def test_inverse(size):
    rng = np.random.default_rng(size)
    root = rng.normal(size=(size, size + 3))
    matrix = root @ root.T + np.eye(size)
    found = inverse(matrix.copy())
    assert np.abs(found @ matrix - np.eye(size)).max() < 1e-7
    assert np.array_equal(found, found.T)


def test_large_matrices_are_inverted_in_single_precision(monkeypatch):
    """In double precision LAPACK ends the process there."""
    monkeypatch.setattr(item_to_item, "_LARGEST_DOUBLE", 30)
    root = np.random.default_rng(0).normal(size=(31, 60))
    matrix = root @ root.T + np.eye(31)
    found = inverse(matrix.copy())
    assert found.dtype == np.float32
    assert found == pytest.approx(np.linalg.inv(matrix), rel=1e-3, abs=1e-5)
    assert inverse(matrix[:30, :30].copy()).dtype == np.float64


def test_what_cannot_be_inverted_is_refused():
    with pytest.raises(InputError, match="raise l2"):
        inverse(-np.eye(3))


def test_later_rows(interactions):
    found = later_rows(interactions)
    for row in range(0, len(interactions), 7):
        same = interactions.user == interactions.user[row]
        after = interactions.timestamp[same] > interactions.timestamp[row]
        tied = (interactions.timestamp == interactions.timestamp[row]) & same
        assert found[row] == after.sum() + tied[row + 1 :].sum()


@pytest.mark.parametrize("name", ["graph-filter", "ease-features"])
def test_scores_are_faded_profiles_times_weights(name, interactions, features):
    model = make_model(name, dislike=0.5, recency=3.0).fit(interactions, features)
    expected = np.zeros((interactions.n_users, interactions.n_items))
    later = later_rows(interactions)
    for row in range(len(interactions)):
        weight = 1.0 if interactions.rating[row] >= LIKE_THRESHOLD else 0.5
        at = interactions.user[row], interactions.item[row]
        expected[at] += weight * 0.5 ** (later[row] / 3)
    users = np.arange(interactions.n_users)
    assert model.scores(users) == pytest.approx(expected @ model.weights, abs=1e-4)


def test_without_time_all_rows_count_alike(interactions, features):
    from dataclasses import replace

    rows = replace(interactions, timestamp=np.zeros(len(interactions), np.int64))
    faded, flat = (make_model("graph-filter", recency=half).fit(rows, features) for half in (3.0, 0.0))
    users = np.arange(5)
    assert np.array_equal(faded.scores(users), flat.scores(users))


def test_new_people_are_folded_in(interactions):
    model = make_model("ease").fit(interactions)
    liked = interactions.likes().matrix()
    assert np.array_equal(model.fold_in(liked[:4]), model.scores(np.arange(4)))


def test_weights_lie_by_rows(interactions):
    for name in ("ease", "graph-filter", "item-knn"):
        assert make_model(name).fit(interactions).weights.flags.c_contiguous
