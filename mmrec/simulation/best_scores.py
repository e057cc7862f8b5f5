"""The scores that the best possible model would give, computed from the truth of a simulated catalogue.

``like_probabilities`` and ``list_scores`` know every factor and every taste. ``taste_posterior`` knows every factor
and every other user's taste, and infers a user's own taste from the training ratings.
"""

from pathlib import Path

import numpy as np
from scipy.special import expit

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.errors import InputError
from mmrec.simulation.truth import CUTS, EXPOSURE, Truth


def load_truth(folder: str | Path) -> Truth:
    """The truth behind a simulated catalogue.

    Raises:
        InputError: the folder holds no ``truth.npz``.
    """
    path = Path(folder) / "truth.npz"
    if not path.is_file():
        raise InputError(f"{folder} is no simulated catalogue (no truth.npz): there is no oracle for real data")
    return Truth.load(path)


def visible_columns(truth: Truth, modalities: tuple[str, ...] | None) -> np.ndarray | None:
    """(D,) bool: the columns of the factors that any of these modalities shows; None, for all, where None is given."""
    if modalities is None:
        return None
    return np.any(truth.visible[[MODALITIES.index(name) for name in modalities]], axis=0)


def like_probabilities(truth: Truth, users: np.ndarray, columns: np.ndarray | None = None) -> np.ndarray:
    """(B, I) float32: probability that a rating is a like, at the time of each user's last rating.

    No scores have a higher expected AUC or a lower expected log loss.

    Args:
        truth: of the simulated catalogue.
        users: (B,) indices.
        columns: (D,) bool, the factors that count; all by default.
    """
    return truth.like_probability(_last_preference(truth, users, columns)).astype(np.float32)


def list_scores(truth: Truth, users: np.ndarray, columns: np.ndarray | None = None) -> np.ndarray:
    """(B, I) float32: log of the rate at which a user rates an item and likes it. Ranked lists are measured by that.

    Arguments as for ``like_probabilities``.
    """
    preference = _last_preference(truth, users, columns)  # (B, I)
    like = truth.like_probability(preference)
    return (EXPOSURE * preference + truth.popularity + np.log(like)).astype(np.float32)


def taste_posterior(truth: Truth, train: Interactions, columns: np.ndarray | None = None) -> np.ndarray:
    r"""Bayes' rule over users: how probable it is that user u has the taste of another user v.

    $P(v | u) \propto \prod_i P(r_{ui} | v)$, with the true probability of each number of stars under v's taste in the
    middle of the two years. Memory scales with the square of the number of users.

    Args:
        truth: of the simulated catalogue.
        train: the ratings that are known.
        columns: (D,) bool, the factors that count; all by default.

    Returns:
        (U, U) weights of v (column) for u (row); rows sum to 1, the diagonal is 0.
    """
    users = np.arange(train.users)
    cuts = np.array([-np.inf, *CUTS, np.inf])
    middle = _above_threshold(truth, users, np.full(train.users, 0.5), columns)  # (U, I)
    stars = train.rating.astype(np.int64)
    weights = np.zeros((train.users, train.users))
    for u in users:
        rows = np.flatnonzero(train.user == u)
        above, given = middle[:, train.item[rows]], stars[rows]  # (U, n), (n,)
        probability = expit(cuts[given] - above) - expit(cuts[given - 1] - above)  # (U, n), of that many stars
        evidence = np.log(np.maximum(probability, 1e-12)).sum(axis=1)  # (U,)
        evidence[u] = -np.inf
        weights[u] = np.exp(evidence - evidence.max())
    return weights / weights.sum(axis=1, keepdims=True)


def expected_like_probabilities(
    truth: Truth, posterior: np.ndarray, users: np.ndarray, columns: np.ndarray | None = None
) -> np.ndarray:
    """(B, I) float32 in (0, 1): mean over the posterior of the probability of a like, at each user's last rating.

    Args:
        truth: of the simulated catalogue.
        posterior: (U, U) from ``taste_posterior``.
        users: (B,) indices.
        columns: (D,) bool, the factors that count; all by default.
    """
    others = np.arange(len(posterior))
    rows = []
    for u in users:
        now = np.full(len(others), truth.until[u])
        rows.append(posterior[u] @ expit(_above_threshold(truth, others, now, columns)))  # (I,)
    return np.array(rows, np.float32)


def _last_preference(truth: Truth, users: np.ndarray, columns: np.ndarray | None) -> np.ndarray:
    """(B, I): preference at the time of each user's last rating."""
    return truth.preference(users, truth.until[users], columns)


def _above_threshold(truth: Truth, users: np.ndarray, time: np.ndarray, columns: np.ndarray | None) -> np.ndarray:
    """(B, I): preference above the threshold of a like, without the user's generosity, which no rating tells."""
    return truth.preference(users, time, columns) - truth.bias[users, None] - truth.threshold
