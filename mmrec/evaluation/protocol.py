"""The evaluation contract: full ranking of all unseen items, per user, warm and cold cases apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mmrec.data.catalogue import LIKE_THRESHOLD
from mmrec.data.split import Split
from mmrec.errors import InputError
from mmrec.evaluation import metrics


class Scored(Protocol):
    """What is measured: a fitted recommender, or anything else that scores every item for a user."""

    @property
    def name(self) -> str:
        """For messages."""

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) for user indices (B,)."""


CUTOFFS = (10, 20)
LIST_LENGTH = 20
MASKS = ("all", "train")
"""What a test list leaves out: items with a training or validation row of the user, or with a training row alone."""


@dataclass(frozen=True)
class Evaluation:
    """What a model reached.

    Attributes:
        summary: metric -> mean over ``users`` (AUC and log loss: over the rated pairs; coverage, novelty,
            diversity and popularity bias: of the lists of length 20).
        per_user: ranking metric -> (n,) values, aligned with ``users``.
        users: (n,) indices of users with at least one relevant item; the others cannot be measured.
        rated_users, rated_scores, rated_likes: (N,) of all rated pairs of the case: whose it is, how it was
            scored, and whether it is a like. AUC and log loss come from them.
    """

    summary: dict[str, float]
    per_user: dict[str, np.ndarray]
    users: np.ndarray
    rated_users: np.ndarray
    rated_scores: np.ndarray
    rated_likes: np.ndarray


def evaluate(
    model: Scored,
    split: Split,
    case: str = "warm",
    *,
    on: str = "test",
    mask: str = "all",
    vectors: np.ndarray | None = None,
    block: int = 256,
) -> Evaluation:
    """Measure a fitted model on one case.

    Relevant are the user's likes among the rows of the case. Candidates are all items that the user has
    no training or validation row for (on validation: no training row); in the case ``cold-item`` the cold
    items alone, in the case ``cold-user`` the others alone. Nothing is sampled.

    Args:
        model: fitted on ``split.train``.
        split: where the rows come from.
        case: ``"warm"``, ``"cold-item"`` or ``"cold-user"``.
        on: ``"test"`` or ``"validation"`` (warm only).
        mask: ``"train"`` leaves items rated in validation among the candidates of the test, as many published tables
            do: for comparison with these alone.
        vectors: (I, d) item features for intra-list diversity; NaN without.
        block: users scored at once.

    Raises:
        InputError: the split has no such case, no such mask, or the model gives scores that cannot be ranked.
    """
    if mask not in MASKS:
        raise InputError(f"mask {mask!r}: choose from {', '.join(MASKS)}")
    if on == "test" and case not in split.test:
        raise InputError(f"the split has no case {case!r}: it holds {', '.join(split.test)}")
    rows = split.validation if on == "validation" else split.test[case]
    # whether feedback is implicit is told by the training rows: a case may hold one-star ratings alone
    liked = np.ones(len(rows), bool) if split.train.is_implicit() else rows.rating >= LIKE_THRESHOLD
    likes = rows.take(liked).matrix()
    masked = on == "test" and mask == "all"
    seen = (split.train.with_rows(split.validation) if masked else split.train).matrix()
    allowed = {"cold-item": split.cold_items, "cold-user": ~split.cold_items}.get(case, np.ones(rows.items, bool))

    parts: list[dict[str, np.ndarray]] = []
    lists, measured, rated_scores, rated_rows = [], [], [], []
    everyone = np.unique(rows.user)
    by_user = np.argsort(rows.user, kind="stable")
    starts = np.searchsorted(rows.user[by_user], everyone)
    ends = np.searchsorted(rows.user[by_user], everyone, side="right")
    for at in range(0, len(everyone), block):
        users = everyone[at : at + block]
        scores = np.asarray(model.scores(users))  # (B, I)
        if scores.shape != (len(users), rows.items):
            raise InputError(f"{model.name} gave scores of shape {scores.shape}, not {(len(users), rows.items)}")
        if not np.isfinite(scores).all():
            raise InputError(f"{model.name} gave scores that are NaN or infinite: such a model cannot be ranked")
        here = by_user[starts[at] : ends[min(at + block, len(everyone)) - 1]]
        rated_scores.append(scores[np.searchsorted(users, rows.user[here]), rows.item[here]])
        rated_rows.append(here)

        relevant = likes[users].toarray() > 0  # (B, I)
        candidates = ~(seen[users].toarray() > 0) & allowed  # (B, I)
        relevant &= candidates
        some = relevant.any(axis=1)
        if not some.any():
            continue
        items = metrics.top_k(scores[some], candidates[some], max(CUTOFFS), np.random.default_rng(0))
        expected = metrics.expected_hits(items, scores[some], relevant[some], candidates[some])
        parts.append(_ranking(metrics.hits_of(items, relevant[some]), expected, relevant[some].sum(axis=1)))
        lists.append(items)
        measured.append(users[some])

    per_user = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}
    summary = {name: float(values.mean()) for name, values in per_user.items()}
    order = np.concatenate(rated_rows) if rated_rows else np.zeros(0, np.int64)
    score = np.concatenate(rated_scores) if rated_scores else np.zeros(0)
    truth = liked[order]
    summary["auc"], summary["log_loss"] = metrics.auc(score, truth), metrics.log_loss(score, truth)
    summary["users"] = float(sum(map(len, measured)))
    if lists:
        summary |= _beyond_accuracy(np.concatenate(lists), split, vectors)
    users = np.concatenate(measured) if measured else np.zeros(0, np.int64)
    return Evaluation(summary, per_user, users, rows.user[order], score, truth)


