"""Item neighbourhoods: an item is recommended to users who liked similar items.

Reference: Deshpande and Karypis (2004), Item-based top-N recommendation algorithms, ACM TOIS 22.
"""

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.item_to_item import ItemToItem, gram_matrix
from mmrec.models.settings import setting


class ItemKNN(ItemToItem):
    r"""Each item listens to its k nearest: $B_{ij} = c_{ij} / (\sqrt{c_{ii} c_{jj}} + \text{shrinkage})$, else 0.

    c_ij is the number of users who liked both. Shrinkage keeps pairs that few users saw from standing first.
    """

    name = "item-knn"

    neighbours: int = setting(100, "k", low=1, search=(25, 400))
    shrinkage: float = setting(10.0, "added to the denominator", low=0, search=(0.0, 50.0), open_ended=True)

    def _item_weights(self, train: Interactions, features: Features | None) -> np.ndarray:
        together = gram_matrix(self.chosen)  # (I, I)
        alone = np.sqrt(np.diag(together))  # (I,)
        together /= np.maximum(alone[:, None] * alone + self.shrinkage, 1e-12)
        np.fill_diagonal(together, 0)
        k = min(self.neighbours, len(together) - 1)
        order = np.argsort(-together, axis=0, kind="stable")[k:]  # the rows that are too far, by column
        np.put_along_axis(together, order, 0.0, axis=0)
        return together
