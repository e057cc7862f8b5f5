"""What a model could at best reach: by knowing every factor and taste, or by reading tastes off ratings."""

from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy.special import expit

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.simulation.truth import CUTS, EXPOSURE, Truth


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
        if target not in ("like", "list"):
            raise InputError(f"target must be 'like' or 'list', not {target!r}")
        self.truth, self.columns = _truth_of(folder, modalities)
        self.target = target

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


class TasteReader(Recommender):
    r"""Bayes' rule over people: knows the factors and everybody else's taste, and reads a person's off the ratings.

    $P(v | u) \propto \prod_i P(r_{ui} | v)$ over all others v, with the true chance of each number of stars under v's
    taste in the middle of the two years; R is the mean over v of the chance of a like. It is about the most that
    ratings can tell a model; which items a person chose to rate tells a little more. Memory grows with the
    square of the people: it is a measure for catalogues of the embedded one's size.

    Args:
        folder: a simulated catalogue.
        modalities: count only the factors that these modalities show; all factors by default.
    """

    name: ClassVar[str] = "taste-reader"

    def __init__(self, folder: str | Path, modalities: tuple[str, ...] | None = None) -> None:
        super().__init__(folder=str(folder), modalities=modalities)
        self.truth, self.columns = _truth_of(folder, modalities)

    def _fit(self, train: Interactions, features: Features | None) -> None:
        """What each person rated, and what everybody would think of it."""
        people = np.arange(train.users)
        middle, cuts = np.full(train.users, 0.5), np.array([-np.inf, *CUTS, np.inf])
        then = self._above_threshold(people, middle)  # (U, I)
        stars = train.rating.astype(np.int64)
        self.weights = np.zeros((train.users, train.users))  # of v for u
        for u in people:
            mine = np.flatnonzero(train.user == u)
            above, given = then[:, train.item[mine]], stars[mine]  # (U, n), (n,)
            chance = expit(cuts[given] - above) - expit(cuts[given - 1] - above)  # (U, n), of that many stars
            evidence = np.log(np.maximum(chance, 1e-12)).sum(axis=1)  # (U,)
            evidence[u] = -np.inf
            self.weights[u] = np.exp(evidence - evidence.max())
        self.weights /= self.weights.sum(axis=1, keepdims=True)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32 in (0, 1): at the time of each person's last rating."""
        everyone = np.arange(len(self.weights))
        rows = []
        for u in users:
            now = np.full(len(everyone), self.truth.until[u])
            rows.append(self.weights[u] @ expit(self._above_threshold(everyone, now)))  # (I,)
        return np.array(rows, np.float32)

    def _above_threshold(self, users: np.ndarray, time: np.ndarray) -> np.ndarray:
        """(B, I): preference above that of an even chance, but for how generous a person is, which nobody is told."""
        preference = self.truth.preference(users, time, self.columns)
        return preference - self.truth.bias[users, None] - self.truth.threshold

    def state(self) -> dict[str, np.ndarray]:
        """The weights; the truth is in the catalogue."""
        return {"weights": self.weights}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take the weights back."""
        self.weights = state["weights"]


def _truth_of(folder: str | Path, modalities: tuple[str, ...] | None) -> tuple[Truth, np.ndarray | None]:
    """The truth behind a catalogue, and (D,) which factors count: None for all."""
    path = Path(folder) / "truth.npz"
    if not path.is_file():
        raise InputError(f"{folder} is no simulated catalogue (no truth.npz): there is no oracle for real data")
    truth = Truth.load(path)
    if modalities is None:
        return truth, None
    return truth, np.any(truth.visible[[MODALITIES.index(name) for name in modalities]], axis=0)
