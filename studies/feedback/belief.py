r"""Posterior over the taste of each user: Bayesian linear regression, for all users at once.

With item features x, an answer r (1 for a like, 0 for none) is modelled as $r = \theta_u \cdot x + e$ with
$e \sim N(0, s^2)$ and $\theta_u \sim N(m, (s^2/\lambda) I)$. After the answers of user u,

$$C_u = (\lambda I + \sum x x^T)^{-1}, \qquad \theta_u \sim N(C_u (\sum r x + \lambda m),\; s^2 C_u).$$

The mean m is the taste that users share: the ridge regression over the answers of all users.

References:
    Li, Chu, Langford and Schapire (2010), A contextual-bandit approach to personalized news article recommendation, WWW.
    Agrawal and Goyal (2013), Thompson sampling for contextual bandits with linear payoffs, ICML.
"""  # noqa: E501

import numpy as np

_PAIRS_AT_ONCE = 60_000


class LinearBelief:
    """Posterior over the taste of every user.

    Args:
        arms: (I, d) float64, features of the items.
        users: U.
        l2: lambda, how strongly a taste is held near the common one.
        noise: s, deviation of an answer about its expectation.

    Attributes:
        covariance: (U, d, d), C_u.
        moment: (U, d), sum of r x.
    """

    def __init__(self, arms: np.ndarray, users: int, l2: float = 1.0, noise: float = 0.4) -> None:
        size = arms.shape[1]
        self.arms, self.l2, self.noise = arms, l2, noise
        self.covariance = np.tile(np.eye(size) / l2, (users, 1, 1))  # (U, d, d)
        self.moment = np.zeros((users, size))  # (U, d)
        self._gram = l2 * np.eye(size)  # (d, d), over all answers

    def learn(self, items: np.ndarray, likes: np.ndarray) -> None:
        """Update with the answers of all users, one after the other, in O(d^2) each (Sherman and Morrison, 1950).

        Args:
            items: (U, k) item indices.
            likes: (U, k) bool.
        """
        for item, like in zip(items.T, likes.T, strict=True):
            x = self.arms[item]  # (U, d)
            towards = np.einsum("ude,ue->ud", self.covariance, x)  # (U, d)
            shrink = 1 + (towards * x).sum(axis=1)  # (U,)
            self.covariance -= towards[:, :, None] * (towards / shrink[:, None])[:, None, :]
            self.moment += like[:, None] * x
            self._gram += x.T @ x

    def refit(self, items: np.ndarray, likes: np.ndarray) -> None:
        """Start again, and solve for all users from all answers at once: (U, n) items and (U, n) likes."""
        size = self.arms.shape[1]
        x = self.arms[items]  # (U, n, d)
        grams = x.transpose(0, 2, 1) @ x  # (U, d, d)
        self.covariance = np.linalg.inv(grams + self.l2 * np.eye(size))
        self.moment = (likes[:, :, None] * x).sum(axis=1)  # (U, d)
        self._gram = grams.sum(axis=0) + self.l2 * np.eye(size)

    @property
    def common(self) -> np.ndarray:
        """(d,): m, the taste that users share."""
        return np.linalg.solve(self._gram, self.moment.sum(axis=0))

    def means(self) -> np.ndarray:
        """(U, d): the expected taste of each user."""
        return np.einsum("ude,ue->ud", self.covariance, self.moment + self.l2 * self.common)

    def expected(self) -> np.ndarray:
        """(U, I): the expected answer to each item."""
        return self.means() @ self.arms.T

    def deviations(self) -> np.ndarray:
        """(U, I): s sqrt(x' C_u x), how unsure the expectation is."""
        users, items = len(self.covariance), len(self.arms)
        found = np.empty((users, items))
        block = max(1, _PAIRS_AT_ONCE // items)
        for at in range(0, users, block):
            towards = self.arms @ self.covariance[at : at + block]  # (b, I, d)
            found[at : at + block] = np.einsum("uid,id->ui", towards, self.arms)
        return self.noise * np.sqrt(np.maximum(found, 0))

    def draw(self, rng: np.random.Generator, scale: float = 1.0) -> np.ndarray:
        """(U, I): the answers expected by one taste drawn for each user; ``scale`` widens the posterior."""
        root = np.linalg.cholesky(self.covariance)  # (U, d, d)
        luck = rng.normal(0, scale * self.noise, self.moment.shape)  # (U, d)
        return (self.means() + np.einsum("ude,ue->ud", root, luck)) @ self.arms.T
