"""Everybody gets what most people liked: the baseline that every table needs."""

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.base import Recommender


class Popularity(Recommender):
    """r_ui = number of training likes of item i."""

    name = "popularity"

    def _fit(self, train: Interactions, features: Features | None) -> None:
        self.likes = np.bincount(train.likes().item, minlength=train.items).astype(np.float32)  # (I,)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I): the same row for each user."""
        return np.repeat(self.likes[None], len(users), axis=0)

    def state(self) -> dict[str, np.ndarray]:
        """The counts."""
        return {"likes": self.likes}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take the counts back."""
        self.likes = state["likes"]
