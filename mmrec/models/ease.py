"""EASE: linear item-to-item models in closed form, from likes alone or from likes and content.

References:
    Steck (2019), Embarrassingly shallow autoencoders for sparse data, WWW.
    Steck (2020), Autoencoders that don't overfit towards the identity, NeurIPS.
    Jeunen, Van Balen and Goethals (2020), Closed-form models for collaborative filtering with side-information, RecSys.
"""

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.item_to_item import DISLIKE, RECENCY, ItemToItem, gram_matrix, inverse
from mmrec.models.settings import setting
from mmrec.models.similarity import content_similarity


class EASE(ItemToItem):
    """Scores X B, where B minimises |X - X B|^2 + l2 |B|^2 with a zero diagonal.

    With P = (X'X + l2 I)^-1 the solution is B_ij = -P_ij / P_jj off the diagonal. X holds the likes. A search inverts
    again for each l2: ten Cholesky inverses take .4 to .8 of the time of one eigendecomposition that serves all ten
    (700 to 3,000 items, one thread).
    """

    name = "ease"

    l2: float = setting(
        200.0, "weight of the squared entries of B", low=0, search=(50.0, 100.0, 400.0), open_ended=True
    )

    def _item_weights(self, train: Interactions, features: Features | None) -> np.ndarray:
        return zero_diagonal_weights(gram_matrix(self.chosen), self.l2)


class FeatureEASE(ItemToItem):
    """EASE whose items must also explain each other's content.

    Content counts as further users: with K (I, I) the items' similarity in content, P = (X'X + content K + L)^-1 and
    B_ij = -P_ij / P_jj. L is diagonal: l2 and, as if each like were dropped from the input with probability ``dropout``
    (Steck 2020), dropout / (1 - dropout) times the number of the item's likes.
    """

    name = "ease-features"
    needs_features = True

    l2: float = setting(
        200.0, "weight of the squared entries of B", low=0, search=(100.0, 50.0, 400.0), open_ended=True
    )
    recency: float = RECENCY
    content: float = setting(
        20.0,
        "weight of the similarity in content; 1: a like of each item",
        low=0,
        search=(50.0, 5.0),
        open_ended=True,
    )
    dislike: float = setting(0.25, DISLIKE, low=0, search=(0.5, 0.0))
    dropout: float = setting(0.5, "chance that a like is dropped from the input", low=0, below=1)

    def _item_weights(self, train: Interactions, features: Features | None) -> np.ndarray:
        assert features is not None
        gram = gram_matrix(self.chosen)  # (I, I)
        keep = 1 - self.dropout
        ridge = self.l2 + (1 - keep) / keep * np.diag(gram)  # (I,)
        gram += self.content * content_similarity(features, train)
        return zero_diagonal_weights(gram, ridge)


def zero_diagonal_weights(gram: np.ndarray, ridge: float | np.ndarray) -> np.ndarray:
    """B = -P / diag(P) off the diagonal, P = (gram + diag(ridge))^-1: (I, I) float64, overwritten -> (I, I)."""
    gram[np.diag_indices_from(gram)] += ridge
    weights = inverse(gram)
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0)
    return weights
