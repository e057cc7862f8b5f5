"""What flatters is made as it is said to be: against plain loops."""

import numpy as np
import pytest

from mmrec.data.catalogue import Interactions
from mmrec.data.split import by_time
from mmrec.errors import InputError
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.statistics import bootstrap_interval
from mmrec.models import make_model
from studies.protocol.pitfalls import (
    best_of,
    by_chance,
    from_later,
    gains_over_worlds,
    one_by_one,
    places_of_validation,
    ties_in_time,
    with_test_rows,
)

PAIRS = ("user", "item", "rating", "timestamp", "row")


def rows_of(part) -> set:
    return set(zip(*(getattr(part, column).tolist() for column in PAIRS), strict=True))


def test_the_leak_adds_test_rows_and_no_others(interactions):
    split = by_time(interactions)
    train, test = rows_of(split.train), rows_of(split.test["warm"])
    some, more, all_rows = (rows_of(with_test_rows(split, share)) for share in (0.2, 0.5, 1.0))
    assert rows_of(with_test_rows(split, 0.0)) == train
    assert len(some - train) == round(0.2 * len(test))
    assert some < more < all_rows == train | test


def test_a_leak_shows_in_the_figures(interactions):
    split = by_time(interactions)
    honest, leaky = (
        evaluate(make_model("graph-filter").fit(with_test_rows(split, share)), split).summary["ndcg@20"]
        for share in (0.0, 1.0)
    )
    assert leaky > honest + 0.2


def test_a_split_by_chance_keeps_rows_and_shares(interactions):
    early, drawn = by_time(interactions), by_chance(interactions, seed=3)
    whole = rows_of(interactions)
    parts = [drawn.train, drawn.validation, drawn.test["warm"]]
    assert set.union(*map(rows_of, parts)) == whole  # each row with its own time
    assert sum(map(len, parts)) == len(whole)
    for one, other in zip(parts, [early.train, early.validation, early.test["warm"]], strict=True):
        assert np.array_equal(*(np.bincount(part.user, minlength=part.n_users) for part in (one, other)))
    later = [
        time < drawn.train.timestamp[drawn.train.user == user].max()
        for user, time in zip(drawn.test["warm"].user, drawn.test["warm"].timestamp, strict=True)
    ]
    assert from_later(drawn) == np.mean(later) > 0.5
    assert from_later(early) == 0


@pytest.mark.parametrize("ties", ["favour", "against", "drawn"])
def test_one_by_one_against_a_loop(interactions, ties):
    split = by_time(interactions)
    model = make_model("popularity").fit(split.train)  # counts: full of ties
    found = one_by_one(model, split, ties=ties, k=5)
    test, scores = split.test["warm"], model.scores(np.array([0]))[0]
    low, high = [], []
    for user in found.users:
        liked = test.item[(test.user == user) & (test.rating >= 4)]
        before = split.train.with_rows(split.validation)
        seen = before.item[before.user == user]
        liked = np.setdiff1d(liked, seen)
        others = np.setdiff1d(np.arange(interactions.n_items), np.union1d(liked, seen))
        first = [(scores[others] > scores[item]).sum() for item in liked]
        last = [(scores[others] >= scores[item]).sum() for item in liked]
        high.append(np.mean([1 / np.log2(2 + rank) * (rank < 5) for rank in first]))
        low.append(np.mean([1 / np.log2(2 + rank) * (rank < 5) for rank in last]))
    assert sorted(set(test.user[test.rating >= 4])) == found.users.tolist()
    reached = found.per_user["ndcg@5"]
    if ties == "drawn":
        assert (reached >= np.array(low) - 1e-12).all()
        assert (reached <= np.array(high) + 1e-12).all()
        assert sum(low) < reached.sum() < sum(high)
    else:
        np.testing.assert_allclose(reached, high if ties == "favour" else low, rtol=1e-12)


def test_fewer_rivals_flatter(interactions):
    split = by_time(interactions)
    model = make_model("ease").fit(split.train)
    full, drawn, every = (one_by_one(model, split, drawn=count).summary["recall@10"] for count in (None, 12, 10**6))
    assert drawn > full == every


