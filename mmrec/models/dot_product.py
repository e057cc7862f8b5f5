"""What recommenders share that end in a vector for each user and item: score = p_u . q_i + b_i."""

from typing import ClassVar

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.abilities import ScoresNewItems
from mmrec.models.base import TrainedRecommender
from mmrec.models.reduction import Reduction
from mmrec.models.settings import setting


class DotProduct(TrainedRecommender):
    """Scores p_u . q_i + b_i of vectors that a subclass learns.

    Attributes:
        user_vectors: (U, d) float32, p.
        items: (I, d) float32, q.
        bias: (I,) float32, b.
    """

    embedding_size: int = setting(64, "d, length of the vectors", low=1)

    def _settle(self, user_vectors: np.ndarray, bias: np.ndarray, train: Interactions) -> float:
        """Keep p (U, d) and b (I,) as learned, but for those of whom nothing is known.

        A user without a training like becomes the average of the others; an item without a training row gets the
        least bias of the others, which is returned.
        """
        liking = np.bincount(train.likes().user, minlength=train.n_users) > 0
        known = train.known_items()
        self.user_vectors = user_vectors.copy()
        if liking.any():
            self.user_vectors[~liking] = user_vectors[liking].mean(axis=0)
        least = bias[known].min()
        self.bias = np.where(known, bias, least)
        return float(least)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32: p_u . q_i + b_i."""
        return self._rate(users, self.items, self.bias)

    def _rate(self, users: np.ndarray, items: np.ndarray, bias: np.ndarray) -> np.ndarray:
        return self.user_vectors[np.asarray(users, np.int64)] @ items.T + bias

    def state(self) -> dict[str, np.ndarray]:
        """What scoring needs."""
        return {"user_vectors": self.user_vectors, "items": self.items, "bias": self.bias}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take it back; scores are the same to the bit."""
        self.user_vectors, self.items, self.bias = state["user_vectors"], state["items"], state["bias"]


class ContentDotProduct(DotProduct, ScoresNewItems):
    """A dot product whose items are told, wholly or in part, by their reduced features z_i.

    Class attributes:
        learned: attributes that tell new items, next to ``reduction`` and ``new_bias``.

    Attributes:
        reduction: features -> z.
        projection: (F, d) float32: the content part of q is z W.
        content_bias: (F,) float32: that of b is z . c.
        new_bias: b of an item without ratings, but for its content part.
    """

    needs_features = True
    learned: ClassVar[tuple[str, ...]] = ("projection", "content_bias")
    components: int = setting(128, "most columns that a modality keeps; see ``Reduction``", low=1)

    def _reduce(self, features: Features | None, train: Interactions) -> np.ndarray:
        """(I, F) float32: z, fitted on the training items."""
        assert features is not None
        self.projection: np.ndarray  # this and the next are learned by subclasses
        self.content_bias: np.ndarray
        self.reduction = Reduction.fit(features, train, self.components, self.seed)
        return self.reduction.vectors(features)

    def new_item_scores(self, users: np.ndarray, features: Features) -> np.ndarray:
        """(B, n) float32: scores of items that are not in the catalogue, from their features alone."""
        return self._rate(users, *self._new_items(self.reduction.vectors(features)))

    def _new_items(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, F) -> q (n, d) and b (n,) of items without ratings."""
        return z @ self.projection, (z @ self.content_bias + self.new_bias).astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """What scoring needs, of new items too."""
        reduction = {f"reduction/{key}": value for key, value in self.reduction.state().items()}
        own = {name: getattr(self, name) for name in self.learned}
        return {**super().state(), **reduction, **own, "new_bias": np.array(self.new_bias)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take it back; scores are the same to the bit."""
        super().restore(state)
        named = {key.removeprefix("reduction/"): value for key, value in state.items() if key.startswith("reduction/")}
        self.reduction = Reduction.restore(named)
        for name in self.learned:
            setattr(self, name, state[name])
        self.new_bias = float(state["new_bias"])
