"""Graph filters: collaborative filtering as the smoothing of a signal over a graph of items, in closed form.

References:
    Shen et al. (2021), How powerful is graph convolution for recommendation?, CIKM (likes as a graph signal).
    Dong, Thanou, Frossard and Vandergheynst (2016), Learning Laplacian matrix in smooth graph signal representations,
    IEEE Transactions on Signal Processing 64 (the filter that smoothing by a Laplacian amounts to).
"""

import numpy as np
from scipy.sparse import diags

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.item_to_item import DISLIKE, RECENCY, ItemToItem, gram_matrix, inverse
from mmrec.models.settings import setting
from mmrec.models.similarity import content_similarity


class GraphFilter(ItemToItem):
    r"""What a user liked, smoothed over the graph of items that are liked by the same users.

    The graph is $S = \tilde X'\tilde X$ with $\tilde X = D_U^{-1/2} X D_I^{-1/2}$, so that its eigenvalues lie in
    [0, 1]; the filter $w / (w + l2)$ keeps the smooth ones: $B = D_I^{-a} S (S + l2\,I)^{-1} D_I^{a}$.
    """

    name = "graph-filter"

    l2: float = setting(
        0.2,
        "where the filter cuts: a component with eigenvalue l2 is halved",
        above=0,
        search=(0.1, 0.05, 0.4),
        open_ended=True,
    )
    recency: float = RECENCY
    popularity: float = setting(
        0.25, "a: how much of the items' popularity is given back to the scores", low=0, high=0.5, search=(0.0, 0.5)
    )
    dislike: float = setting(0.5, DISLIKE, low=0, search=(0.0,))

    def _item_weights(self, train: Interactions, features: Features | None) -> np.ndarray:
        return self._filter(self._graph(train, features))

    def _graph(self, train: Interactions, features: Features | None) -> np.ndarray:
        """S (I, I)."""
        users = np.maximum(np.asarray(self.chosen.sum(axis=1)).ravel(), 1)  # (U,)
        items = np.maximum(np.asarray(self.chosen.sum(axis=0)).ravel(), 1)  # (I,)
        return gram_matrix(diags(users**-0.5) @ self.chosen @ diags(items**-0.5))

    def _filter(self, graph: np.ndarray) -> np.ndarray:
        """B: with P = (S + l2 I)^-1, the filter S P is I - l2 P."""
        l2, size = self.l2, len(graph)
        graph[np.diag_indices(size)] += l2
        smooth = inverse(graph)
        smooth *= -l2
        smooth[np.diag_indices(size)] += 1
        scale = np.maximum(np.asarray(self.chosen.sum(axis=0)).ravel(), 1) ** self.popularity  # (I,)
        return smooth / scale[:, None] * scale


class FeatureGraphFilter(GraphFilter):
    """A graph filter whose graph also joins items that are alike in content: S + content K.

    K (I, I) is the items' similarity in content, scaled to the mean of S on the diagonal.
    """

    name = "graph-filter-features"
    needs_features = True

    content: float = setting(
        0.5, "weight of the similarity in content beside the likes", low=0, search=(0.2, 1.0), open_ended=True
    )

    def _graph(self, train: Interactions, features: Features | None) -> np.ndarray:
        assert features is not None
        graph = super()._graph(train, features)
        similarity = content_similarity(features, train)  # (I, I)
        level = np.diag(graph).mean() / max(float(np.diag(similarity).mean()), 1e-12)
        graph += self.content * level * similarity
        return graph
