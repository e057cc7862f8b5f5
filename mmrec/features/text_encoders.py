"""Encoders of texts."""

from collections.abc import Sequence

import numpy as np

from mmrec.features.encoders import Source, register


@register("text", "bow")
class BagOfWordsEncoder:
    """Word counts f(d) of formula (1), section 4.2, in a hashed vocabulary, so that no vocabulary is fitted.

    Args:
        vocabulary_size: V, length of a row.
    """

    name = "bow"
    modality = "text"
    version = "2"

    def __init__(self, vocabulary_size: int = 4096) -> None:
        self.parameters = {"vocabulary_size": vocabulary_size}
        self.size = vocabulary_size

    def load(self, source: Source) -> str:
        return str(source)

    def encode(self, batch: Sequence[str]) -> np.ndarray:
        from mmrec.text import count_words

        return count_words(batch, self.size).toarray().astype(np.float32)  # (B, V)
