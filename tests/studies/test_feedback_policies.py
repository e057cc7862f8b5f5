"""What each policy shows, against what its rule says."""

import numpy as np
import pytest

from studies.feedback import policies
from studies.feedback.belief import LinearBelief
from studies.feedback.policies import best_unseen, give_away

USERS, ITEMS = 4, 9


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def unseen(rng):
    return rng.random((USERS, ITEMS)) < 0.7


@pytest.fixture
def belief(rng):
    belief = LinearBelief(rng.normal(size=(ITEMS, 3)), USERS)
    belief.learn(rng.integers(0, ITEMS, (USERS, 6)), rng.random((USERS, 6)) < 0.5)
    return belief


def by_hand(scores, unseen, k):
    return [sorted(np.flatnonzero(unseen[u]), key=lambda i: -scores[u, i])[:k] for u in range(len(scores))]


def test_the_best_unseen_items_come_first(rng, unseen):
    scores = rng.normal(size=unseen.shape)
    assert best_unseen(scores, unseen, 3, rng).tolist() == by_hand(scores, unseen, 3)


def test_ties_are_settled_by_chance(rng):
    shown = best_unseen(np.zeros((3000, 6)), np.ones((3000, 6), bool), 1, rng)[:, 0]
    assert np.bincount(shown).min() > 400  # 500 expected, deviation 20


def test_greedy_and_linucb_follow_the_belief(rng, unseen, belief):
    expected, deviations = belief.expected(), belief.deviations()
    greedy = policies.Greedy(belief).choose(unseen, 3, rng)
    assert greedy.tolist() == by_hand(expected, unseen, 3)
    bold = policies.LinUCB(belief, alpha=7.0).choose(unseen, 3, rng)
    assert bold.tolist() == by_hand(expected + 7 * deviations, unseen, 3)
    assert bold.tolist() != greedy.tolist()


def test_thompson_follows_one_drawn_taste(unseen, belief):
    drawn = belief.draw(np.random.default_rng(5), 1.5)
    shown = policies.Thompson(belief, scale=1.5).choose(unseen, 3, np.random.default_rng(5))
    assert shown.tolist() == by_hand(drawn, unseen, 3)


def test_epsilon_gives_its_share_away_and_never_an_item_twice(rng):
    unseen = np.ones((2000, 30), bool)
    unseen[:, 20:] = False
    items = np.tile(np.arange(4), (2000, 1))
    given = give_away(items, unseen, 0.25, rng)
    assert (given != items).mean() == pytest.approx(0.25, abs=0.02)  # 4 deviations
    assert given.max() < 20
    assert all(len(set(row)) == 4 for row in given.tolist())
    assert (given[given != items] >= 4).all()
    assert np.array_equal(give_away(items, unseen, 0.0, rng), items)


def test_nothing_is_given_away_where_nothing_is_left(rng):
    unseen = np.zeros((5, 8), bool)
    unseen[:, :4] = True
    assert np.array_equal(give_away(np.tile(np.arange(4), (5, 1)), unseen, 1.0, rng), np.tile(np.arange(4), (5, 1)))


def test_popular_counts_likes(rng):
    policy = policies.Popular(4)
    policy.learn(np.array([[0, 1], [0, 2]]), np.array([[True, False], [True, True]]))
    assert policy.liked / policy.shown == pytest.approx([3 / 4, 1 / 3, 2 / 3, 1 / 2])
    assert policy.choose(np.ones((2, 4), bool), 3, rng).tolist() == [[0, 2, 3]] * 2
