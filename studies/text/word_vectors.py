r"""Word embeddings learned here: skip-gram with negative sampling, formula (1) with short rows f(d).

A word's vector is trained to tell the words that stand near it from words drawn at random. With u the vectors of
centres and v those of contexts, the loss of a centre c, its neighbour o and K drawn words k is
$-\log \sigma(u_c \cdot v_o) - \sum_k \log \sigma(-u_c \cdot v_k)$. Explained in notebooks/02-text.ipynb.

Reference: Mikolov et al. (2013), Distributed representations of words and phrases and their compositionality.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras import ops

from mmrec.errors import InputError
from mmrec.models.learning import train_on_batches
from mmrec.seeding import set_seed
from mmrec.text import tokenise

_NOISE = 0.75  # power of the count with which words are drawn: between equal shares and their true shares


@dataclass(frozen=True)
class WordVectors:
    """Words and what was learned of them.

    Attributes:
        words: (V,) the vocabulary.
        vectors: (V, d) float32, one row a word.
        idf: (V,) float32 inverse document frequency in the texts that were learned from; ones when None.
    """

    words: tuple[str, ...]
    vectors: np.ndarray
    idf: np.ndarray | None = None

    @cached_property
    def row(self) -> dict[str, int]:
        """Word -> its row."""
        return {word: row for row, word in enumerate(self.words)}

    def pool(self, texts: Sequence[str], weights: str = "uniform") -> np.ndarray:
        """Formula (1), section 4.2: X = sum_i f(d_i) w_i over a text's words, f(d_i) the vector of word i.

        Args:
            texts: n texts; words that are not in the vocabulary are passed over.
            weights: "uniform" (1 / number of known words) or "idf" (in proportion to it, with sum 1).

        Returns:
            (n, d) float32; zeros where no word is known.

        Raises:
            InputError: other weights.
        """
        if weights not in ("uniform", "idf"):
            raise InputError(f"weights {weights!r}: choose from uniform, idf")
        value = np.ones(len(self.words), np.float32) if weights == "uniform" or self.idf is None else self.idf  # (V,)
        pooled = np.zeros((len(texts), self.vectors.shape[1]), np.float32)  # (n, d)
        for place, text in enumerate(texts):
            rows = [self.row[word] for word in tokenise(text) if word in self.row]
            if rows:
                w = value[rows] / value[rows].sum()  # (m,)
                pooled[place] = w @ self.vectors[rows]  # (d,)
        return pooled

    def nearest(self, word: str, k: int = 5) -> list[tuple[str, float]]:
        """The k other words with the largest cosine to a word, best first.

        Raises:
            InputError: the word is not in the vocabulary.
        """
        if word not in self.row:
            raise InputError(f"{word!r} is none of the {len(self.words)} words that were learned")
        unit = self.vectors / np.maximum(np.linalg.norm(self.vectors, axis=1, keepdims=True), 1e-9)  # (V, d)
        cosine = unit @ unit[self.row[word]]  # (V,)
        order = [row for row in np.argsort(-cosine, kind="stable") if row != self.row[word]]
        return [(self.words[row], float(cosine[row])) for row in order[:k]]


class SkipGram(keras.Model):
    """Logits of "these two words stand together": a table of centres and one of contexts.

    Args:
        vocabulary_size: V.
        embedding_size: d.

    Inputs: centre (B,), context (B,), negatives (B, K), rows of the vocabulary.
    Outputs: (B, 1 + K), the neighbour first.
    """

    def __init__(self, vocabulary_size: int, embedding_size: int) -> None:
        super().__init__()
        start = keras.initializers.RandomUniform(-0.5 / embedding_size, 0.5 / embedding_size)
        self.centres = keras.layers.Embedding(vocabulary_size, embedding_size, embeddings_initializer=start)
        self.contexts = keras.layers.Embedding(vocabulary_size, embedding_size, embeddings_initializer="zeros")
        self.centres.build((None,))
        self.contexts.build((None,))
        self.built = True

    def call(self, inputs: dict[str, Any]) -> Any:
        """Score the neighbour and the drawn words."""
        u = self.centres(inputs["centre"])  # (B, d)
        asked = ops.concatenate([inputs["context"][:, None], inputs["negatives"]], axis=1)  # (B, 1 + K)
        return ops.einsum("bd,bkd->bk", u, self.contexts(asked))  # (B, 1 + K)


def negative_sampling_loss(truth: Any, logits: Any) -> Any:
    """-log sigma(u_c . v_o) - sum_k log sigma(-u_c . v_k): truth (ignored) and logits (B, 1 + K) -> (B,)."""
    signs = ops.concatenate([ops.ones_like(logits[:, :1]), -ops.ones_like(logits[:, 1:])], axis=1)  # (B, 1 + K)
    return ops.sum(ops.softplus(-signs * logits), axis=1)  # (B,)


class PairBatches(keras.utils.PyDataset):
    """Batches of centre, context and negatives, drawn again each epoch.

    As in word2vec, each centre sees a window whose reach is drawn from 1 to ``window``, so that near words count more.

    Args:
        sentences: each text as rows of the vocabulary.
        counts: (V,) how often each word occurs.
        window: farthest neighbour.
        negatives: K, drawn words for each pair.
        batch_size: pairs a batch.
        rng: source of all chance.
    """

    def __init__(
        self,
        sentences: Sequence[np.ndarray],
        counts: np.ndarray,
        *,
        window: int,
        negatives: int,
        batch_size: int,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        centre, context, distance = [], [], []
        for rows in sentences:
            for apart in range(1, min(window, len(rows) - 1) + 1):
                centre += [rows[:-apart], rows[apart:]]
                context += [rows[apart:], rows[:-apart]]
                distance.append(np.full(2 * (len(rows) - apart), apart))
        if not centre:
            raise InputError("no text has two words that are known: give more texts, or a smaller min_count")
        self.all_centres, self.all_contexts = np.concatenate(centre), np.concatenate(context)  # (N,), (N,)
        # a pair at distance a is kept where the drawn reach is a or more: with chance (window - a + 1) / window
        self.keep = (window - np.concatenate(distance) + 1) / window  # (N,)
        self.noise = np.cumsum(counts**_NOISE) / np.sum(counts**_NOISE)  # (V,)
        self.negatives, self.batch_size, self.rng = negatives, batch_size, rng
        self.steps = max(1, int(self.keep.sum()) // batch_size)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Draw windows, the order of the pairs, and the negatives."""
        kept = self.rng.permutation(np.flatnonzero(self.rng.random(len(self.keep)) < self.keep))
        self.centre, self.context = self.all_centres[kept], self.all_contexts[kept]  # (n,), (n,)
        drawn = np.searchsorted(self.noise, self.rng.random((len(kept), self.negatives)), side="right")
        self.drawn = np.minimum(drawn, len(self.noise) - 1)  # (n, K)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        part = slice(len(self.centre) * index // self.steps, len(self.centre) * (index + 1) // self.steps)
        inputs = {"centre": self.centre[part], "context": self.context[part], "negatives": self.drawn[part]}
        return inputs, np.zeros((len(inputs["centre"]), 1 + self.negatives), np.float32)


