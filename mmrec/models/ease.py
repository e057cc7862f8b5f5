"""EASE: a linear item-to-item model in closed form.

Reference: Steck (2019), Embarrassingly shallow autoencoders for sparse data, WWW.
"""

from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_matrix

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.base import Recommender


class EASE(Recommender):
    """Scores X B, where B minimises |X - X B|^2 + l2 |B|^2 with a zero diagonal.

    With P = (X'X + l2 I)^-1 the solution is B_ij = -P_ij / P_jj off the diagonal. X holds the likes.

    Args:
        l2: weight of the squared entries of B.
    """

    name = "ease"
    grid: ClassVar[dict[str, tuple[Any, ...]]] = {"l2": (50.0, 100.0, 200.0, 400.0)}

    def __init__(self, l2: float = 200.0) -> None:
        super().__init__(l2=l2)

    def _fit(self, train: Interactions, features: Features | None) -> None:
        self.liked = train.likes().matrix()  # (U, I)
        gram = np.asarray((self.liked.T @ self.liked).todense(), np.float64)  # (I, I)
        gram[np.diag_indices_from(gram)] += self.settings["l2"]
        inverse = np.linalg.inv(gram)  # P
        weights = -inverse / np.diag(inverse)  # (I, I)
        np.fill_diagonal(weights, 0)
        self.weights = weights.astype(np.float32)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I): rows of X B."""
        return np.asarray(self.liked[users] @ self.weights, np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """B and the likes."""
        cells = self.liked.tocoo()
        return {"weights": self.weights, "user": cells.row, "item": cells.col, "shape": np.array(cells.shape)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take B and the likes back."""
        self.weights = state["weights"]
        ones = np.ones(len(state["user"]), np.float32)
        self.liked = csr_matrix((ones, (state["user"], state["item"])), tuple(state["shape"]))
