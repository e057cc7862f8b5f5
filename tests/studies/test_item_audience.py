"""Users for new items: baselines that ignore the item, intervals over users and items, and the test over draws."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import roc_auc_score

from mmrec.data.split import by_time
from mmrec.datasets import open_dataset
from mmrec.errors import InputError
from studies.lists.item_audience import BASELINES, MODEL, AudienceDraw, audience_draw, summarise


class Scores:
    """A model with given scores."""

    name = "given"

    def __init__(self, scores):
        self.given = scores

    def scores(self, users):
        return self.given[users]


@pytest.fixture(scope="module")
def split():
    return by_time(open_dataset("embedded").interactions, cold_items=0.1, seed=3)


def test_baselines_ignore_the_item(split):
    rng = np.random.default_rng(0)
    scores = rng.random((split.train.n_users, split.train.n_items))
    drawn = audience_draw(Scores(scores), split)
    rows = split.test["cold-item"]
    liked = csr_matrix((rows.rating >= 4, (rows.user, rows.item)), scores.shape).toarray()
    assert np.array_equal(drawn.items, np.flatnonzero(liked.any(axis=0)))
    assert np.array_equal(drawn.likes, liked[:, drawn.items].T > 0)
    own, other, one, active = (drawn.scores[row] for row in (MODEL, *BASELINES))
    assert np.array_equal(own, scores[:, drawn.items].T)
    assert not (own == other).all(axis=1).any()
    assert np.array_equal(np.sort(own.sum(axis=1)), np.sort(other.sum(axis=1)))
    assert np.ptp(one, axis=0).max() == 0
    assert one[0] == pytest.approx(own.mean(axis=0))
    assert np.array_equal(active[0], np.bincount(split.train.likes().user, minlength=split.train.n_users))


def test_a_score_of_active_users_alone_gains_nothing(split):
    active = np.random.default_rng(1).random(split.train.n_users)
    found = summarise([audience_draw(Scores(np.tile(active[:, None], split.train.n_items)), split)], samples=20)
    assert found["gaps"]["one list for every item"]["difference"] == pytest.approx(0)
    assert found["gaps"]["scores of another new item"]["difference"] == 0


def test_knowing_who_likes_an_item_gains(split):
    rows = split.test["cold-item"]
    scores = np.random.default_rng(2).random((rows.n_users, rows.n_items))
    scores[rows.user, rows.item] += (rows.rating >= 4) * 0.5
    drawn = audience_draw(Scores(scores), split)
    found = summarise([drawn] * 6, samples=100)
    expected = np.mean([roc_auc_score(likes, own) for likes, own in zip(drawn.likes, drawn.scores[MODEL], strict=True)])
    mean, low, high = found["rows"][MODEL]
    assert mean == pytest.approx(expected)
    assert low < mean < high
    gap = found["gaps"]["one list for every item"]
    assert gap["low"] > 0
    assert (gap["draws above"], gap["p"]) == (6, 2 / 64)
    assert gap["p (Holm)"] == gap["smallest p (Holm)"] == 6 / 64


def test_intervals_take_items_into_account():
    """One item that fits perfectly among misfits: with users alone resampled the interval would be a point."""
    likes = np.tile(np.arange(40) < 20, (8, 1))
    own = np.where(likes, 0.0, 1.0)
    own[0] = 1 - own[0]
    rows = dict.fromkeys(BASELINES, np.zeros((8, 40)))
    mean, low, high = summarise([AudienceDraw(np.arange(8), likes, {MODEL: own, **rows})])["rows"][MODEL]
    assert mean == pytest.approx(1 / 8)
    assert low == pytest.approx(0)
    assert high > 0.2


def test_a_split_without_new_items_is_refused():
    with pytest.raises(InputError, match="no new items"):
        audience_draw(Scores(np.zeros((1, 1))), by_time(open_dataset("embedded").interactions))