def test_as_many_rivals_as_asked_for(interactions):
    """Scored alike and sorted last, a like stands behind all that were drawn."""
    split = by_time(interactions)
    model = make_model("popularity").fit(split.train)
    model.likes[:] = 0
    for count in (3, 7):
        found = one_by_one(model, split, drawn=count, ties="against", k=40).per_user["ndcg@40"]
        np.testing.assert_allclose(found, 1 / np.log2(2 + count), rtol=1e-12)
        assert one_by_one(model, split, drawn=count, ties="favour", k=1).summary["recall@1"] == 1


def test_unknown_ties(interactions):
    split = by_time(interactions)
    with pytest.raises(InputError, match="choose from drawn, favour, against"):
        one_by_one(make_model("popularity").fit(split.train), split, ties="kind")


def test_candidates_that_are_all_alike_gain_nothing_on_fresh_users():
    """The mean over independent worlds covers 0; before, halves of one matrix had a gain of their own."""
    rng = np.random.default_rng(0)
    worlds = [0.2 * rng.random((20, 100)) for _ in range(200)]
    reported, fresh = gains_over_worlds(worlds, 20, draws=10)
    mean, low, high = bootstrap_interval(fresh, np.random.default_rng(0))
    assert low < 0 < high
    assert high - low < 0.003
    # the largest of 20 means of 50 values with deviation 0.2 / sqrt(12) is about 1.87 standard errors up
    assert reported.mean() == pytest.approx(1.87 * 0.2 / np.sqrt(12 * 50), rel=0.1)
    assert abs(reported.mean() - mean) > 10 * (high - low) / 4


def test_many_halves_of_one_world_are_one_draw():
    """Why worlds and not halves: one matrix after the other misses 0 by far more than its halves' scatter says."""
    rng = np.random.default_rng(0)
    off, errors = [], []
    for world in range(30):
        values = 0.2 * rng.random((20, 100))
        many = [best_of(values, 20, draws=1, seed=1000 * world + half)[1] for half in range(100)]
        off.append(np.mean(many))
        errors.append(np.std(many) / 10)
    assert np.std(off) > 1.5 * np.mean(errors)


def test_one_candidate_gains_nothing():
    values = np.random.default_rng(0).random((5, 40))
    assert best_of(values, 1) == pytest.approx((0, 0), abs=1e-12)


def test_merit_lasts():
    rng = np.random.default_rng(0)
    worlds = [rng.normal(size=(5, 400)) + 3 * np.arange(5)[:, None] for _ in range(5)]
    reported, fresh = gains_over_worlds(worlds, 5)
    assert reported.mean() == pytest.approx(fresh.mean(), abs=0.1)
    assert fresh.mean() == pytest.approx(12 - 6, abs=0.1)


def test_validation_items_in_the_lists_against_a_loop(interactions):
    split = by_time(interactions)
    model = make_model("ease").fit(split.train)
    hits = places = 0
    for user in np.unique(split.test["warm"].user):
        items, _ = (part[0] for part in model.recommend(np.array([user]), 20))
        later = split.validation.item[split.validation.user == user]
        hits, places = hits + np.isin(items, later).sum(), places + 20
    assert places_of_validation(model, split) == pytest.approx(hits / places)


def test_ties_in_time_by_hand():
    def rows(user, time):
        count = len(user)
        return Interactions(
            np.array(user), np.arange(count), np.ones(count), np.array(time), np.arange(count), 3, count
        )

    # user 0: the first test row (1 of 2) shares its time with the row before; user 1: it does not; user 2: one row
    found = ties_in_time(rows([0, 0, 1, 1, 1, 1, 2], [5, 5, 1, 2, 3, 4, 5]), test=0.5)
    assert found == {"rows": pytest.approx(2 / 7), "cut-offs": 1, "users": 3}
    assert ties_in_time(rows([0, 0, 0], [1, 1, 1]), test=0.34) == {"rows": 1.0, "cut-offs": 1, "users": 1}
