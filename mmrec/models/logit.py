"""Conditional logit: how far popularity and taste each decide which items a user likes.

Reference: McFadden (1974), Conditional logit analysis of qualitative choice behavior.
"""

import numpy as np
from scipy.sparse import csr_matrix


def conditional_logit(popularity: np.ndarray, taste: np.ndarray, liked: csr_matrix) -> tuple[float, float, float]:
    """Likes against all items by exp(beta popularity + gamma taste), each user weighing alike; Newton's method.

    Args:
        popularity: (n,).
        taste: (U, n).
        liked: (U, n), ones where the user likes the item.

    Returns:
        mean log-likelihood per like and user, beta and gamma.
    """
    count = np.asarray(liked.sum(axis=1)).ravel()  # (U,)
    has = count > 0
    mine, taste = liked[has].multiply(1 / count[has, None]).tocsr(), taste[has]  # rows sum to 1
    if not len(taste):
        return 0.0, 1.0, 0.0
    seen = np.array([(mine @ popularity).mean(), mine.multiply(taste).sum() / len(taste)])
    at, value = np.array([1.0, 0.0]), -np.inf
    for _ in range(20):
        score = at[0] * popularity + at[1] * taste  # (U, n)
        top = score.max(axis=1, keepdims=True)
        share = np.exp(score - top)
        norm = share.sum(axis=1, keepdims=True)
        share /= norm
        before, value = value, float(at @ seen - (top + np.log(norm)).mean())
        first, second = share @ popularity, (share * taste).sum(axis=1)  # (U,)
        cross = ((share * taste) @ popularity).mean() - (first * second).mean()
        square = (share @ popularity**2).mean() - (first**2).mean()
        other = (share * taste**2).sum(axis=1).mean() - (second**2).mean()
        slope = seen - [first.mean(), second.mean()]
        curvature = np.array([[square, cross], [cross, other]]) + 1e-4 * np.eye(2)
        if abs(value - before) < 1e-7:
            break
        at = at + np.linalg.solve(curvature, slope)
    return value, float(at[0]), float(at[1])
