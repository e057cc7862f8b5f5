"""The order of chance: what anything must beat where nothing is known of an item."""

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.models.settings import seed_of


class Chance(Recommender):
    """Scores drawn at random, once for each pair of seed and user.

    What a model must beat on new items: one that scores all candidates alike does as well (``evaluation.metrics``).
    """

    name = "chance"

    seed: int = seed_of("the draws")

    def _fit(self, train: Interactions, features: Features | None) -> None:
        self.items = train.items

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32, uniform in [0, 1)."""
        seed = self.seed
        return np.stack([np.random.default_rng([seed, int(user)]).random(self.items, np.float32) for user in users])

    def state(self) -> dict[str, np.ndarray]:
        """The number of items."""
        return {"items": np.array(self.items)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take it back."""
        self.items = int(state["items"])
