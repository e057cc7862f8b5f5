"""Graphs that do not learn: who liked what, which items resemble each other, and what spreads over them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops
from scipy.sparse import csr_matrix, diags, vstack

DENSE_BELOW = 100
"""A matrix with at most so many cells for each that is not zero is faster multiplied whole than by its cells."""
ITEMS_AT_ONCE = 1024


class Spread:
    """M x for a constant sparse matrix M (n, m) and x (m, d).

    A matrix of few zeros is multiplied whole; of another, the cells that are not zero are gathered and summed by row.
    """

    def __init__(self, matrix: csr_matrix) -> None:
        self.rows = matrix.shape[0]
        self.whole = None
        if np.prod(matrix.shape, dtype=np.int64) <= DENSE_BELOW * matrix.nnz:
            self.whole = ops.convert_to_tensor(matrix.toarray().astype(np.float32))  # (n, m)
            return
        cells = matrix.tocoo()
        self.row, self.column = cells.row.astype(np.int32), cells.col.astype(np.int32)
        self.value = ops.convert_to_tensor(cells.data[:, None].astype(np.float32))  # (c, 1)

    def __call__(self, x: Any) -> Any:
        if self.whole is not None:
            return ops.matmul(self.whole, x)  # (n, d)
        return ops.segment_sum(ops.take(x, self.column, axis=0) * self.value, self.row, self.rows)  # (n, d)


def normalised(matrix: csr_matrix) -> csr_matrix:
    """D^-1/2 M D'^-1/2: each cell divided by the roots of its row's and its column's sum."""
    sums = [np.asarray(matrix.sum(axis=axis), np.float64).ravel() for axis in (1, 0)]
    rows, columns = (np.where(total > 0, np.maximum(total, 1e-12) ** -0.5, 0) for total in sums)
    return csr_matrix(diags(rows) @ matrix @ diags(columns))


def resemblance(
    asked: Mapping[str, np.ndarray], known: Mapping[str, np.ndarray], neighbours: int, own: bool = False
) -> csr_matrix:
    """(n, K): for each asked item the weights of its nearest known ones; a row sums to 1, or to 0 without a neighbour.

    In each modality the neighbours are those of the largest positive cosines, which are their weights; modalities in
    which an item has no neighbour do not count.

    Args:
        asked: modality -> (n, r).
        known: modality -> (K, r).
        neighbours: how many in each modality.
        own: the asked items are the known ones, and none is its own neighbour.
    """
    graph = csr_matrix((len(next(iter(asked.values()))), len(next(iter(known.values())))))
    for name in asked:
        rows, columns = _unit(asked[name]), _unit(known[name])
        blocks = []
        for start in range(0, max(1, len(rows)), ITEMS_AT_ONCE):
            cosine = rows[start : start + ITEMS_AT_ONCE] @ columns.T  # (n', K)
            if own:
                np.fill_diagonal(cosine[:, start:], 0)
            least = np.argsort(-cosine, axis=1, kind="stable")[:, neighbours:]
            np.put_along_axis(cosine, least, 0, axis=1)
            blocks.append(csr_matrix(np.maximum(cosine, 0)))
        graph = graph + _of_sum_one(vstack(blocks))
    return _of_sum_one(graph)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _of_sum_one(matrix: csr_matrix) -> csr_matrix:
    total = np.asarray(matrix.sum(axis=1)).ravel()
    return csr_matrix(diags(np.where(total > 0, 1 / np.maximum(total, 1e-12), 0)) @ matrix)
