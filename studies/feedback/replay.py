"""Real ratings replayed in the order of time: predict the next ones, then learn from them, and so on.

Reference: Dawid (1984), Present position and potential developments: statistical theory, the prequential approach,
Journal of the Royal Statistical Society A 147.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.data.split import Split
from mmrec.errors import InputError
from mmrec.evaluation.protocol import Evaluation, evaluate
from mmrec.models.base import Recommender
from mmrec.models.new_ratings import update_profiles

Learner = Callable[[Recommender, Interactions, Interactions], Recommender]
"""(the model so far, all rows before now, the newest of them) -> the model from now on."""


@dataclass(frozen=True)
class Replay:
    """What a model reached on each chunk of the future.

    Attributes:
        chunks: the evaluations, in the order of time.
        begins: (C,) time of the first row of each chunk, seconds since 1970.
        seconds: (C,) time to learn before each chunk.
    """

    chunks: list[Evaluation]
    begins: np.ndarray
    seconds: np.ndarray

    def curve(self, metric: str) -> np.ndarray:
        """(C,): the mean over the users of each chunk; NaN where no user could be measured."""
        return np.array([chunk.summary.get(metric, np.nan) for chunk in self.chunks])

    def per_user(self, metric: str, users: int) -> np.ndarray:
        """(U,): each user's mean over the chunks; NaN for users who were never measured."""
        total, count = np.zeros(users), np.zeros(users)
        for chunk in self.chunks:
            if len(chunk.users):
                total[chunk.users] += chunk.per_user[metric]
                count[chunk.users] += 1
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def cut_in_time(rows: Interactions, start: float, chunks: int, seed: int = 0) -> list[np.ndarray]:
    """Row positions of the beginning and of each chunk after it, in the order of time.

    Args:
        rows: all ratings.
        start: share of the rows that comes before the first chunk.
        chunks: number of parts of the rest, of as equal size as can be.
        seed: of the order of ratings with the same time, which the file does not tell.

    Raises:
        InputError: ``start`` is not between 0 and 1, or there are more chunks than rows.
    """
    order = np.lexsort((np.random.default_rng(seed).random(len(rows)), rows.timestamp))
    first = round(start * len(rows))
    if not 0 < first < len(rows) or not 0 < chunks <= len(rows) - first:
        raise InputError(f"{len(rows)} ratings cannot be split at {start} and then into {chunks} chunks")
    return [order[:first], *np.array_split(order[first:], chunks)]


def replay(
    rows: Interactions, model: Recommender, learn: Learner, *, start: float = 0.5, chunks: int = 20, seed: int = 0
) -> Replay:
    """Measure a model on each chunk before it may learn from it; candidates are what a user has not rated before.

    Args:
        rows: all ratings; items that a user rated before a chunk are not ranked for that user in it, for every model.
        model: fitted on the beginning, with the features it needs.
        learn: what happens between chunks: ``stand_still``, ``listen`` or ``refit``.
        start: share of the rows that comes before the first chunk.
        chunks: number of parts of the rest.
        seed: of the order of ratings with the same time.
    """
    parts = cut_in_time(rows, start, chunks, seed)
    nothing = rows.take(np.zeros(0, np.int64))
    warm = np.zeros(rows.n_items, bool), np.zeros(rows.n_users, bool)
    found, seconds = [], []
    for at in range(1, len(parts)):
        before = rows.take(np.concatenate(parts[:at]))
        if at > 1:
            began = time.perf_counter()
            model = learn(model, before, rows.take(parts[at - 1]))
            seconds.append(time.perf_counter() - began)
        split = Split(before, nothing, {"warm": rows.take(parts[at])}, *warm)
        found.append(evaluate(model, split))
    begins = np.array([rows.timestamp[part[0]] for part in parts[1:]])
    return Replay(found, begins, np.array([0.0, *seconds]))


def stand_still(model: Recommender, before: Interactions, newest: Interactions) -> Recommender:
    """Learn nothing: the frozen model."""
    return model


def refit(model: Recommender, before: Interactions, newest: Interactions) -> Recommender:
    """Refit on all rows before now, with the same settings; for models without content."""
    return type(model)(**model.settings).fit(before)


def listen(model: Recommender, before: Interactions, newest: Interactions) -> Recommender:
    """Keep the weights, and compute user profiles from all ratings so far: nothing is fitted."""
    return update_profiles(model, before)
