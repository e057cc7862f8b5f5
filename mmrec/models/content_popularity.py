"""Popularity predicted from content: the baseline without a user that every table of new items needs.

A new item has no likes to count, but its content says something about how many it will get. A model that claims to
personalise on new items has to rank better than this one list, which is the same for every user.

References:
    Hoerl and Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems, Technometrics 12.
    Allen (1974), The relationship between variable selection and data augmentation and a method for prediction,
    Technometrics 16 (the leave-one-out error in closed form).
"""

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.models.content_vectors import ContentVectors


class ContentPopularity(Recommender):
    """r_ui = w . x_i + c: the predicted log(1 + likes) of item i, the same for every user.

    x_i (F,) are the features of all modalities side by side, each modality with a weight of its own
    (``ContentVectors``). c is the mean of log(1 + likes) over the items with a training row, and w minimises the sum of
    (log(1 + likes_i) - w . x_i - c)^2 + l2 |w|^2 over them. The weights and l2 are those with the least leave-one-out
    error over these items. Scores of known items are predicted from content too: they do not read the item's own count
    beyond the fit.
    """

    name = "content-popularity"
    needs_features = True

    def _fit(self, train: Interactions, features: Features | None) -> None:
        assert features is not None
        known = train.known_items()  # (I,)
        target = np.log1p(np.bincount(train.likes().item, minlength=train.items))[known]  # (n,)
        self.intercept = float(target.mean())
        self.vectors, ridge, l2 = ContentVectors.fit(features, train, target - self.intercept)
        x = self.vectors(features)  # (I, F)
        self.weights = ridge.weights(x[known], target - self.intercept, l2)  # (F,)
        self.items = self._predict(x)  # (I,)

    def _predict(self, x: np.ndarray) -> np.ndarray:
        """(n, F) -> (n,) float32."""
        return (x @ self.weights + self.intercept).astype(np.float32)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32: the same row for each user."""
        return np.repeat(self.items[None], len(users), axis=0)

    def new_item_scores(self, users: np.ndarray, features: Features) -> np.ndarray:
        """(B, n) float32: predicted log(1 + likes) of items that are not in the catalogue.

        Args:
            users: (B,) user indices; the scores do not depend on them.
            features: of the n new items, made by the encoders that the model was trained with.
        """
        return np.repeat(self._predict(self.vectors(features))[None], len(users), axis=0)

    def state(self) -> dict[str, np.ndarray]:
        """Weights, predictions and scales."""
        learned = {"weights": self.weights, "intercept": np.array(self.intercept), "items": self.items}
        return {**self.vectors.state(), **learned}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take them back; scores are the same to the bit."""
        self.vectors = ContentVectors.restore(state)
        self.weights, self.intercept, self.items = state["weights"], float(state["intercept"]), state["items"]
