"""The best that a model could reach on a simulated catalogue, as recommenders that the evaluator can measure."""

from pathlib import Path
from typing import ClassVar

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.simulation import best_scores


class Oracle(Recommender):
    """Knows every factor and every taste; scores at the time of each user's last rating.

    Args:
        folder: a simulated catalogue.
        target: ``"like"``: the probability that a rating is a like, for the best AUC and log loss. ``"list"``: the
            probability that the item is rated and liked, for the best ranked lists.
        modalities: count only the factors that these modalities show; all factors by default.
    """

    name: ClassVar[str] = "oracle"

    def __init__(self, folder: str | Path, target: str = "like", modalities: tuple[str, ...] | None = None) -> None:
        super().__init__(folder=str(folder), target=target, modalities=modalities)
        if target not in ("like", "list"):
            raise InputError(f"target must be 'like' or 'list', not {target!r}")
        self.truth = best_scores.load_truth(folder)
        self.columns = best_scores.visible_columns(self.truth, modalities)
        self.score = best_scores.like_probabilities if target == "like" else best_scores.list_scores

    def _fit(self, train: Interactions, features: Features | None) -> None:
        """Nothing to learn."""

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32."""
        return self.score(self.truth, users, self.columns)

    def state(self) -> dict[str, np.ndarray]:
        """Nothing: the truth is in the catalogue."""
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Nothing to restore."""


class BayesianOracle(Recommender):
    """Knows every factor and every other user's taste, and infers this user's taste from the training ratings.

    That is about the most that a model can infer from ratings; the choice of the items to rate adds little. Memory
    scales with the square of the number of users: use it on catalogues of the embedded one's size.

    Args:
        folder: a simulated catalogue.
        modalities: count only the factors that these modalities show; all factors by default.
    """

    name: ClassVar[str] = "bayesian-oracle"

    def __init__(self, folder: str | Path, modalities: tuple[str, ...] | None = None) -> None:
        super().__init__(folder=str(folder), modalities=modalities)
        self.truth = best_scores.load_truth(folder)
        self.columns = best_scores.visible_columns(self.truth, modalities)

    def _fit(self, train: Interactions, features: Features | None) -> None:
        self.posterior = best_scores.taste_posterior(self.truth, train, self.columns)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32 in (0, 1): at the time of each user's last rating."""
        return best_scores.expected_like_probabilities(self.truth, self.posterior, users, self.columns)

    def state(self) -> dict[str, np.ndarray]:
        """The posterior; the truth is in the catalogue."""
        return {"posterior": self.posterior}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Restore the posterior."""
        self.posterior = state["posterior"]
