"""What the networks need to know of the features, learned from the training rows alone."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.preprocessing import normalize

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features


@dataclass(frozen=True)
class Preprocessor:
    """Scales that put the modalities on one footing; fitted on items that have a training row.

    Text: log(1 + count) times the inverse document frequency, each item to unit length; only the words
    that a training item has are kept, since nothing can be learned of the others. Picture and
    sound: each column to mean 0 and deviation 1, then divided by sqrt(d), so that every modality
    enters the concatenation with about unit length (without it the widest one drowns the rest).

    Attributes:
        words: (V',) columns of the vocabulary that occur in a training item (the first one where none does: a block
            needs a column), or None without word counts.
        idf: (V',) their inverse document frequency.
        mean, deviation: modality -> (d,).
        popularity: (I,) log(1 + training likes), standardised over the items with a training row.
        sizes: modality -> d.
    """

    words: np.ndarray | None
    idf: np.ndarray | None
    mean: dict[str, np.ndarray]
    deviation: dict[str, np.ndarray]
    popularity: np.ndarray

    @classmethod
    def fit(cls, features: Features, train: Interactions) -> Self:
        """Learn scales from the items and likes of ``train``."""
        from mmrec.text import inverse_document_frequency  # imports Keras, which takes seconds

        known = train.known_items()  # (I,)
        words, idf, mean, deviation = None, None, {}, {}
        for name in features.modalities:
            rows = features.blocks[name][known & features.mask(name)]  # (n, d)
            if name == "text" and not np.any(rows < 0):
                words = np.flatnonzero(rows.any(axis=0)) if rows.any() else np.arange(1)
                idf = inverse_document_frequency(csr_matrix(rows[:, words]))
            else:
                mean[name] = rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1], np.float32)
                spread = rows.std(axis=0) if len(rows) else np.ones(rows.shape[1], np.float32)
                deviation[name] = np.where(spread > 1e-6, spread, 1).astype(np.float32)
        likes = np.log1p(np.bincount(train.likes().item, minlength=train.items))
        popularity = (likes - likes[known].mean()) / max(float(likes[known].std()), 1e-6)
        return cls(words, idf, mean, deviation, popularity.astype(np.float32))

    @property
    def sizes(self) -> dict[str, int]:
        """Modality -> width of its block."""
        text = {} if self.idf is None else {"text": len(self.idf)}
        return text | {name: len(mean) for name, mean in self.mean.items()}

    def _weigh(self, counts: np.ndarray) -> np.ndarray:
        """(n, V) word counts -> (n, V') weighted, of unit length."""
        return normalize(csr_matrix(counts[:, self.words]).log1p() @ diags(self.idf)).toarray()

    def tables(self, features: Features, scale: bool = True) -> dict[str, np.ndarray]:
        """Modality -> (n, d) float32, scaled unless told not to; zero where the modality is absent."""
        tables = {}
        for name in self.sizes:
            if name not in features.blocks:
                tables[name] = np.zeros((len(features.item_ids), self.sizes[name]), np.float32)
                continue
            block = features.blocks[name]  # (n, d)
            if not scale:
                block = block[:, self.words] if name == "text" and self.words is not None else block
            elif name in self.mean:
                block = (block - self.mean[name]) / self.deviation[name] / np.sqrt(block.shape[1])
            else:
                block = self._weigh(block)
            tables[name] = (block * features.mask(name)[:, None]).astype(np.float32)
        return tables

    def state(self) -> dict[str, np.ndarray]:
        """Everything learned, as named arrays."""
        named = {f"mean/{name}": value for name, value in self.mean.items()}
        named |= {f"deviation/{name}": value for name, value in self.deviation.items()}
        if self.words is not None and self.idf is not None:
            named |= {"words": self.words, "idf": self.idf}
        return named | {"popularity": self.popularity}

    @classmethod
    def restore(cls, state: dict[str, np.ndarray]) -> Self:
        """Take back what ``state`` gave."""
        mean = {key.removeprefix("mean/"): value for key, value in state.items() if key.startswith("mean/")}
        deviation = {
            key.removeprefix("deviation/"): value for key, value in state.items() if key.startswith("deviation/")
        }
        return cls(state.get("words"), state.get("idf"), mean, deviation, state["popularity"])
