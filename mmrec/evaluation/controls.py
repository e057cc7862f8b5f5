"""Controls without the user: what a model's scores reach when they no longer belong to the user they are given to.

A model is personal as far as it beats these. Beating shuffled features shows that content matters, which a list for
everyone shows as well.
"""

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from mmrec.data.split import Split
from mmrec.evaluation.protocol import Evaluation, evaluate, mean_evaluation
from mmrec.models.base import Recommender
from mmrec.models.top_k import users_at_once

EXCHANGES = 20
"""How many exchanges of users are averaged."""


class UsersExchanged:
    """A fitted model in which every user has the scores of another user.

    Args:
        model: fitted.
        users: number of users U.
        rng: draws who has whose scores; no user keeps the own ones (for U of at least 2).
    """

    def __init__(self, model: Recommender, users: int, rng: np.random.Generator) -> None:
        self.name, self.model = f"{model.name}, users exchanged", model
        order = rng.permutation(users)
        self.whose = np.empty(users, np.int64)
        self.whose[order] = np.roll(order, 1)  # (U,) one cycle through all users

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I): those of ``whose[users]``."""
        return self.model.scores(self.whose[users])


class MeanScore:
    """A fitted model's mean score over all users: one list for everyone.

    Args:
        model: fitted.
        users: number of users U.
    """

    def __init__(self, model: Recommender, users: int) -> None:
        self.name, self.model, self.users = f"{model.name}, mean score", model, users

    @cached_property
    def mean(self) -> np.ndarray:
        """(I,) float64."""
        block = users_at_once(self.model.scores(np.arange(1)).shape[1])
        parts = [np.arange(start, min(start + block, self.users)) for start in range(0, self.users, block)]
        return sum(self.model.scores(part).sum(axis=0, dtype=np.float64) for part in parts) / self.users

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I): the same row for each user."""
        return np.repeat(self.mean[None], len(users), axis=0)


def without_the_user(
    model: Recommender, split: Split, case: str, seed: int, mask: str = "all"
) -> Mapping[str, Evaluation]:
    """Name of the control -> what the model so controlled reaches.

    "users exchanged" is the mean over ``EXCHANGES`` exchanges: one exchange decides as much as one draw of users.

    Args:
        model: fitted on ``split.train``.
        split, case, mask: see ``evaluate``.
        seed: of the exchanges.
    """
    users = split.train.users
    rngs = np.random.default_rng(seed).spawn(EXCHANGES)
    exchanged = [evaluate(UsersExchanged(model, users, rng), split, case, mask=mask) for rng in rngs]
    return {
        "users exchanged": mean_evaluation(exchanged),
        "mean score": evaluate(MeanScore(model, users), split, case, mask=mask),
    }
