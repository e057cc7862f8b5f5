"""Ridge regression of many targets at once, and its leave-one-out predictions, from one eigendecomposition.

References:
    Hoerl and Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems, Technometrics 12.
    Allen (1974), The relationship between variable selection and data augmentation and a method for prediction,
    Technometrics 16 (the leave-one-out error in closed form).
"""

from typing import Self

import numpy as np
from scipy.linalg import eigh

PENALTIES = np.logspace(-1, 3, 17)
"""Values of l2 that are compared, for inputs whose mean squared length is about 1."""


class Ridge:
    """Ridge regressions of many targets on the same items, from the eigenvalues of their Gram matrix (n, n)."""

    def __init__(self, gram: np.ndarray) -> None:
        values, self.vectors = eigh(gram.astype(np.float64), driver="evd")
        self.values = np.maximum(values, 0)

    @classmethod
    def best(
        cls, grams: dict[str, np.ndarray], share: dict[str, float], target: np.ndarray
    ) -> tuple[float, Self, float, dict[str, float]]:
        """Least leave-one-out squared error over ``PENALTIES``, its ridge, its l2, and ``share``."""
        ridge = cls(np.sum([share[name] * gram for name, gram in grams.items()], axis=0))
        errors = [float(np.mean((target - ridge.left_out(target, l2)) ** 2)) for l2 in PENALTIES]
        return min(errors), ridge, float(PENALTIES[np.argmin(errors)]), share

    def left_out(self, target: np.ndarray, l2: float) -> np.ndarray:
        """(n,) -> (n,): each target predicted from the other items, with an intercept of theirs."""
        kept = self.values / (self.values + l2)
        fit = self.vectors @ (kept * (self.vectors.T @ target))
        own = np.minimum(self.vectors**2 @ kept + 1 / len(target), 1 - 1e-6)
        return (fit - own * target) / (1 - own)

    def left_out_hat(self, l2: float) -> np.ndarray:
        """(n, n): what each other item's target adds to the prediction of an item, without an intercept."""
        hat = (self.vectors * (self.values / (self.values + l2))) @ self.vectors.T
        own = np.minimum(np.diag(hat), 1 - 1e-6)
        np.fill_diagonal(hat, 0)
        return hat / (1 - own)[:, None]

    def weights(self, x: np.ndarray, target: np.ndarray, l2: float) -> np.ndarray:
        """x (n, F) and target (n,) or (n, t) -> weights (F,) or (F, t), float32."""
        dual = (self.vectors / (self.values + l2)) @ (self.vectors.T @ target)
        return (x.T @ dual.astype(np.float32)).astype(np.float32)
