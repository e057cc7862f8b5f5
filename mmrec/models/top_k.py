"""The k best of each row of scores, exactly, without sorting the rows."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.sparse import csr_matrix

from mmrec.errors import InputError

CELLS_AT_ONCE = 2**23
"""Scores held at once while many users are ranked: 32 MB."""
_CELLS_A_TASK = 2**19  # of a thread: few enough to stay in its cache, enough to be worth a task


def users_at_once(items: int) -> int:
    """How many users' scores of a catalogue of so many items are held at once."""
    return max(1, CELLS_AT_ONCE // max(1, items))


def best_items(
    scores: np.ndarray, k: int, excluded: csr_matrix | None = None, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The k best items of each row, best first; equal scores in the order of the items. All cores are used.

    Metrics draw the order of equal scores instead: ``mmrec.evaluation.metrics.top_k``.

    Args:
        scores: (B, I) float32, left as they are; -inf marks what may not be listed.
        k: length of the lists.
        excluded: (B, I) sparse; an item with a cell is left out for that row.
        allowed: (I,) bool, which items may be listed at all; all when None.

    Returns:
        items (B, k) int64 and scores (B, k) float32; where a row has fewer than k items, the tail is -1 with -inf.

    Raises:
        InputError: k is below 1, or a score is NaN or +inf.
    """
    if k < 1:
        raise InputError(f"k must be at least 1, not {k}")
    step = max(1, _CELLS_A_TASK // max(1, scores.shape[1]))
    starts = range(0, max(1, len(scores)), step)

    def work(start: int) -> tuple[np.ndarray, np.ndarray]:
        own = np.array(scores[start : start + step], np.float32)  # (b, I)
        if excluded is not None:
            ends = excluded.indptr[start : start + len(own) + 1]
            own[np.repeat(np.arange(len(own)), np.diff(ends)), excluded.indices[ends[0] : ends[-1]]] = -np.inf
        if allowed is not None:
            own[:, ~allowed] = -np.inf
        return _best(own, k)

    if len(starts) == 1:
        return work(0)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        items, best = zip(*pool.map(work, starts), strict=True)
    return np.concatenate(items), np.concatenate(best)


def _best(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Only the few scores of each row that reach its bound are sorted."""
    users, width = scores.shape
    cells = np.flatnonzero(scores >= _bound(scores, k)[:, None])  # (n,), row by row
    rows, items = np.divmod(cells, max(1, width))
    count = np.bincount(rows, minlength=users)  # (B,)
    place = np.arange(len(cells)) - np.repeat(np.cumsum(count) - count, count)  # (n,) within its row
    shape = users, max(k, int(count.max(initial=0)))
    values, named = np.full(shape, -np.inf, np.float32), np.full(shape, -1, np.int64)
    values[rows, place] = scores[rows, items]
    named[rows, place] = np.where(values[rows, place] > -np.inf, items, -1)
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]  # equal scores stay in the order of the items
    return np.take_along_axis(named, order, axis=1), np.take_along_axis(values, order, axis=1)


def _bound(scores: np.ndarray, k: int) -> np.ndarray:
    """(B,): a number that at least k scores of the row reach and, without ties, hardly more.

    A row is cut into groups of items. The k-th largest of the groups' maxima is such a number: each of the k groups
    above it holds a score that reaches it, so no score of the k best lies below. Finding it takes one pass.
    """
    users, items = scores.shape
    size = max(1, min(32, items // (4 * k)))  # of a group
    groups = items // size
    maxima = scores[:, : size * groups].reshape(users, size, groups).max(axis=1)  # (B, G)
    rest = scores[:, size * groups :]  # (B, fewer than a group)
    maxima = np.concatenate([maxima, rest], axis=1)
    if not (maxima < np.inf).all():
        raise InputError("scores hold NaN or infinite values: such a model cannot be ranked")
    if maxima.shape[1] <= k:
        return np.full(users, -np.inf, np.float32)
    return np.partition(maxima, maxima.shape[1] - k, axis=1)[:, maxima.shape[1] - k]