def train_embeddings(
    texts: Sequence[str],
    embedding_size: int = 64,
    window: int = 4,
    negatives: int = 5,
    epochs: int = 15,
    seed: int = 0,
    *,
    min_count: int = 2,
    batch_size: int = 1024,
    learning_rate: float = 5e-3,
) -> WordVectors:
    """Learn a vector for each word from the words that it stands with. The same seed gives the same bits.

    Args:
        texts: what to learn from: training texts only.
        embedding_size: d.
        window: farthest neighbour, in words.
        negatives: words drawn for each pair.
        epochs, batch_size, learning_rate: of the Adam optimiser.
        seed: of first vectors, order and drawn words.
        min_count: words that occur less often are passed over.

    Raises:
        InputError: nothing to learn from.
    """
    set_seed(seed)
    cut = [tokenise(text) for text in texts]
    count = Counter(word for words in cut for word in words)
    words = tuple(sorted((word for word in count if count[word] >= min_count), key=lambda word: (-count[word], word)))
    row = {word: place for place, word in enumerate(words)}
    batches = PairBatches(
        [np.array([row[word] for word in sentence if word in row], np.int32) for sentence in cut],
        np.array([count[word] for word in words], float),
        window=window,
        negatives=negatives,
        batch_size=batch_size,
        rng=np.random.default_rng(seed),
    )
    model = SkipGram(len(words), embedding_size)
    model.compile(keras.optimizers.Adam(learning_rate), negative_sampling_loss, jit_compile=False)
    train_on_batches(model, batches, epochs=epochs)
    texts_with = Counter(word for sentence in cut for word in set(sentence))
    frequency = np.array([texts_with[word] for word in words])  # (V,)
    idf = np.log((1 + len(cut)) / (1 + frequency)) + 1  # (V,), as mmrec.text.inverse_document_frequency
    vectors = ops.convert_to_numpy(model.centres.embeddings)  # (V, d)
    return WordVectors(words, np.array(vectors, np.float32), idf.astype(np.float32))
