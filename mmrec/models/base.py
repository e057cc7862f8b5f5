"""The recommender contract: fit, scores, recommend, save, load. Evaluator and notebooks use nothing else."""

import json
import re
from abc import ABC, abstractmethod
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, Self, dataclass_transform

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.files import atomic_write, write_json
from mmrec.models.settings import Setting, checked_settings, declare, seed_of, setting
from mmrec.models.swap import repair_folder
from mmrec.models.top_k import best_items, users_at_once

RENAMED_ARRAYS = {"people": "user_vectors", "heard": "history"}
"""Former name of an array of a saved model -> its name."""


@dataclass_transform(kw_only_default=True)
class Recommender(ABC):
    """A model that scores every item of the catalogue for any user of the index space.

    A subclass declares each setting as a class attribute, ``l2: float = setting(...)`` (see ``mmrec.models.settings``).
    It is made with keyword arguments, which are checked and become attributes. What ``fit`` learns is returned by
    ``state`` as named arrays, so that ``save`` and ``load`` need no pickle. What else a model can do it says by its
    base classes in ``mmrec.models.abilities``.

    Class attributes:
        name: what the model is called on the command line and in tables.
        needs_features: whether ``fit`` reads item features.
        needs_time: whether ``fit`` reads when things were rated.
        needs_likes: whether ``fit`` needs a like among the rows.
        needs_ratings: whether ``fit`` reads how well things were liked, not only what was used.
        declared: name -> setting, in the order in which a search tries them.

    Raises:
        InputError: no such setting, or a value that is not allowed.
    """

    name: ClassVar[str]
    needs_features: ClassVar[bool] = False
    needs_time: ClassVar[bool] = False
    needs_likes: ClassVar[bool] = False
    needs_ratings: ClassVar[bool] = False
    declared: ClassVar[dict[str, Setting]] = {}

    def __init_subclass__(cls) -> None:
        declare(cls)

    def __init__(self, **settings: Any) -> None:
        for name, value in checked_settings(self.name, self.declared, settings).items():
            setattr(self, name, value)
        self._prepare()

    def _prepare(self) -> None:
        """What is done when the settings stand; a subclass may check them together."""
        self._train: Interactions | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Name -> value of each setting."""
        return {name: getattr(self, name) for name in self.declared}

    @classmethod
    def lacks(cls, train: Interactions, features: Features | None) -> str:
        """What the data do not hold and the model needs, in words; empty where nothing is missing."""
        if cls.needs_features and (features is None or not features.modalities):
            return "item features"
        if cls.needs_time and not train.has_time():
            return "timestamps"
        if cls.needs_likes and not len(train.likes()):
            return "likes"
        if cls.needs_ratings and train.is_implicit():
            return "ratings that differ"
        return ""

    def fit(self, train: Interactions, features: Features | None = None) -> Self:
        """Learn from the training rows and the features of all items.

        Args:
            train: rows to learn from; no other row may be read. Of a pair that stands more than once the latest counts.
            features: item features; models without content ignore it.
        """
        if not len(train):
            raise InputError(f"{self.name}: there is no training row")
        if lacking := self.lacks(train, features):
            raise InputError(f"{self.name} needs {lacking}, and the data hold none")
        self._seen = train.matrix()
        if self._seen.nnz < len(train):
            train = train.latest()
        self._train = train
        self._fit(train, features)
        return self

    def update(self, old: Interactions, new: Interactions, features: Features | None = None) -> Self:
        """Learn from further rows; by default the model is fitted again on old and new rows together.

        Args:
            old: the rows learned so far (a loaded model does not keep their ratings).
            new: the rows that came after; ``new.n_users`` may exceed the users known so far, the items are the same.
            features: item features; models without content ignore it.

        Returns:
            The model, with the scores that a fresh one with the same settings gets from all rows.
        """
        return self.fit(Interactions.joined(old, new), features)

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

    def recommend(
        self, users: np.ndarray, k: int = 10, exclude_seen: bool = True, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The k best items for each user, best first; equal scores in the order of the items.

        Exact. Users are scored block by block, so that memory does not grow with their number.

        Args:
            users: (B,) user indices.
            k: length of the lists.
            exclude_seen: leave out items that the user has a training row for.
            allowed: (I,) bool, which items may be listed; all when None.

        Returns:
            items (B, k) int64 and scores (B, k) float32; where fewer than k items are left, the tail
            is -1 with score -inf.

        Raises:
            InputError: k is below 1, no user has such an index, or the model gives a score that is no number.
        """
        users = np.asarray(users, dtype=np.int64)
        known = self._seen.shape[0]
        if len(users) and not 0 <= users.min() <= users.max() < known:
            raise InputError(f"user index {users.min()} to {users.max()}: the model knows {known} users, from 0")
        items, best = np.full((len(users), k), -1, np.int64), np.full((len(users), k), -np.inf, np.float32)
        block = users_at_once(self._seen.shape[1])
        for start in range(0, len(users), block):
            here = slice(start, start + block)
            scores = self.scores(users[here])  # (b, I)
            items[here], best[here] = best_items(scores, k, self._seen[users[here]] if exclude_seen else None, allowed)
        return items, best

    def leaving_out(self, rows: Interactions) -> Self:
        """The same fitted model, whose lists leave out the items of these rows too, for the user of each row."""
        other = copy(self)
        other._seen = ((self._seen + rows.matrix()) > 0).astype(np.float32)
        return other

    def save(self, folder: Path | str, **record: Any) -> None:
        """Write ``model.json`` (name, settings, sizes, ``record``) and ``state.npz`` into ``folder``."""
        folder = Path(folder)
        assert self._train is not None, "fit before save"
        seen = self._seen.tocoo()
        arrays = {f"state/{key}": value for key, value in self.state().items()}
        arrays |= {"seen/user": seen.row.astype(np.int32), "seen/item": seen.col.astype(np.int32)}
        with atomic_write(folder / "state.npz", "wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
        shape = {"users": self._train.n_users, "items": self._train.n_items}
        write_json(folder / "model.json", {"name": self.name, "settings": self.settings, **shape, **record})

    def _load(self, folder: Path, record: dict[str, Any]) -> Self:
        """Fill a fresh instance from a saved folder."""
        with np.load(folder / "state.npz", allow_pickle=False) as arrays:
            user, item = arrays["seen/user"].astype(np.int64), arrays["seen/item"].astype(np.int64)
            former = re.compile(rf"\b({'|'.join(RENAMED_ARRAYS)})$")  # an ensemble puts its member's name before it
            named = {
                key: former.sub(lambda found: RENAMED_ARRAYS[found[0]], key.removeprefix("state/"))
                for key in arrays.files
                if key.startswith("state/")
            }
            state = {name: arrays[key] for key, name in named.items()}
        zeros = np.zeros(len(user), np.int64)
        self._train = Interactions(
            user, item, np.ones(len(user), np.float32), zeros, zeros - 1, record["users"], record["items"]
        )
        self._seen = self._train.matrix()
        self.restore(state)
        return self


class TrainedRecommender(Recommender):
    """A recommender that learns by steps of the Adam optimiser; subclasses give the defaults."""

    batch_size: int = setting(256, "what a step learns from: users, or likes", low=1)
    learning_rate: float = setting(1e-3, "of the Adam optimiser", above=0)
    seed: int = seed_of("initial weights, order and all that is drawn or dropped")


def read_record(folder: Path | str) -> dict[str, Any]:
    """The ``model.json`` of a saved model; an update that was interrupted while it replaced the model is undone first.

    Raises:
        InputError: the folder holds no model.
    """
    path = Path(folder) / "model.json"
    repair_folder(Path(folder))
    if not path.is_file():
        raise InputError(f"{folder} holds no model (no model.json): make one with 'mmrec train DIR --model NAME'")
    return json.loads(path.read_text(encoding="utf-8"))
