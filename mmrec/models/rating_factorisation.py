"""Matrix factorisation of the ratings themselves, by alternating least squares (section 4.1 names the method).

Reference: Koren, Bell and Volinsky (2009), Matrix factorization techniques for recommender systems, IEEE Computer 42.
"""

import numpy as np
from scipy.sparse import csr_matrix

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.models.factorisation import rows_of_like_length
from mmrec.models.settings import seed_of, setting


class RatingFactorisation(Recommender):
    """r_ui = mean + b_u + b_i + p_u . q_i, minimising the squared error over what was rated.

    The penalty l2 (|p_u|^2 + |q_i|^2 + b_u^2 + b_i^2) counts once for each rating. It foretells the stars of a film
    that somebody chose to see, which is another question than what they will choose: see notebooks/14-models.ipynb.
    """

    name = "mf-ratings"
    needs_ratings = True

    l2: float = setting(0.1, "weight of the penalty", low=0, search=(0.05, 0.2))
    embedding_size: int = setting(8, "d", low=1, search=(16,))
    epochs: int = setting(10, "alternations", low=1)
    seed: int = seed_of("the initial factors")

    def _fit(self, train: Interactions, features: Features | None) -> None:
        size, rng = self.embedding_size, np.random.default_rng(self.seed)
        self.mean = np.array(train.rating.mean(), float)
        at = (train.user, train.item)
        given = csr_matrix((train.rating - self.mean, at), (train.n_users, train.n_items))  # (U, I) about the mean
        by_item = given.T.tocsr()
        self.items, self.item_bias = rng.normal(0, 0.1, (train.n_items, size)), np.zeros(train.n_items)
        for _ in range(self.epochs):
            self.users, self.user_bias = self._solve(given, self.items, self.item_bias)
            self.items, self.item_bias = self._solve(by_item, self.users, self.user_bias)

    def _solve(self, given: csr_matrix, fixed: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each row's factors and bias by ridge regression on the other side's: (n, m), (m, d), (m,) -> (n, d), (n,)."""
        size = fixed.shape[1]
        solved = np.zeros((given.shape[0], size + 1))
        inputs = np.vstack([np.column_stack([fixed, np.ones(len(fixed))]), np.zeros(size + 1)])  # (m + 1, d + 1)
        known = np.append(bias, 0)
        for rows, columns, values in rows_of_like_length(given):
            own, target = inputs[columns], (values - known[columns])[..., None]  # (B, L, d + 1), (B, L, 1)
            count = (columns < len(fixed)).sum(axis=1)[:, None, None]  # (B, 1, 1)
            left = own.transpose(0, 2, 1) @ own + self.l2 * count * np.eye(size + 1)  # (B, d + 1, d + 1)
            solved[rows] = np.linalg.solve(left, own.transpose(0, 2, 1) @ target)[..., 0]
        return solved[:, :size], solved[:, size]

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I): stars foretold; the mean and the known bias where a user or an item has no training rating."""
        rows = self.users[users] @ self.items.T + self.user_bias[users][:, None] + self.item_bias + self.mean
        return rows.astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """Factors, biases and the mean."""
        return {name: getattr(self, name) for name in ("users", "items", "user_bias", "item_bias", "mean")}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take them back."""
        for name, value in state.items():
            setattr(self, name, value)
