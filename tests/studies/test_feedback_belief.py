"""Beliefs against plain least squares."""

import numpy as np
import pytest

from studies.feedback.belief import LinearBelief

USERS, ITEMS, SIZE, L2, NOISE = 5, 12, 3, 0.7, 0.4


@pytest.fixture
def told():
    """Arms, what every user was shown and what they liked."""
    rng = np.random.default_rng(0)
    arms = rng.normal(size=(ITEMS, SIZE))
    items = np.stack([rng.permutation(ITEMS)[:8] for _ in range(USERS)])
    return arms, items, rng.random(items.shape) < 0.5


@pytest.fixture
def belief(told):
    arms, items, likes = told
    belief = LinearBelief(arms, USERS, l2=L2, noise=NOISE)
    belief.learn(items[:, :3], likes[:, :3])
    belief.learn(items[:, 3:], likes[:, 3:])
    return belief


def test_the_common_taste_is_the_ridge_regression_of_all_answers(told, belief):
    arms, items, likes = told
    x, r = arms[items].reshape(-1, SIZE), likes.ravel().astype(float)
    padded = np.vstack([x, np.sqrt(L2) * np.eye(SIZE)])  # ridge as least squares with further rows
    expected = np.linalg.lstsq(padded, np.concatenate([r, np.zeros(SIZE)]), rcond=None)[0]
    assert belief.common == pytest.approx(expected, abs=1e-12)


def test_a_taste_is_the_ridge_regression_about_the_common_one(told, belief):
    arms, items, likes = told
    for user in range(USERS):
        padded = np.vstack([arms[items[user]], np.sqrt(L2) * np.eye(SIZE)])
        target = np.concatenate([likes[user], np.sqrt(L2) * belief.common])
        expected = np.linalg.lstsq(padded, target, rcond=None)[0]
        assert belief.means()[user] == pytest.approx(expected, abs=1e-12)
        assert belief.expected()[user] == pytest.approx(arms @ expected, abs=1e-12)


def test_deviations_are_those_of_the_posterior(told, belief):
    arms, items, _ = told
    for user in range(USERS):
        precision = L2 * np.eye(SIZE) + sum(np.outer(arms[item], arms[item]) for item in items[user])
        expected = [NOISE * np.sqrt(x @ np.linalg.solve(precision, x)) for x in arms]
        assert belief.deviations()[user] == pytest.approx(expected, abs=1e-12)


def test_one_by_one_is_the_same_as_all_at_once(told, belief):
    arms, items, likes = told
    whole = LinearBelief(arms, USERS, l2=L2, noise=NOISE)
    whole.refit(items, likes)
    assert belief.covariance == pytest.approx(whole.covariance, abs=1e-12)
    assert belief.expected() == pytest.approx(whole.expected(), abs=1e-12)


def test_drawn_answers_have_the_moments_of_the_belief(belief):
    rng = np.random.default_rng(1)
    drawn = np.stack([belief.draw(rng, scale=2.0) for _ in range(4000)])  # (n, U, I)
    error = 2 * belief.deviations() / np.sqrt(len(drawn))
    assert np.abs(drawn.mean(axis=0) - belief.expected()).max() < (5 * error).max()
    assert drawn.std(axis=0) == pytest.approx(2 * belief.deviations(), rel=0.08)


def test_nothing_heard_is_nothing_believed():
    belief = LinearBelief(np.eye(SIZE), USERS, l2=4.0, noise=NOISE)
    assert not belief.expected().any()
    assert belief.deviations() == pytest.approx(np.full((USERS, SIZE), NOISE / 2))