def mean_evaluation(evaluations: Sequence[Evaluation]) -> Evaluation:
    """The mean of several evaluations of the same users: metrics, per-user values; the rated pairs one after another.

    Args:
        evaluations: of one case of one split; at least one.
    """
    first = evaluations[0]
    return Evaluation(
        {name: float(np.mean([one.summary[name] for one in evaluations])) for name in first.summary},
        {name: np.mean([one.per_user[name] for one in evaluations], axis=0) for name in first.per_user},
        first.users,
        *(
            np.concatenate([getattr(one, name) for one in evaluations])
            for name in ("rated_users", "rated_scores", "rated_likes")
        ),
    )


def _ranking(hits: np.ndarray, expected: np.ndarray, relevant: np.ndarray) -> dict[str, np.ndarray]:
    values = {}
    for k in CUTOFFS:
        values[f"recall@{k}"] = metrics.recall(expected[:, :k], relevant)
        values[f"ndcg@{k}"] = metrics.ndcg(expected[:, :k], relevant)
        values[f"mrr@{k}"] = metrics.reciprocal_rank(hits[:, :k])
        values[f"map@{k}"] = metrics.average_precision(hits[:, :k], relevant)
        values[f"hit_rate@{k}"] = metrics.hit_rate(hits[:, :k])
    return values


def _beyond_accuracy(lists: np.ndarray, split: Split, vectors: np.ndarray | None) -> dict[str, float]:
    ratings = np.bincount(split.train.item, minlength=split.train.items).astype(float)  # (I,)
    share = np.maximum(ratings, 1) / max(split.train.users, 1)  # an unrated item counts as rated once
    lists = lists[:, :LIST_LENGTH]
    return {
        f"coverage@{LIST_LENGTH}": metrics.coverage(lists, split.train.items),
        f"novelty@{LIST_LENGTH}": metrics.novelty(lists, share),
        f"diversity@{LIST_LENGTH}": float("nan") if vectors is None else metrics.diversity(lists, vectors),
        f"popularity_bias@{LIST_LENGTH}": metrics.popularity_bias(lists, ratings),
    }
