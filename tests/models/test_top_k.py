"""The k best items of each row, against a full stable sort."""

import numpy as np
import pytest

from mmrec.errors import InputError
from mmrec.models import make_model, top_k
from mmrec.models.top_k import best_items


def sorted_fully(scores, k):
    """The k best of each row by sorting all of it; -1 for what is -inf or beyond the row."""
    items, best = np.full((len(scores), k), -1), np.full((len(scores), k), -np.inf, np.float32)
    for row, values in enumerate(scores):
        order = [item for item in sorted(range(len(values)), key=lambda item: (-values[item], item))]
        order = [item for item in order if values[item] > -np.inf][:k]
        items[row, : len(order)], best[row, : len(order)] = order, values[order]
    return items, best


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seed", range(30))
def test_exact_with_many_ties(seed):
    rng = np.random.default_rng(seed)
    users, items, k = rng.integers(1, 9), rng.integers(1, 900), int(rng.integers(1, 30))
    scores = rng.integers(0, rng.integers(1, 200), (users, items)).astype(np.float32)
    scores[rng.random(scores.shape) < rng.choice([0, 0.3, 1])] = -np.inf
    assert_same(best_items(scores, k), sorted_fully(scores, k))


def test_exact_over_several_tasks(monkeypatch):
    monkeypatch.setattr(top_k, "_CELLS_A_TASK", 1000)
    scores = np.random.default_rng(0).integers(0, 90, (57, 400)).astype(np.float32)
    assert_same(best_items(scores, 7), sorted_fully(scores, 7))


def test_what_is_excluded_or_not_allowed_is_not_listed(interactions):
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 9, (interactions.users, interactions.items)).astype(np.float32)
    before, allowed, seen = scores.copy(), rng.random(interactions.items) < 0.6, interactions.matrix()
    found = best_items(scores, 50, seen, allowed)
    assert_same(found, sorted_fully(np.where((seen.toarray() > 0) | ~allowed, -np.inf, before), 50))
    np.testing.assert_array_equal(scores, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_cannot_be_ranked(bad):
    scores = np.zeros((3, 500), np.float32)
    scores[1, 499] = bad
    with pytest.raises(InputError, match="cannot be ranked"):
        best_items(scores, 5)


def test_no_users_and_no_items():
    assert best_items(np.zeros((0, 9), np.float32), 3)[0].shape == (0, 3)
    assert best_items(np.zeros((2, 0), np.float32), 3)[0].tolist() == [[-1] * 3] * 2


@pytest.mark.parametrize("name", ["popularity", "ease", "mf"])
def test_recommend_in_blocks(name, interactions, monkeypatch):
    model, users = make_model(name).fit(interactions), np.arange(interactions.users)
    asked, score = [], model.scores
    monkeypatch.setattr(model, "scores", lambda some: asked.append(len(some)) or score(some))
    monkeypatch.setattr(top_k, "CELLS_AT_ONCE", 4 * interactions.items)
    scores = np.concatenate([score(users[at : at + 4]) for at in range(0, len(users), 4)])  # rounded as in such blocks
    hidden = np.where(interactions.matrix().toarray() > 0, -np.inf, scores)
    assert_same(model.recommend(users, 12), sorted_fully(hidden, 12))
    assert asked == [4] * 7 + [2]
