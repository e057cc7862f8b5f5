"""EASE: linear item-to-item models in closed form, from likes alone or from likes and content.

References:
    Steck (2019), Embarrassingly shallow autoencoders for sparse data, WWW.
    Steck (2020), Autoencoders that don't overfit towards the identity, NeurIPS.
    Jeunen, Van Balen and Goethals (2020), Closed-form models for collaborative filtering with side-information, RecSys.
"""

from typing import Any, ClassVar

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.item_to_item import ItemToItem, gram_matrix, inverse
from mmrec.models.similarity import content_similarity


class EASE(ItemToItem):
    """Scores X B, where B minimises |X - X B|^2 + l2 |B|^2 with a zero diagonal.

    With P = (X'X + l2 I)^-1 the solution is B_ij = -P_ij / P_jj off the diagonal. X holds the likes. A search inverts
    again for each l2: ten Cholesky inverses take .4 to .8 of the time of one eigendecomposition that serves all ten
    (700 to 3,000 items, one thread).

    Args:
        l2: weight of the squared entries of B.
    """

    name = "ease"
    grid: ClassVar[dict[str, tuple[Any, ...]]] = {"l2": (200.0, 50.0, 100.0, 400.0)}
    open_ended = ("l2",)

    def __init__(self, l2: float = 200.0) -> None:
        super().__init__(l2=l2)

    def _item_weights(self, train: Interactions, features: Features | None) -> np.ndarray:
        return zero_diagonal_weights(gram_matrix(self.chosen), self.settings["l2"])


class FeatureEASE(ItemToItem):
    """EASE whose items must also explain each other's content.

    Content counts as further users: with K (I, I) the items' similarity in content, P = (X'X + content K + L)^-1 and
    B_ij = -P_ij / P_jj. L is diagonal: l2 and, as if each like were dropped from the input with probability ``dropout``
    (Steck 2020), dropout / (1 - dropout) times the number of the item's likes.

    Args:
        l2: weight of the squared entries of B.
        content: how much the similarity in content weighs; 1 as much as one like of each item.
        dropout: in [0, 1).
        dislike, recency: see ``ItemToItem``.
    """

    name = "ease-features"
    needs_features = True
    grid: ClassVar[dict[str, tuple[Any, ...]]] = {
        "l2": (200.0, 100.0, 50.0, 400.0),
        "recency": (20.0, 0.0, 60.0),
        "content": (20.0, 50.0, 5.0),
        "dislike": (0.25, 0.5, 0.0),
    }
    open_ended = ("l2", "content")

    def __init__(
        self,
        l2: float = 200.0,
        content: float = 20.0,
        dropout: float = 0.5,
        dislike: float = 0.25,
        recency: float = 20.0,
    ) -> None:
        super().__init__(l2=l2, content=content, dropout=dropout, dislike=dislike, recency=recency)

    def _item_weights(self, train: Interactions, features: Features | None) -> np.ndarray:
        assert features is not None
        gram = gram_matrix(self.chosen)  # (I, I)
        keep = 1 - self.settings["dropout"]
        ridge = self.settings["l2"] + (1 - keep) / keep * np.diag(gram)  # (I,)
        gram += self.settings["content"] * content_similarity(features, train)
        return zero_diagonal_weights(gram, ridge)


def zero_diagonal_weights(gram: np.ndarray, ridge: float | np.ndarray) -> np.ndarray:
    """B = -P / diag(P) off the diagonal, P = (gram + diag(ridge))^-1: (I, I) float64, overwritten -> (I, I)."""
    gram[np.diag_indices_from(gram)] += ridge
    weights = inverse(gram)
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0)
    return weights
