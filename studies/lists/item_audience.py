"""Does a model find the users who like a new item, or the same active users for every item?

For each new item all users are ranked. The AUC is the probability that a user with a like of the item ranks above
another user. Three baselines read nothing of the item: the model's scores of another new item, the user's mean score
over the new items (one list for every item), and the number of training likes. The gain over them is what the item
contributes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmrec.data.split import Split
from mmrec.errors import InputError
from mmrec.evaluation.statistics import holm, sign_flip_test, weighted_auc
from mmrec.models.base import Recommender

MODEL = "the item's own scores"
BASELINES = ("scores of another new item", "one list for every item", "number of training likes")


@dataclass(frozen=True)
class AudienceDraw:
    """One draw of new items.

    Attributes:
        items: (n,) the new items with at least one like.
        likes: (n, U) bool, likes of the users.
        scores: row -> (n, U) scores of all users.
    """

    items: np.ndarray
    likes: np.ndarray
    scores: Mapping[str, np.ndarray]


def audience_draw(model: Recommender, split: Split, seed: int = 0) -> AudienceDraw:
    """Scores of all users for the new items of a split, and the three baselines.

    Args:
        model: fitted on ``split.train``.
        split: with the case ``"cold-item"``.
        seed: decides which other item's scores replace an item's own.

    Raises:
        InputError: the split has no new items, or fewer than two of them were liked.
    """
    if "cold-item" not in split.test:
        raise InputError("the split has no new items: make it with cold_items above 0")
    rows = split.test["cold-item"]
    likes = rows.likes(split.train.is_implicit()).matrix().toarray().T > 0  # (I, U)
    items = np.flatnonzero(likes.any(axis=1))
    if len(items) < 2:
        raise InputError("fewer than two new items were liked: there is no other item to compare with")
    own = np.asarray(model.scores(np.arange(rows.n_users)))[:, items].T  # (n, U)
    order = np.random.default_rng(seed).permutation(len(items))
    other = np.empty_like(order)
    other[order] = np.roll(order, 1)  # a cycle: no item keeps its own scores
    counts = np.bincount(split.train.likes().user, minlength=rows.n_users)  # (U,)
    everyone = np.ones((len(items), 1))
    parts = (own, own[other], everyone * own.mean(axis=0), everyone * counts)
    return AudienceDraw(items, likes[items], dict(zip((MODEL, *BASELINES), parts, strict=True)))


def summarise(draws: Sequence[AudienceDraw], seed: int = 0, samples: int = 500) -> dict[str, Any]:
    """AUC per new item over several draws, with 95% bootstrap intervals over users and items, and a test over draws.

    A sample draws users and items with replacement; an item that is new in several draws is drawn in all of them. The
    test flips the signs of the draws' mean differences, in every combination up to 13 draws. The draws share users and
    ratings: the test is approximate.

    Args:
        draws: of new items.
        seed: of the bootstrap.
        samples: of the bootstrap.

    Returns:
        ``"draws"``; ``"rows"``: row -> [mean, low, high]; ``"gaps"``: baseline -> {"difference", "low", "high",
        "draws above", "p", "p (Holm)", "smallest p (Holm)"} of the item's own scores minus the baseline; the last is
        what so many draws can give at best.
    """
    users, items = draws[0].likes.shape[1], 1 + max(int(draw.items.max()) for draw in draws)
    rng = np.random.default_rng(seed)
    of_users = np.concatenate([np.ones((1, users)), rng.multinomial(users, np.full(users, 1 / users), size=samples)])
    of_items = np.concatenate([np.ones((1, items)), rng.multinomial(items, np.full(items, 1 / items), size=samples)])
    weight = np.concatenate([of_items[:, draw.items] for draw in draws], axis=1)  # (1 + samples, N)

    def aucs(row: str) -> np.ndarray:
        """(1 + samples, N) AUC of every new item of every draw; the first row without resampling."""
        pairs = [pair for draw in draws for pair in zip(draw.scores[row], draw.likes, strict=True)]
        return np.stack([weighted_auc(scores, likes, of_users) for scores, likes in pairs], axis=1)

    def mean(values: np.ndarray) -> list[float]:
        """Mean over the items, and its interval."""
        there = np.isfinite(values)
        means = (weight * np.where(there, values, 0)).sum(axis=1) / np.maximum((weight * there).sum(axis=1), 1e-12)
        return [float(means[0]), *np.quantile(means[1:], [0.025, 0.975]).tolist()]

    found = {row: aucs(row) for row in (MODEL, *BASELINES)}
    borders, gaps = np.cumsum([len(draw.items) for draw in draws])[:-1], {}
    for row in BASELINES:
        gap = found[MODEL] - found[row]
        of_draws = np.array([np.nanmean(part) for part in np.split(gap[0], borders)])  # (draws,); items all like: NaN
        named = dict(zip(("difference", "low", "high"), mean(gap), strict=True))
        above = {"draws above": int((of_draws > 0).sum())}
        gaps[row] = named | above | {"p": sign_flip_test(of_draws, np.random.default_rng(seed))[1]}
    for row, p in holm({row: gap["p"] for row, gap in gaps.items()}).items():
        gaps[row] |= {"p (Holm)": p, "smallest p (Holm)": min(1.0, len(BASELINES) * 2.0 ** (1 - len(draws)))}
    return {"draws": len(draws), "rows": {row: mean(values) for row, values in found.items()}, "gaps": gaps}
