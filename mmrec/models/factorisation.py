"""Matrix factorisation of likes by weighted least squares (section 4.1 names the method).

Reference: Hu, Koren, Volinsky (2008), Collaborative filtering for implicit feedback datasets, ICDM.
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.abilities import FoldsInUsers
from mmrec.models.base import Recommender
from mmrec.models.settings import seed_of, setting

ENTRIES_AT_ONCE, ROWS_AT_ONCE = 2**16, 2**11


def rows_of_like_length(matrix: csr_matrix) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The rows of (n, m) that hold anything, in blocks of about equal numbers of entries: one system solved a row.

    Yields:
        rows (B,); columns (B, L), where m stands for none; values (B, L), 0 there.
    """
    counts = np.diff(matrix.indptr)
    order = np.argsort(counts, kind="stable")[np.count_nonzero(counts == 0) :]
    while len(order):
        fit = np.arange(1, len(order) + 1) * counts[order] <= ENTRIES_AT_ONCE
        rows, order = np.split(order, [max(1, min(int(fit.sum()), ROWS_AT_ONCE))])
        place = np.arange(counts[rows[-1]])  # (L,)
        here = place < counts[rows][:, None]  # (B, L)
        entry = (matrix.indptr[rows][:, None] + place)[here]
        columns, values = np.full(here.shape, matrix.shape[1]), np.zeros(here.shape)
        columns[here], values[here] = matrix.indices[entry], matrix.data[entry]
        yield rows, columns, values


class MatrixFactorisation(Recommender, FoldsInUsers):
    """r_ui = p_u . q_i, minimising sum_ui c_ui (x_ui - p_u . q_i)^2 + l2 (|P|^2 + |Q|^2).

    x_ui is 1 for a like and 0 otherwise; c_ui = 1 + alpha for a like and 1 otherwise. With one side
    fixed the other has a closed form, so the two are solved in turn.
    """

    name = "mf"

    embedding_size: int = setting(32, "d", low=1, search=(64, 16))
    l2: float = setting(30.0, "weight of the squared factors", low=0, search=(10.0, 60.0), open_ended=True)
    alpha: float = setting(
        8.0, "how much more a like weighs than the absence of one", low=0, search=(2.0, 20.0), open_ended=True
    )
    epochs: int = setting(15, "alternations", low=1)
    seed: int = seed_of("the initial factors")

    def _fit(self, train: Interactions, features: Features | None) -> None:
        liked = train.likes().matrix().tocsr()  # (U, I)
        rng = np.random.default_rng(self.seed)
        self.items = rng.normal(0, 0.1, (train.n_items, self.embedding_size))  # Q: (I, d)
        for _ in range(self.epochs):
            self.users = self._solve(liked, self.items)  # P: (U, d)
            self.items = self._solve(liked.T.tocsr(), self.users)
        self.users, self.items = self.users.astype(np.float32), self.items.astype(np.float32)

    def _solve(self, liked: csr_matrix, fixed: np.ndarray) -> np.ndarray:
        """Rows p = (Q'Q + alpha Q_l'Q_l + l2 I)^-1 (1 + alpha) Q_l' 1, where Q_l are the liked rows."""
        alpha, size = self.alpha, fixed.shape[1]
        shared = fixed.T @ fixed + self.l2 * np.eye(size)  # (d, d)
        solved, padded = np.zeros((liked.shape[0], size)), np.vstack([fixed, np.zeros(size)])
        for rows, columns, _ in rows_of_like_length(liked):
            own = padded[columns]  # (B, L, d): Q_l
            left = shared + alpha * own.transpose(0, 2, 1) @ own  # (B, d, d)
            solved[rows] = np.linalg.solve(left, (1 + alpha) * own.sum(axis=1)[..., None])[..., 0]
        return solved

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I): p_u . q_i; zero for a user or an item without a training like."""
        return self.users[users] @ self.items.T

    def fold_in(self, liked: csr_matrix) -> np.ndarray:
        """(B, I) float32: scores for users who were not in training, from what they like, (B, I) sparse.

        Their p is solved for with the items as they are.
        """
        return (self._solve(liked.tocsr(), self.items) @ self.items.T).astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """Both factor matrices."""
        return {"users": self.users, "items": self.items}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take the factors back."""
        self.users, self.items = state["users"], state["items"]
