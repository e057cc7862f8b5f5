"""Popularity predicted from content: the baseline without a user that every table of new items needs.

A new item has no likes to count, but its content says something about how many it will get. A model that claims to
personalise on new items has to rank better than this one list, which is the same for every user.

References:
    Hoerl and Kennard (1970), Ridge regression: biased estimation for nonorthogonal problems, Technometrics 12.
    Golub, Heath and Wahba (1979), Generalized cross-validation as a method for choosing a good ridge parameter,
    Technometrics 21.
"""

import numpy as np
from sklearn.linear_model import RidgeCV

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.models.preprocessing import Preprocessor

PENALTIES = np.logspace(-2, 3, 21)
"""Values of l2 that are compared."""


class ContentPopularity(Recommender):
    """r_ui = w . x_i + c: the predicted log(1 + likes) of item i, the same for every user.

    x_i (F,) are the scaled features of all modalities side by side (``Preprocessor``), zeros where a modality is
    absent. w and c minimise the sum of (log(1 + likes_i) - w . x_i - c)^2 + l2 |w|^2 over the items with a training
    row. l2 is the value of ``PENALTIES`` with the least leave-one-out error over these items. Scores of known items
    are predicted from content too: they do not read the item's own count beyond the fit.
    """

    name = "content-popularity"
    needs_features = True

    def _fit(self, train: Interactions, features: Features | None) -> None:
        assert features is not None
        self.preprocessor = Preprocessor.fit(features, train)
        x = self._vectors(features)  # (I, F)
        known = train.known_items()  # (I,)
        target = np.log1p(np.bincount(train.likes().item, minlength=train.items))  # (I,)
        self.weights, self.intercept = ridge(x[known], target[known])
        self.items = self._predict(x)  # (I,)

    def _vectors(self, features: Features) -> np.ndarray:
        """(n, F) float32: the modalities side by side."""
        return np.concatenate(list(self.preprocessor.tables(features).values()), axis=1)

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
        return np.repeat(self._predict(self._vectors(features))[None], len(users), axis=0)

    def state(self) -> dict[str, np.ndarray]:
        """Weights, predictions and scales."""
        scales = {f"preprocessor/{key}": value for key, value in self.preprocessor.state().items()}
        return {**scales, "weights": self.weights, "intercept": np.array(self.intercept), "items": self.items}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take them back; scores are the same to the bit."""
        prefix = "preprocessor/"
        scales = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        self.preprocessor = Preprocessor.restore(scales)
        self.weights, self.intercept, self.items = state["weights"], float(state["intercept"]), state["items"]


def ridge(x: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights (F,) float32 and intercept of a ridge regression; l2 by leave-one-out over the rows.

    Args:
        x: (n, F) inputs.
        target: (n,) outputs.
    """
    if len(x) < 3 or np.ptp(target) == 0:  # nothing to choose l2 by, or nothing to learn
        return np.zeros(x.shape[1], np.float32), float(target.mean())
    found = RidgeCV(PENALTIES).fit(np.asarray(x, np.float64), target)
    return found.coef_.astype(np.float32), float(found.intercept_)
