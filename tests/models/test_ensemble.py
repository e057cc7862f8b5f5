"""Ensembles: fused ranks by hand, members that earn their weight, and nothing learned from what is not given."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import rankdata

from mmrec.errors import InputError
from mmrec.models import make_model
from mmrec.models.ensemble import choose_weights, discounted_gain


class Table:
    """A model that scores as it is told."""

    name = "table"

    def __init__(self, scores):
        self.table = np.asarray(scores, np.float32)

    def scores(self, users):
        return self.table[users]


def test_reciprocal_ranks_by_hand(interactions):
    members = ("popularity", "ease")
    fused = make_model("rank-fusion", members=members).fit(interactions).scores(np.array([4]))[0]
    expected = np.zeros(interactions.n_items)
    for name in members:
        scores = make_model(name).fit(interactions).scores(np.array([4]))[0]
        for item in range(interactions.n_items):
            above, tied = (scores > scores[item]).sum(), (scores == scores[item]).sum()
            expected[item] += 1 / (60 + above + (tied + 1) / 2)
    assert fused == pytest.approx(expected, rel=1e-6)


def test_gain_of_likes_among_unseen_items():
    likes, seen = csr_matrix([[0, 0, 1, 1], [0, 0, 0, 0]]), csr_matrix([[1, 0, 0, 0], [0, 0, 0, 0]])
    scores = np.array([[9.0, 1.0, 3.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    assert discounted_gain(scores, likes, seen) == pytest.approx((1 + 1 / np.log2(4)) / 2)


def test_gain_of_many_likes_against_a_loop():
    rng = np.random.default_rng(5)
    scores, liked = np.round(rng.normal(size=(30, 40)), 1), rng.random((30, 40)) < 0.3  # more likes than one block
    seen = ~liked & (rng.random((30, 40)) < 0.2)
    expected = []
    for row in range(30):
        free = scores[row][~seen[row]]
        places = {item: rankdata(-free)[free == scores[row, item]][0] for item in np.flatnonzero(liked[row])}
        gains = [1 / np.log2(1 + place) for place in places.values()]
        expected += [np.mean(gains)] if gains else []
    assert liked.sum() > 256
    assert discounted_gain(scores, csr_matrix(liked), csr_matrix(seen)) == pytest.approx(np.mean(expected))


def test_what_scores_all_alike_gains_no_more_than_chance():
    liked, seen = csr_matrix(np.eye(8, 40)), csr_matrix((8, 40))
    assert discounted_gain(np.zeros((8, 40)), liked, seen) == pytest.approx(1 / np.log2(1 + 20.5))


def test_the_member_that_knows_is_heard(interactions):
    rng = np.random.default_rng(0)
    held = rng.random(len(interactions)) < 0.2
    train, likes = interactions.take(~held), interactions.take(held).likes(False)
    truth = likes.matrix().toarray() + 0.1 * rng.random((interactions.n_users, interactions.n_items))
    noise = rng.random(truth.shape)
    counts = choose_weights([Table(noise), Table(truth)], train, likes, np.random.default_rng(0))
    assert counts.tolist() == [0, 1]


def test_stacked_is_a_weighted_sum_of_log_ranks(interactions, features):
    model = make_model("stacked").fit(interactions, features)
    expected = np.zeros((3, interactions.n_items))
    for name, weight in zip(model.settings["members"], model.weights, strict=True):
        scores = make_model(name).fit(interactions, features).scores(np.arange(3)).astype(float)
        rank = (scores[:, None] > scores[:, :, None]).sum(axis=2) + (
            (scores[:, None] == scores[:, :, None]).sum(2) + 1
        ) / 2
        expected -= weight * np.log(10 + rank)
    assert model.scores(np.arange(3)) == pytest.approx(expected, rel=1e-5)


def test_new_people_are_ranked_by_the_members_that_can(interactions):
    liked = csr_matrix(np.eye(3, interactions.n_items, dtype=np.float32))
    model = make_model("rank-fusion", members=("ease", "popularity", "mf")).fit(interactions)
    alone = [make_model(name).fit(interactions).fold_in(liked) for name in ("ease", "mf")]
    assert model.fold_in(liked) == pytest.approx(sum(1 / (60 + rankdata(-one, axis=1)) for one in alone), rel=1e-6)
    with pytest.raises(InputError, match="none of popularity"):
        make_model("rank-fusion", members=("popularity",)).fit(interactions).fold_in(liked)


def test_members_that_were_fitted_before_are_not_fitted_again(interactions):
    fitted = {"ease": make_model("ease", l2=3.0).fit(interactions), "mf": make_model("mf").fit(interactions)}
    given = {"members": ("ease", "mf"), "member_settings": {"ease": {"l2": 3.0}}}
    model = make_model("rank-fusion", **given).adopt(fitted).fit(interactions)
    assert model.models == fitted
    other = make_model("rank-fusion", members=("ease", "mf"), seed=1).adopt(fitted).fit(interactions)
    assert other.models["ease"].settings["l2"] != 3.0
    assert other.models["mf"] is not fitted["mf"]  # of another seed
    alone = make_model("rank-fusion", **given).fit(interactions)
    assert np.array_equal(alone.scores(np.arange(9)), model.scores(np.arange(9)))


def test_settings_of_members_reach_them(interactions):
    given = {"ease": {"l2": 3.0}}
    model = make_model("rank-fusion", members=["ease", "popularity"], member_settings=given).fit(interactions)
    assert model.models["ease"].settings["l2"] == 3.0


def test_members_that_the_data_do_not_allow_are_left_out(interactions):
    model = make_model("rank-fusion").fit(interactions)  # no features
    assert "ease" in model.models
    assert "ease-features" not in model.models
    with pytest.raises(InputError, match="the data allow none"):
        make_model("rank-fusion", members=["ease-features"]).fit(interactions)
