"""What flatters is made as it is said to be: against plain loops."""

import numpy as np
import pytest

from mmrec.data.split import by_time
from mmrec.errors import InputError
from mmrec.evaluation.pitfalls import best_of, by_chance, from_later, one_by_one, with_test_rows
from mmrec.evaluation.protocol import evaluate
from mmrec.models import make_model

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
        assert np.array_equal(*(np.bincount(part.user, minlength=part.users) for part in (one, other)))
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
        seen = split.train.item[split.train.user == user]
        others = np.setdiff1d(np.arange(interactions.items), np.union1d(liked, seen))
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


def test_the_best_of_noise_is_no_better_for_others():
    noise = np.random.default_rng(0).normal(size=(50, 4000))
    one, many = (best_of(noise, tried, draws=300) for tried in (1, 50))
    assert abs((one[0] - one[1]).mean()) < 0.003
    # the largest of 50 means of 2,000 normal numbers lies about 2.25 standard errors up
    assert many[0].mean() == pytest.approx(2.25 / np.sqrt(2000), rel=0.2)
    assert abs(many[1].mean()) < 0.25 * many[0].mean()


def test_merit_lasts():
    better = np.random.default_rng(0).normal(size=(5, 400)) + 3 * np.arange(5)[:, None]
    reported, fresh = best_of(better, 5, draws=50)
    assert reported.mean() == pytest.approx(fresh.mean(), abs=0.1)
    assert fresh.mean() == pytest.approx(12, abs=0.1)
