"""Dense, short item vectors of all modalities side by side, learned from the items of the training rows alone.

Reference for the randomised decomposition: Halko, Martinsson and Tropp (2011), Finding structure with randomness:
probabilistic algorithms for constructing approximate matrix decompositions, SIAM Review.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.features.table import Features
from mmrec.models.preprocessing import Preprocessor


@dataclass(frozen=True)
class Reduction:
    """Each modality scaled (see ``Preprocessor``), then projected onto its leading singular directions.

    A network then multiplies hundreds of columns, not the thousands of a vocabulary. The axes are fitted on the items
    that have a training row and the modality. A modality that is no wider than ``size`` is only scaled.

    Attributes:
        preprocessor: the scales.
        axes: modality -> (d, r), orthonormal columns.
    """

    preprocessor: Preprocessor
    axes: dict[str, np.ndarray]

    @classmethod
    def fit(cls, features: Features, train: Interactions, size: int = 128, seed: int = 0) -> Self:
        """Learn scales and axes.

        Args:
            features: of all items.
            train: training rows; features of items without one are not looked at.
            size: most columns that a modality keeps.
            seed: of the randomised decomposition.
        """
        preprocessor = Preprocessor.fit(features, train)
        known = train.known_items()  # (I,)
        axes = {}
        for name, table in preprocessor.tables(features).items():
            rows = table[known & features.mask(name)]  # (n, d)
            rank = min(size, len(rows) - 1)
            if 0 < rank < rows.shape[1]:
                svd = TruncatedSVD(rank, random_state=seed).fit(csr_matrix(rows) if name == "text" else rows)
                axes[name] = svd.components_.T.astype(np.float32)  # (d, r)
        return cls(preprocessor, axes)

    @property
    def widths(self) -> dict[str, int]:
        """Modality -> r, its number of columns, in the order in which they lie side by side."""
        sizes = self.preprocessor.sizes
        return {
            name: self.axes[name].shape[1] if name in self.axes else sizes[name] for name in MODALITIES if name in sizes
        }

    def vectors(self, features: Features) -> np.ndarray:
        """(n, F) float32; the columns of an absent modality are zero.

        Args:
            features: of any n items, made by the encoders of those that were fitted on.
        """
        tables = self.preprocessor.tables(features)
        parts = {name: table @ self.axes[name] if name in self.axes else table for name, table in tables.items()}
        return np.concatenate([parts[name] for name in self.widths], axis=1)

    def parts(self, vectors: np.ndarray) -> dict[str, np.ndarray]:
        """What ``vectors`` gave (n, F) -> modality -> its columns (n, r)."""
        ends = np.cumsum(list(self.widths.values()))
        return dict(zip(self.widths, np.split(vectors, ends[:-1], axis=1), strict=True))

    def state(self) -> dict[str, np.ndarray]:
        """Everything learned, as named arrays."""
        axes = {f"axes/{name}": value for name, value in self.axes.items()}
        return axes | {f"scale/{key}": value for key, value in self.preprocessor.state().items()}

    @classmethod
    def restore(cls, state: dict[str, np.ndarray]) -> Self:
        """Take back what ``state`` gave."""

        def part(prefix: str) -> dict[str, np.ndarray]:
            return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}

        return cls(Preprocessor.restore(part("scale/")), part("axes/"))
