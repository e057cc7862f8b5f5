"""Items as one vector of all modalities, each modality with a weight of its own: the input of ridge regressions."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models.preprocessing import Preprocessor
from mmrec.models.ridge import Ridge

SHARES = (1.0, 0.3, 0.1)
"""Weights of a modality that are compared."""


@dataclass(frozen=True)
class ContentVectors:
    """x_i = the modalities of item i side by side, each about its mean and times its weight; 0 where one is absent.

    Attributes:
        preprocessor: scales of the features, from the training items.
        centre: modality -> (d,) mean over the training items that have it.
        weight: modality -> () the factor of its features.
    """

    preprocessor: Preprocessor
    centre: dict[str, np.ndarray]
    weight: dict[str, np.ndarray]

    @classmethod
    def fit(cls, features: Features, train: Interactions, target: np.ndarray) -> tuple["ContentVectors", Ridge, float]:
        """Choose the weights, one modality after the other, by the leave-one-out error of a ridge regression.

        A modality with weight 1 has mean squared length 1 over the training items. ``SHARES`` are compared.

        Args:
            features: of all items.
            train: its items with a row are the training items.
            target: (n,) what the regression predicts of each training item, with mean 0.

        Returns:
            The vectors, the ridge of the training items, and its best l2.
        """
        known = train.known_items()
        preprocessor = Preprocessor.fit(features, train)
        centre, size = {}, {}
        for name, table in preprocessor.tables(features).items():
            rows = table[known][features.mask(name)[known]]  # (m, d)
            centre[name] = rows.mean(axis=0) if len(rows) else np.zeros(table.shape[1], np.float32)
            size[name] = max(np.sqrt(((rows - centre[name]) ** 2).sum() / known.sum()), 1e-6)

        def weighted(share: dict[str, float]) -> "ContentVectors":
            return cls(preprocessor, centre, {name: np.array(np.sqrt(share[name]) / size[name]) for name in size})

        share = dict.fromkeys(size, SHARES[0])
        unit = weighted(share)._parts(features, known)  # modality -> (n, d)
        best = Ridge.best(unit, share, target)
        for name in share if len(share) > 1 else ():
            for value in SHARES[1:]:
                other = Ridge.best(unit, {**best.share, name: value}, target)
                best = min(best, other, key=lambda found: found.error)
        return weighted(best.share), best.ridge, best.l2

    def _parts(self, features: Features, rows: np.ndarray | slice = slice(None)) -> dict[str, np.ndarray]:
        """Modality -> (n, d) float32."""
        return {
            name: ((table - self.centre[name]) * features.mask(name)[:, None] * np.float32(self.weight[name]))[rows]
            for name, table in self.preprocessor.tables(features).items()
        }

    def __call__(self, features: Features) -> np.ndarray:
        """(n, F) float32: the vectors x of the items of ``features``."""
        return np.concatenate(list(self._parts(features).values()), axis=1)

    def state(self) -> dict[str, np.ndarray]:
        """Everything learned, as named arrays."""
        named = {f"preprocessor/{key}": value for key, value in self.preprocessor.state().items()}
        named |= {f"centre/{name}": value for name, value in self.centre.items()}
        return named | {f"share/{name}": value for name, value in self.weight.items()}

    @classmethod
    def restore(cls, state: dict[str, np.ndarray]) -> Self:
        """Take back what ``state`` gave; other names are passed over.

        Raises:
            InputError: the model was saved before the modalities had weights.
        """

        def part(prefix: str) -> dict[str, np.ndarray]:
            return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}

        vectors = cls(Preprocessor.restore(part("preprocessor/")), part("centre/"), part("share/"))
        if set(vectors.weight) != set(vectors.preprocessor.sizes):
            raise InputError(
                "the model was saved by an earlier version, without weights of the modalities: train it again"
            )
        return vectors
