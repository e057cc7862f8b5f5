"""The oracle: what a model could at best reach that knows every factor and taste, but not the luck."""

from pathlib import Path
from typing import ClassVar

import numpy as np

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.simulation.truth import EXPOSURE, Truth


class Oracle(Recommender):
    """Scores by the truth, at the time of each person's last rating.

    Args:
        folder: a simulated catalogue.
        target: ``"like"`` for the chance that a rating is a like (the best AUC and log loss), or
            ``"list"`` for the chance that the item is met and liked (what a ranked list is judged by).
        modalities: count only the factors that these modalities show; all factors by default.
    """

    name: ClassVar[str] = "oracle"

    def __init__(self, folder: str | Path, target: str = "like", modalities: tuple[str, ...] | None = None) -> None:
        super().__init__(folder=str(folder), target=target, modalities=modalities)
        path = Path(folder) / "truth.npz"
        if not path.is_file():
            raise InputError(f"{folder} is no simulated catalogue (no truth.npz): there is no oracle for real data")
        if target not in ("like", "list"):
            raise InputError(f"target must be 'like' or 'list', not {target!r}")
        self.truth = Truth.load(path)
        self.target = target
        self.columns: np.ndarray | None = None
        if modalities is not None:
            self.columns = np.any(self.truth.visible[[MODALITIES.index(name) for name in modalities]], axis=0)  # (D,)

    def _fit(self, train: Interactions, features: Features | None) -> None:
        """Nothing to learn."""

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32."""
        preference = self.truth.preference(users, self.truth.until[users], self.columns)  # (B, I)
        like = self.truth.like_probability(preference)
        if self.target == "like":
            return like.astype(np.float32)
        return (EXPOSURE * preference + self.truth.popularity + np.log(like)).astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """Nothing: the truth is in the catalogue."""
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Nothing to take back."""
