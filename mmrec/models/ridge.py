"""Ridge regression of many targets at once, and its leave-one-out predictions, from one eigendecomposition.

References:
    Hoerl and Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems, Technometrics 12.
    Allen (1974), The relationship between variable selection and data augmentation and a method for prediction,
    Technometrics 16 (the leave-one-out error in closed form).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

PENALTIES = np.logspace(-1, 3, 17)
"""Values of l2 that are compared, for inputs whose mean squared length is about 1."""


class Ridge:
    """Ridge regressions of many targets on the same inputs, from the singular vectors of these inputs.

    Args:
        x: (n, F) inputs, each column with mean about 0. The smaller one of x x' (n, n) and x' x (F, F) is decomposed.
    """

    def __init__(self, x: np.ndarray) -> None:
        wide = x.shape[1] >= len(x)
        values, vectors = eigh((x @ x.T if wide else x.T @ x).astype(np.float64), driver="evd")
        if not wide:
            kept = values > max(values[-1], 1e-6) * 1e-7  # the others are rounding errors of float32
            values, vectors = values[kept], x @ vectors[:, kept] / np.sqrt(values[kept])
        self.values, self.vectors = np.maximum(values, 0), vectors  # (k,), (n, k)

    @classmethod
    def best(cls, parts: dict[str, np.ndarray], share: dict[str, float], target: np.ndarray) -> "Choice":
        """The l2 of ``PENALTIES`` with the least leave-one-out squared error.

        Args:
            parts: modality -> (n, d) inputs.
            share: modality -> factor of its part of x x'.
            target: (n,) with mean 0.
        """
        ridge = cls(np.concatenate([part * np.float32(np.sqrt(share[name])) for name, part in parts.items()], axis=1))
        errors = [float(np.mean((target - ridge.left_out(target, l2)) ** 2)) for l2 in PENALTIES]
        return Choice(min(errors), ridge, float(PENALTIES[np.argmin(errors)]), share)

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


@dataclass(frozen=True)
class Choice:
    """A ridge regression with its best l2, the leave-one-out error it has there, and the shares it was made with."""

    error: float
    ridge: Ridge
    l2: float
    share: dict[str, float]
