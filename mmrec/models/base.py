"""The recommender contract: fit, scores, recommend, save, load. Evaluator and notebooks use nothing else."""

import inspect
import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.files import atomic_write, write_json


class Recommender(ABC):
    """A model that scores every item of the catalogue for any user of the index space.

    Settings are keyword arguments of ``__init__`` and are kept in ``settings``; what ``fit`` learns is
    returned by ``state`` as named arrays, so that ``save`` and ``load`` need no pickle.

    Class attributes:
        name: what the model is called on the command line and in tables.
        needs_features: whether ``fit`` reads item features.
        grid: setting -> values that may be tried, on validation alone.
    """

    name: ClassVar[str]
    needs_features: ClassVar[bool] = False
    grid: ClassVar[dict[str, tuple[Any, ...]]] = {}

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self._train: Interactions | None = None

    @classmethod
    def parameters(cls) -> tuple[str, ...]:
        """Names of the settings."""
        return tuple(inspect.signature(cls).parameters)

    def fit(self, train: Interactions, features: Features | None = None) -> Self:
        """Learn from the training rows and the features of all items.

        Args:
            train: rows to learn from; no other row may be read.
            features: item features; models without content ignore it.
        """
        if not len(train):
            raise InputError(f"{self.name}: there is no training row")
        self._train = train
        self._seen = train.matrix()
        self._fit(train, features)
        return self

    @abstractmethod
    def _fit(self, train: Interactions, features: Features | None) -> None:
        """What the model learns."""

    @abstractmethod
    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32: one score for each user of ``users`` (B,) and every item of the catalogue."""

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """Everything learned, as named arrays."""

    @abstractmethod
    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take back what ``state`` gave."""

    def recommend(self, users: np.ndarray, k: int = 10, exclude_seen: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """The k best items for each user, best first; equal scores in the order of the items.

        Args:
            users: (B,) user indices.
            k: length of the lists.
            exclude_seen: leave out items that the user has a training row for.

        Returns:
            items (B, k) int64 and scores (B, k) float32; where fewer than k items are left, the tail
            is -1 with score -inf.
        """
        users = np.asarray(users, dtype=np.int64)
        if k < 1:
            raise InputError(f"k must be at least 1, not {k}")
        scores = np.array(self.scores(users), dtype=np.float32)  # (B, I)
        if exclude_seen:
            rows, items = self._seen[users].nonzero()
            scores[rows, items] = -np.inf
        width = min(k, scores.shape[1])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :width]
        best = np.take_along_axis(scores, order, axis=1)
        items_out = np.full((len(users), k), -1, np.int64)
        scores_out = np.full((len(users), k), -np.inf, np.float32)
        items_out[:, :width] = np.where(np.isfinite(best), order, -1)
        scores_out[:, :width] = best
        return items_out, scores_out

    def save(self, folder: Path | str, **record: Any) -> None:
        """Write ``model.json`` (name, settings, sizes, ``record``) and ``state.npz`` into ``folder``."""
        folder = Path(folder)
        assert self._train is not None, "fit before save"
        seen = self._seen.tocoo()
        arrays = {f"state/{key}": value for key, value in self.state().items()}
        arrays |= {"seen/user": seen.row.astype(np.int32), "seen/item": seen.col.astype(np.int32)}
        with atomic_write(folder / "state.npz", "wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
        shape = {"users": self._train.users, "items": self._train.items}
        write_json(folder / "model.json", {"name": self.name, "settings": self.settings, **shape, **record})

    def _load(self, folder: Path, record: dict[str, Any]) -> Self:
        """Fill a fresh instance from a saved folder."""
        with np.load(folder / "state.npz", allow_pickle=False) as arrays:
            user, item = arrays["seen/user"].astype(np.int64), arrays["seen/item"].astype(np.int64)
            state = {key.removeprefix("state/"): arrays[key] for key in arrays.files if key.startswith("state/")}
        zeros = np.zeros(len(user), np.int64)
        self._train = Interactions(
            user, item, np.ones(len(user), np.float32), zeros, zeros - 1, record["users"], record["items"]
        )
        self._seen = self._train.matrix()
        self.restore(state)
        return self


def read_record(folder: Path | str) -> dict[str, Any]:
    """The ``model.json`` of a saved model.

    Raises:
        InputError: the folder holds no model.
    """
    path = Path(folder) / "model.json"
    if not path.is_file():
        raise InputError(f"{folder} holds no model (no model.json): make one with 'mmrec train DIR --model NAME'")
    return json.loads(path.read_text(encoding="utf-8"))
