"""A random order: what any model must beat."""

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.models.settings import seed_of


class RandomOrder(Recommender):
    """Scores drawn at random, once for each pair of seed and user.

    A model that gives all candidates one score does as well, because metrics average over ties
    (``evaluation.metrics``).
    """

    name = "random"

    seed: int = seed_of("the draws")

    def _fit(self, train: Interactions, features: Features | None) -> None:
        self.items = train.n_items

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
