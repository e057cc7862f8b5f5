"""The loop on users whose truth is known."""

import numpy as np
import pytest

from mmrec.errors import InputError
from mmrec.simulation.truth import Truth
from studies.feedback import policies
from studies.feedback.audience import Audience
from studies.feedback.belief import LinearBelief
from studies.feedback.loop import gini, run_loop


@pytest.fixture(scope="module")
def truth(simulated):
    return Truth.load(simulated / "truth.npz")


@pytest.fixture
def audience(truth):
    return Audience(truth, np.arange(40), np.random.default_rng(7))  # luck of its own, not the policies'


def test_people_answer_by_the_truth(truth):
    users = np.array([3, 17])
    audience = Audience(truth, users, np.random.default_rng(0))
    for row, user in enumerate(users):
        taste = truth.start[user] + truth.until[user] * (truth.end[user] - truth.start[user])
        logit = truth.items @ taste + truth.bias[user] - truth.threshold
        assert audience.probability[row] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-12)
    items = np.array([[0, 5], [7, 1]])
    assert audience.expected(items)[1] == pytest.approx(audience.probability[1, 7] + audience.probability[1, 1])
    assert np.array_equal(audience.answer(items), audience.answer(items))  # luck is drawn once


def test_likes_are_as_frequent_as_the_truth_says(truth):
    audience = Audience(truth, np.arange(80), np.random.default_rng(1))
    likes = audience.answer(np.tile(np.arange(audience.n_items), (80, 1)))
    error = np.sqrt((audience.probability * (1 - audience.probability)).sum())
    assert abs(likes.sum() - audience.probability.sum()) < 4 * error


def test_nobody_is_shown_an_item_twice_and_all_figures_follow(audience):
    policy = policies.EpsilonGreedy(LinearBelief(np.eye(audience.n_items), audience.n_users), 0.3)
    trace = run_loop(policy, audience, rounds=6, k=4, rng=np.random.default_rng(2))
    assert trace.items.shape == trace.likes.shape == (6, 40, 4)
    for user in range(40):
        shown = trace.items[:, user].ravel()
        assert len(set(shown)) == 24
        regret, best = 0.0, sorted(audience.probability[user], reverse=True)
        for at in range(6):
            regret += sum(best[4 * at : 4 * at + 4]) - sum(audience.probability[user, i] for i in trace.items[at, user])
            assert trace.regret()[at, user] == pytest.approx(regret, abs=1e-9)
    counts = [int((trace.items[:3] == item).sum()) for item in range(audience.n_items)]
    assert trace.exposure()[2].tolist() == counts
    assert trace.coverage()[2] == np.mean(np.array(counts) > 0)


def test_the_oracle_has_no_regret_and_the_others_have(audience):
    rng = np.random.default_rng(0)
    assert run_loop(policies.Oracle(audience), audience, rounds=5, k=4, rng=rng).regret() == pytest.approx(0, abs=1e-9)
    random = run_loop(policies.Random(), audience, rounds=5, k=4, rng=rng)
    assert (random.regret()[-1] > 0).all()


def test_learning_beats_chance(truth, audience):
    """Told the very factors that tastes are made of, a linear policy has to learn them."""
    arms = np.hstack([np.ones((audience.n_items, 1)), truth.items])
    runs = {
        "greedy": policies.Greedy(LinearBelief(arms, audience.n_users)),
        "thompson": policies.Thompson(LinearBelief(arms, audience.n_users), 0.5),
        "linucb": policies.LinUCB(LinearBelief(arms, audience.n_users), 0.5),
        "random": policies.Random(),
    }
    regret = {
        name: run_loop(policy, audience, rounds=6, k=4, rng=np.random.default_rng(0)).regret()[-1].mean()
        for name, policy in runs.items()
    }
    assert max(regret[name] for name in ("greedy", "thompson", "linucb")) < 0.7 * regret["random"]


def test_gini_is_the_mean_difference_of_all_pairs():
    counts = np.array([0, 3, 5, 5, 9])
    pairs = np.abs(counts[:, None] - counts[None, :]).mean()
    assert gini(counts) == pytest.approx(pairs / (2 * counts.mean()))
    assert gini(np.full((2, 4), 3)) == pytest.approx([0, 0])
    assert gini(np.zeros(4)) == 0


def test_more_rounds_than_items_are_refused(audience):
    with pytest.raises(InputError, match=r"20 rounds of 5 items need more than the catalogue's 60"):
        run_loop(policies.Random(), audience, rounds=20, k=5, rng=np.random.default_rng(0))
