"""Metrics of ranked lists and of scores; one NDCG in the project.

Ranking metrics take scores (B, I), the relevant items (B, I) bool and the candidates (B, I) bool. Equal
scores are ranked without favour: within a tie the relevant items come last, so that a model cannot gain
by scoring everything alike.

References:
    Jarvelin, Kekalainen (2002), Cumulated gain-based evaluation of IR techniques, TOIS 20 (NDCG).
    Voorhees (1999), The TREC-8 question answering track report (MRR).
    Vargas, Castells (2011), Rank and relevance in novelty and diversity metrics, RecSys (novelty).
"""

import numpy as np
from sklearn import metrics as sk

from mmrec.errors import InputError


def top_k(scores: np.ndarray, relevant: np.ndarray, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k best candidates of each row, best first.

    Args:
        scores: (B, I) finite.
        relevant: (B, I) bool; only decides ties, to the model's disadvantage.
        candidates: (B, I) bool, what may be ranked.
        k: length.

    Returns:
        items (B, k) int64, -1 where a row has fewer candidates, and hits (B, k) bool.

    Raises:
        InputError: a score is NaN or infinite.
    """
    if not np.isfinite(scores).all():
        raise InputError("scores hold NaN or infinite values: such a model cannot be ranked")
    k = min(k, scores.shape[1])
    # lexsort by (not candidate, -score, relevant): exact, ties settled, positions beyond k not needed
    order = np.lexsort((relevant, -scores, ~candidates), axis=1)[:, :k]  # (B, k)
    allowed = np.take_along_axis(candidates, order, axis=1)  # (B, k)
    hits = np.take_along_axis(relevant, order, axis=1) & allowed  # (B, k)
    return np.where(allowed, order, -1), hits


def recall(hits: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Hits among the first k over all relevant items: (B, k) bool, (B,) counts -> (B,)."""
    return hits.sum(axis=1) / np.maximum(relevant, 1)


def ndcg(hits: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """sum_j hit_j / log2(j + 1) over the same sum for a perfect list: (B, k) bool, (B,) counts -> (B,)."""
    k = hits.shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))  # (k,)
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(relevant, k)]  # (B,)
    return (hits * discount).sum(axis=1) / np.where(ideal > 0, ideal, 1)


def reciprocal_rank(hits: np.ndarray) -> np.ndarray:
    """1 / position of the first hit, 0 without one: (B, k) bool -> (B,)."""
    return np.where(hits.any(axis=1), 1 / (1 + hits.argmax(axis=1)), 0.0)


def average_precision(hits: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Mean of the precision at each hit, over min(k, relevant): (B, k) bool, (B,) counts -> (B,)."""
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)  # (B, k)
    return (precision * hits).sum(axis=1) / np.maximum(np.minimum(relevant, hits.shape[1]), 1)


def hit_rate(hits: np.ndarray) -> np.ndarray:
    """1 where there is any hit: (B, k) bool -> (B,)."""
    return hits.any(axis=1).astype(float)


def auc(scores: np.ndarray, likes: np.ndarray) -> float:
    """Chance that a like is scored above a dislike, ties half: (N,), (N,) bool; NaN with one class only."""
    return float(sk.roc_auc_score(likes, scores)) if 0 < likes.sum() < len(likes) else float("nan")


def log_loss(probabilities: np.ndarray, likes: np.ndarray) -> float:
    """Mean of -log p(what happened): (N,), (N,) bool; NaN where the scores are no probabilities."""
    if not len(likes) or probabilities.min() < 0 or probabilities.max() > 1:
        return float("nan")
    return float(sk.log_loss(likes, probabilities, labels=[False, True]))


def coverage(lists: np.ndarray, items: int) -> float:
    """Share of the catalogue that stands in any list: (B, k) indices, -1 ignored."""
    return len(np.unique(lists[lists >= 0])) / items


def novelty(lists: np.ndarray, share: np.ndarray) -> float:
    """Mean -log2 of the share of users who rated a listed item: (B, k), (I,) in (0, 1]."""
    return float(-np.log2(share[lists[lists >= 0]]).mean())


def diversity(lists: np.ndarray, vectors: np.ndarray) -> float:
    """Mean of 1 - cosine over the pairs within a list: (B, k), (I, d); a zero vector has cosine 0 with all."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(length > 0, length, 1)  # (I, d)
    listed = np.where((lists >= 0)[..., None], unit[lists], 0)  # (B, k, d)
    size = (lists >= 0).sum(axis=1)  # (B,)
    total = (listed.sum(axis=1) ** 2).sum(axis=1) - (listed**2).sum(axis=(1, 2))  # sum over ordered pairs
    pairs = np.maximum(size * (size - 1), 1)
    return float((1 - total / pairs)[size > 1].mean()) if (size > 1).any() else float("nan")


def popularity_bias(lists: np.ndarray, ratings: np.ndarray) -> float:
    """Mean number of training ratings of listed items over that of all ratings' items: 1 = as people choose."""
    usual = (ratings**2).sum() / max(ratings.sum(), 1)
    return float(ratings[lists[lists >= 0]].mean() / max(usual, 1e-12))
