r"""Lists that are right and not all alike: maximal marginal relevance, and what variety costs.

A list is built item by item; the next is the one with the largest

$$\lambda\, s_i - (1 - \lambda) \max_{j \in L} \cos(v_i, v_j),$$

where s_i is the score brought to [0, 1] within the candidates, L is what is listed already, and v_i holds the item's
features. $\lambda = 1$ is the plain list. Explained in notebooks/08-lists.ipynb.

Reference: Carbonell, Goldstein (1998), The use of MMR, diversity-based reranking for reordering documents and
producing summaries, SIGIR.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mmrec.data.catalogue import Interactions
from mmrec.data.split import Split
from mmrec.errors import InputError
from mmrec.evaluation import metrics
from mmrec.features.table import Features
from mmrec.lists.ranking import rank_all
from mmrec.models.base import Recommender
from mmrec.models.preprocessing import Preprocessor

POOL = 5
"""Candidates for a list of k: the POOL * k best items."""
_USERS_AT_ONCE = 64  # whose candidates' vectors are held at once


def item_vectors(features: Features, train: Interactions) -> np.ndarray:
    """(I, d) float32: the modalities side by side, each of unit length, so that the cosine is their mean cosine.

    Args:
        features: of all items.
        train: rows that the scales of the features are learned from.
    """
    return np.hstack([_unit(table) for table in Preprocessor.fit(features, train).tables(features).values()])


def rerank(
    items: np.ndarray, scores: np.ndarray, vectors: np.ndarray, k: int, weight: float
) -> tuple[np.ndarray, np.ndarray]:
    """The k items of each row that maximal marginal relevance picks, in the order in which it picks them.

    Args:
        items: (B, n) candidates, best first; -1 where there is none.
        scores: (B, n).
        vectors: (I, d) features that tell what is alike.
        k: length of the lists.
        weight: lambda, in [0, 1].

    Returns:
        items (B, k) and the model's own scores (B, k), not in order any more; -1 and -inf at the tail.

    Raises:
        InputError: weight is outside [0, 1].
    """
    if not 0 <= weight <= 1:
        raise InputError(f"the weight of relevance is {weight}: give 0 (variety alone) to 1 (the plain list)")
    width = min(k, items.shape[1])
    place = np.zeros((len(items), width), np.int64)
    for start in range(0, len(items), _USERS_AT_ONCE):
        here = slice(start, start + _USERS_AT_ONCE)
        place[here] = _pick(items[here], scores[here], vectors, width, weight)
    listed, best = np.full((len(items), k), -1, np.int64), np.full((len(items), k), -np.inf, np.float32)
    listed[:, :width] = np.take_along_axis(items, place, axis=1)
    best[:, :width] = np.take_along_axis(scores, place, axis=1)
    return listed, best


def _pick(items: np.ndarray, scores: np.ndarray, vectors: np.ndarray, k: int, weight: float) -> np.ndarray:
    """(B, k) places among the candidates."""
    there = items >= 0  # (B, n)
    low = np.where(there, scores, np.inf).min(axis=1, keepdims=True)  # (B, 1)
    spread = np.where(there, scores, -np.inf).max(axis=1, keepdims=True) - low
    with np.errstate(invalid="ignore"):  # inf - inf of places without a candidate
        relevance = np.where(there, (scores - low) / np.where(spread > 0, spread, 1), 0)  # (B, n) in [0, 1]
    candidates = _unit(vectors[np.maximum(items, 0)])  # (B, n, d)
    likest = np.zeros(items.shape, np.float32)  # (B, n): nothing is listed yet
    left, rows = there.copy(), np.arange(len(items))
    picked = np.zeros((len(items), k), np.int64)
    for turn in range(k):
        value = np.where(left, weight * relevance - (1 - weight) * likest, -np.inf)  # (B, n)
        # where all is listed the next place without a candidate is taken
        picked[:, turn] = np.where(left.any(axis=1), value.argmax(axis=1), np.minimum(turn, items.shape[1] - 1))
        left[rows, picked[:, turn]] = False
        cosine = np.einsum("bnd,bd->bn", candidates, candidates[rows, picked[:, turn]])  # (B, n)
        likest = cosine if turn == 0 else np.maximum(likest, cosine)
    return picked


def trade_off(
    model: Recommender,
    split: Split,
    vectors: np.ndarray,
    weights: Sequence[float],
    *,
    on: str = "validation",
    k: int = 20,
    block: int = 256,
) -> pd.DataFrame:
    """What variety costs: NDCG and intra-list diversity for several weights of relevance.

    Args:
        model: fitted on ``split.train``.
        split: where the likes come from.
        vectors: (I, d) features that tell what is alike.
        weights: values of lambda.
        on: ``"validation"``, where a weight may be chosen, or ``"test"``, whose lists leave out what a user rated in
            validation.
        k: length of the lists.
        block: users ranked at once.

    Returns:
        A row a weight; columns ``ndcg@k`` and ``diversity@k``, means over users with a like that can be listed.
    """
    rows = split.validation if on == "validation" else split.test["warm"]
    likes = rows.likes(split.train.is_implicit()).matrix()
    if on == "test":  # as in ``evaluate``
        model = model.leaving_out(split.validation)
    rated = split.train.with_rows(split.validation) if on == "test" else split.train
    relevant = likes - likes.multiply(rated.matrix())  # (U, I)
    users = np.flatnonzero(relevant.sum(axis=1))
    sums = {weight: np.zeros(2) for weight in weights}
    for lists in rank_all(model, users, POOL * k, block=block):
        truth = relevant[lists.users].toarray() > 0  # (B, I)
        for weight in weights:
            items, _ = rerank(lists.items, lists.scores, vectors, k, weight)
            hits = metrics.hits_of(items, truth)  # (B, k)
            ndcg = metrics.ndcg(hits, truth.sum(axis=1)).sum()
            sums[weight] += ndcg, metrics.diversity(items, vectors) * len(items)
    names = [f"ndcg@{k}", f"diversity@{k}"]
    return pd.DataFrame({weight: total / len(users) for weight, total in sums.items()}, index=names).T


def _unit(rows: np.ndarray) -> np.ndarray:
    """Vectors scaled to length 1 along the last axis; zeros stay."""
    return (rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)).astype(np.float32)
