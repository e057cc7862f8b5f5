"""Simulated users who answer the items they are shown, by the known truth of the embedded catalogue."""

import numpy as np

from mmrec.simulation.truth import Truth


class Audience:
    """Simulated users: shown an item, each one likes it with a known probability.

    The probability is that at the time of the user's last rating: tastes do not change during the loop. Whether a user
    likes an item is drawn once for each pair, so that all policies with the same seed see the same answers.

    Args:
        truth: of a simulated catalogue.
        users: (U,) user indices of the catalogue.
        rng: draws the answers; not the stream that a policy draws from.

    Attributes:
        probability: (U, I) float64, the probability of a like; only the oracle policy may read it.
    """

    def __init__(self, truth: Truth, users: np.ndarray, rng: np.random.Generator) -> None:
        self.probability = truth.like_probability(truth.preference(users, truth.until[users]))  # (U, I)
        self._likes = rng.random(self.probability.shape) < self.probability  # (U, I)

    @property
    def n_users(self) -> int:
        """Number of users."""
        return self.probability.shape[0]

    @property
    def n_items(self) -> int:
        """Number of items."""
        return self.probability.shape[1]

    def answer(self, items: np.ndarray) -> np.ndarray:
        """Likes of all users for the items they are shown: (U, k) -> (U, k) bool."""
        return np.take_along_axis(self._likes, items, axis=1)

    def expected(self, items: np.ndarray) -> np.ndarray:
        """Expected number of likes of a list: (U, k) -> (U,)."""
        return np.take_along_axis(self.probability, items, axis=1).sum(axis=1)

    def best(self, rounds: int, k: int) -> np.ndarray:
        """(rounds, U): expected likes of the oracle, which shows the k best of the items not yet shown."""
        falling = -np.sort(-self.probability, axis=1)[:, : rounds * k]  # (U, rounds k)
        return falling.reshape(self.n_users, rounds, k).sum(axis=2).T
