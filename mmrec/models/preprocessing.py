"""What the networks need to know of the features, learned from the training rows alone."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.preprocessing import normalize

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.text import inverse_document_frequency


@dataclass(frozen=True)
class Preprocessor:
    """Scales that put the modalities on one footing; fitted on items that have a training row.

    Text: log(1 + count) times the inverse document frequency, each item to unit length. Picture and
    sound: each column to mean 0 and deviation 1, then divided by sqrt(d), so that every modality
    enters the concatenation with about unit length (without it the widest one drowns the rest).

    Attributes:
        idf: (V,) inverse document frequency, or None without text.
        mean, deviation: modality -> (d,).
        popularity: (I,) log(1 + training likes), standardised over the items with a training row.
        sizes: modality -> d.
    """

    idf: np.ndarray | None
    mean: dict[str, np.ndarray]
    deviation: dict[str, np.ndarray]
    popularity: np.ndarray

    @classmethod
    def fit(cls, features: Features, train: Interactions) -> Self:
        """Learn scales from the items and likes of ``train``."""
        known = np.bincount(train.item, minlength=train.items) > 0  # (I,)
        idf, mean, deviation = None, {}, {}
        for name in features.modalities:
            rows = features.blocks[name][known & features.mask(name)]  # (n, d)
            if name == "text" and not np.any(rows < 0):
                idf = inverse_document_frequency(csr_matrix(rows))
            else:
                mean[name] = rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1], np.float32)
                spread = rows.std(axis=0) if len(rows) else np.ones(rows.shape[1], np.float32)
                deviation[name] = np.where(spread > 1e-6, spread, 1).astype(np.float32)
        likes = np.log1p(np.bincount(train.likes().item, minlength=train.items))
        popularity = (likes - likes[known].mean()) / max(float(likes[known].std()), 1e-6)
        return cls(idf, mean, deviation, popularity.astype(np.float32))

    @property
    def sizes(self) -> dict[str, int]:
        """Modality -> width of its block."""
        text = {} if self.idf is None else {"text": len(self.idf)}
        return text | {name: len(mean) for name, mean in self.mean.items()}

    def counts(self, counts: csr_matrix) -> csr_matrix:
        """Weighted, unit-length form of (n, V) word counts."""
        return normalize(csr_matrix(counts).log1p() @ diags(self.idf)).astype(np.float32).tocsr()

    def tables(self, features: Features) -> dict[str, np.ndarray]:
        """Modality -> (n, d) float32, scaled; zero where the modality is absent."""
        tables = {}
        for name in self.sizes:
            if name not in features.blocks:
                tables[name] = np.zeros((len(features.item_ids), self.sizes[name]), np.float32)
                continue
            block = features.blocks[name]  # (n, d)
            if name in self.mean:
                block = (block - self.mean[name]) / self.deviation[name] / np.sqrt(block.shape[1])
            else:
                block = self.counts(csr_matrix(block)).toarray()
            tables[name] = (block * features.mask(name)[:, None]).astype(np.float32)
        return tables

    def state(self) -> dict[str, np.ndarray]:
        """Everything learned, as named arrays."""
        named = {f"mean/{name}": value for name, value in self.mean.items()}
        named |= {f"deviation/{name}": value for name, value in self.deviation.items()}
        if self.idf is not None:
            named["idf"] = self.idf
        return named | {"popularity": self.popularity}

    @classmethod
    def restore(cls, state: dict[str, np.ndarray]) -> Self:
        """Take back what ``state`` gave."""
        mean = {key.removeprefix("mean/"): value for key, value in state.items() if key.startswith("mean/")}
        deviation = {
            key.removeprefix("deviation/"): value for key, value in state.items() if key.startswith("deviation/")
        }
        return cls(state.get("idf"), mean, deviation, state["popularity"])


@dataclass(frozen=True)
class Profiles:
    """Formula (1) for all users at once: X_u = sum_i f(d_i) w_i over the texts of u's training likes.

    Attributes:
        total: (U, V) float32, sum of the texts' vectors.
        texts: (U,) float32, how many there are; w_i = 1 / texts.
    """

    total: np.ndarray
    texts: np.ndarray


def text_profiles(train: Interactions, features: Features, preprocessor: Preprocessor) -> Profiles:
    """Pool the texts of what each user liked: the item's description, and the user's review of it.

    Only reviews of training rows are read. The pooled sum is kept apart from the number of texts, so
    that a row's own text can be taken out again while training on that row.
    """
    own = own_texts(train, features, preprocessor)  # (n, V)
    likes = train.likes()
    select = csr_matrix(
        (np.ones(len(likes), np.float32), (likes.user, np.arange(len(likes)))), (train.users, len(likes))
    )
    return Profiles((select @ own).toarray().astype(np.float32), np.asarray(select.sum(axis=1)).ravel())


def own_texts(train: Interactions, features: Features, preprocessor: Preprocessor) -> csr_matrix:
    """(n, V): for each training like the vector that it adds to its user's profile."""
    likes = train.likes()
    return csr_matrix(preprocessor.tables(features.only("text"))["text"])[likes.item]
