"""Every user gets what most users liked, ever or lately: the baselines that every table needs."""

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.models.settings import setting


class Popularity(Recommender):
    """r_ui = number of training likes of item i."""

    name = "popularity"

    def _fit(self, train: Interactions, features: Features | None) -> None:
        self.likes = np.bincount(train.likes().item, minlength=train.n_items).astype(np.float32)  # (I,)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I): the same row for each user."""
        return np.repeat(self.likes[None], len(users), axis=0)

    def state(self) -> dict[str, np.ndarray]:
        """The counts."""
        return {"likes": self.likes}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take the counts back."""
        self.likes = state["likes"]


class RecentPopularity(Popularity):
    """r_ui = sum over the training likes of item i of 2^-(age / half_life), age counted from the last training row."""

    name = "popularity-recent"
    needs_time = True

    half_life: float = setting(30.0, "in days", above=0, search=(7.0, 120.0))

    def _fit(self, train: Interactions, features: Features | None) -> None:
        likes = train.likes()
        age = (train.timestamp.max() - likes.timestamp) / 86400  # (n,) days
        weight = 2.0 ** (-age / self.half_life)
        self.likes = np.bincount(likes.item, weight, minlength=train.n_items).astype(np.float32)  # (I,)
