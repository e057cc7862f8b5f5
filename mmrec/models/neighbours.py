"""Item neighbourhoods: an item is recommended to users who liked similar items.

Reference: Deshpande and Karypis (2004), Item-based top-N recommendation algorithms, ACM TOIS 22.
"""

from typing import Any, ClassVar

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.item_to_item import ItemToItem, gram_matrix


class ItemKNN(ItemToItem):
    r"""Each item listens to its k nearest: $B_{ij} = c_{ij} / (\sqrt{c_{ii} c_{jj}} + \text{shrinkage})$, else 0.

    c_ij is the number of users who liked both. Shrinkage keeps pairs that few users saw from standing first.

    Args:
        neighbours: k.
        shrinkage: added to the denominator.
    """

    name = "item-knn"
    grid: ClassVar[dict[str, tuple[Any, ...]]] = {"neighbours": (100, 25, 400), "shrinkage": (10.0, 0.0, 50.0)}
    open_ended = ("shrinkage",)

    def __init__(self, neighbours: int = 100, shrinkage: float = 10.0) -> None:
        super().__init__(neighbours=neighbours, shrinkage=shrinkage)

    def _item_weights(self, train: Interactions, features: Features | None) -> np.ndarray:
        together = gram_matrix(self.chosen)  # (I, I)
        alone = np.sqrt(np.diag(together))  # (I,)
        together /= np.maximum(alone[:, None] * alone + self.settings["shrinkage"], 1e-12)
        np.fill_diagonal(together, 0)
        k = min(self.settings["neighbours"], len(together) - 1)
        order = np.argsort(-together, axis=0, kind="stable")[k:]  # the rows that are too far, by column
        np.put_along_axis(together, order, 0.0, axis=0)
        return together
