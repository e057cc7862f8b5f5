"""Metrics of ranked lists and of scores; one NDCG in the project.

Equal scores are ranked without favour: recall and NDCG are the mean over all orders of what is tied
(``expected_hits``), so that a model that scores everything alike gets what chance gets; the other metrics
are of one drawn order.

References:
    Jarvelin, Kekalainen (2002), Cumulated gain-based evaluation of IR techniques, TOIS 20 (NDCG).
    Voorhees (1999), The TREC-8 question answering track report (MRR).
    McSherry, Najork (2008), Computing information retrieval performance measures efficiently in the presence of
    tied scores, ECIR (ties).
    Vargas, Castells (2011), Rank and relevance in novelty and diversity metrics, RecSys (novelty).
"""

import numpy as np
from sklearn import metrics as sk

from mmrec.errors import InputError


def top_k(scores: np.ndarray, candidates: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """The k best candidates of each row, best first; equal scores in an order that is drawn.

    Lists for users come from ``mmrec.models.top_k.best_items``: there equal scores stay in the order of the items, so
    that a list repeats itself. A metric may not depend on how a catalogue happens to be sorted.

    Args:
        scores: (B, I) finite.
        candidates: (B, I) bool, what may be ranked.
        k: length.
        rng: draws the order of equal scores, one for all rows.

    Returns:
        (B, min(k, I)) int64, -1 where a row has fewer candidates.

    Raises:
        InputError: a score is NaN or infinite.
    """
    if not np.isfinite(scores).all():
        raise InputError("scores hold NaN or infinite values: such a model cannot be ranked")
    k, drawn = min(k, scores.shape[1]), rng.permutation(scores.shape[1])
    cost = np.where(candidates, -scores, np.inf)[:, drawn]  # (B, I)
    near = np.sort(np.argpartition(cost, k - 1, axis=1)[:, :k], axis=1)  # (B, k)
    order = np.argsort(np.take_along_axis(cost, near, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(near, order, axis=1)
    return np.where(np.isfinite(np.take_along_axis(cost, best, axis=1)), drawn[best], -1)


def hits_of(items: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Which listed items are relevant: (B, k) indices, -1 for none, and (B, I) bool -> (B, k) bool."""
    return np.take_along_axis(relevant, np.maximum(items, 0), axis=1) & (items >= 0)


def expected_hits(items: np.ndarray, scores: np.ndarray, relevant: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Chance that each place of a list holds a relevant item, over all orders of equal scores.

    A place within a tie holds each of the tied items alike; the last tie goes on beyond the list.

    Args:
        items: (B, k) from ``top_k``.
        scores, relevant, candidates: (B, I) that the lists were made of.

    Returns:
        (B, k) float in [0, 1]: ``hits_of`` where no scores are equal.
    """
    hits = hits_of(items, relevant).astype(float)
    best = np.where(items >= 0, np.take_along_axis(scores, np.maximum(items, 0), axis=1), np.nan)  # (B, k)
    tied = best[:, :, None] == best[:, None, :]  # (B, k, k)
    share = (tied * hits[:, None]).sum(axis=2) / np.maximum(tied.sum(axis=2), 1)
    last = candidates & (scores == best[:, -1:])  # (B, I)
    share_last = (last & relevant).sum(axis=1) / np.maximum(last.sum(axis=1), 1)  # (B,)
    return np.where(best == best[:, -1:], share_last[:, None], share)


def recall(hits: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Hits among the first k over all relevant items: (B, k) bool or chances, (B,) counts -> (B,)."""
    return hits.sum(axis=1) / np.maximum(relevant, 1)


def ndcg(hits: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """sum_j hit_j / log2(j + 1) over the same sum for a perfect list: (B, k) bool or chances, (B,) counts -> (B,)."""
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
    """Mean of -log p(what happened): (N,), (N,) bool; NaN where the scores are not probabilities."""
    if not len(likes) or probabilities.min() < 0 or probabilities.max() > 1:
        return float("nan")
    return float(sk.log_loss(likes, probabilities, labels=[False, True]))


def coverage(lists: np.ndarray, items: int) -> float:
    """Share of the catalogue that is in any list: (B, k) indices, -1 ignored."""
    return len(np.unique(lists[lists >= 0])) / items


def novelty(lists: np.ndarray, share: np.ndarray) -> float:
    """Mean -log2 of the share of users with a rating of a listed item: (B, k), (I,) in (0, 1]."""
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
