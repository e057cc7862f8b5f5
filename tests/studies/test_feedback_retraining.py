"""The three ways of training on answers, against what they say."""

import numpy as np
import pytest

from mmrec.errors import InputError
from studies.feedback.belief import LinearBelief
from studies.feedback.policies import Greedy
from studies.feedback.retraining import AllAnswers, NeuralPolicy

USERS, ITEMS, SIZE = 12, 20, 4


@pytest.fixture
def rounds():
    """Arms and three rounds of answers by known linear tastes."""
    rng = np.random.default_rng(0)
    arms = rng.normal(size=(ITEMS, SIZE))
    tastes = rng.normal(size=(USERS, SIZE))
    lists = [np.stack([rng.permutation(ITEMS)[:6] for _ in range(USERS)]) for _ in range(3)]
    return arms, [(items, np.einsum("ukd,ud->uk", arms[items], tastes) > 0) for items in lists]


def told(way, rounds, **options):
    arms, answers = rounds
    policy = NeuralPolicy(arms, USERS, way, embedding_size=3, batch_size=32, seed=4, **options)
    for items, likes in answers:
        policy.learn(items, likes)
    return policy


def test_scores_are_the_formula(rounds):
    policy = told("warm", rounds, epochs=2)
    user, item = np.repeat(np.arange(USERS), ITEMS), np.tile(np.arange(ITEMS), USERS)
    rated = policy.network.predict([user, policy.arms[item]], verbose=0).reshape(USERS, ITEMS)
    assert 1 / (1 + np.exp(-policy.scores())) == pytest.approx(rated, abs=1e-5)


def test_anew_is_what_a_fresh_scorer_learns_from_all_answers(rounds):
    """After the last round the weights depend on the earlier rounds by their answers alone."""
    arms, answers = rounds
    policy = told("from scratch", rounds, epochs=2)
    whole = NeuralPolicy(arms, USERS, "from scratch", embedding_size=3, batch_size=32, epochs=2, seed=4)
    whole._answers = policy._answers[:-1]
    whole._rng = np.random.default_rng(4)
    for so_far in (1, 2):  # the orders that the earlier rounds had drawn
        for _ in range(2):
            whole._rng.permutation(so_far * USERS * 6)
    whole.learn(*answers[-1])
    assert np.array_equal(policy.scores(), whole.scores())


def test_warm_goes_on_and_new_forgets_the_rows(rounds):
    ways = {way: told(way, rounds, epochs=3) for way in ("from scratch", "warm", "new")}
    assert len(ways["new"]._answers) == 1
    assert len(ways["warm"]._answers) == 3
    found = [policy.scores() for policy in ways.values()]
    assert not any(np.array_equal(found[a], found[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    steps = {way: int(policy.network.optimizer.iterations) for way, policy in ways.items()}
    a_round = -(-USERS * 6 // 32)  # batches of 72 answers
    assert steps["new"] == 3 * 3 * a_round
    assert steps["warm"] == 3 * sum(-(-at * USERS * 6 // 32) for at in (1, 2, 3))
    assert steps["from scratch"] == 3 * -(-3 * USERS * 6 // 32)  # counted from the first weights


def test_answers_are_learned(rounds):
    _, answers = rounds
    policy = told("warm", rounds, epochs=60, learning_rate=0.05)
    items, likes = (np.hstack(column) for column in zip(*answers, strict=True))
    believed = np.take_along_axis(policy.scores(), items, axis=1) > 0
    assert (believed == likes).mean() > 0.95


def test_the_same_seed_gives_the_same_bits(rounds):
    assert np.array_equal(told("warm", rounds, epochs=2).scores(), told("warm", rounds, epochs=2).scores())


def test_all_answers_at_once_believes_the_same(rounds):
    arms, answers = rounds
    policies = Greedy(LinearBelief(arms, USERS)), AllAnswers(LinearBelief(arms, USERS))
    for items, likes in answers:
        for policy in policies:
            policy.learn(items, likes)
    assert policies[0].belief.expected() == pytest.approx(policies[1].belief.expected(), abs=1e-12)


def test_an_unknown_way_is_refused(rounds):
    with pytest.raises(InputError, match="way 'cold': choose from from scratch, warm, new"):
        told("cold", rounds)
