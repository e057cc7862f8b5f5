"""The network of both readings: formulas (4) and (5) of section 4.2 on projected modalities."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.layers import Concatenation, FusionNetwork, Scorer

USERS_AT_ONCE = 1024
"""Users whose profiles are pooled at once: bounds the memory of (P, I) whatever the number of users."""


class DocumentNetwork(keras.Model):
    """F_concat -> F_fusion -> R, with or without a user.

    An item's modalities are projected to q_i = W_X X_i + W_O O_i + W_M M_i + W_h h_i. Each modality has its own
    matrix, and so has h_i in {0, 1}^3, which marks the modalities that the item has. A user's profile goes
    through the same W_X, W_O and W_M, without the h term: p_u = W_X X_u + W_O O_u + W_M M_u + e_u. All symbols:
    ``document.UserReading``.

    Args:
        sizes: modality -> width of its block.
        users: number U of users with an embedding; 0 for the literal reading.
        embedding_size: d.
        units: width of F_fusion.
        dropout: share of F_concat dropped in training.
        l2: weight of the squared weights.
    """

    def __init__(
        self, *, sizes: Mapping[str, int], users: int, embedding_size: int, units: int, dropout: float, l2: float
    ) -> None:
        super().__init__()
        self.sizes, self.users, self.embedding_size = dict(sizes), users, embedding_size
        regular = {"kernel_regularizer": keras.regularizers.L2(l2)}
        self.projections = {
            name: keras.layers.Dense(embedding_size, use_bias=False, name=f"project_{name}", **regular)
            for name in self.sizes
        }
        self.presence = keras.layers.Dense(embedding_size, use_bias=False, name="project_presence", **regular)
        self.embedding = (
            keras.layers.Embedding(
                users,
                embedding_size,
                embeddings_initializer=keras.initializers.RandomNormal(stddev=0.05),
                embeddings_regularizer=keras.regularizers.L2(l2),
            )
            if users
            else None
        )
        self.concatenation = Concatenation(indicators=False)
        self.dropout = keras.layers.Dropout(dropout)
        self.fusion = FusionNetwork(units, activation="relu", kernel_regularizer=keras.regularizers.L2(l2))
        self.scorer = Scorer(logits=True)

    def build(self, input_shape: Any = None) -> None:
        """Make all weights, so that saved ones can be set."""
        for name, layer in self.projections.items():
            layer.build((None, self.sizes[name]))
        self.presence.build((None, len(MODALITIES)))
        if self.embedding is not None:
            self.embedding.build((None,))
        width = (1, self.embedding_size)
        self.pair(ops.zeros(width), ops.zeros(width), ops.zeros((1,)))
        self.built = True

    def project(self, tables: Mapping[str, Any], present: Any) -> tuple[Any, dict[str, Any]]:
        """q = sum_m W_m x_m + W_h h: (n, d_m) for each modality and h (n, 3) -> q (n, d), and each W_m x_m (n, d)."""
        parts = {name: layer(tables[name]) for name, layer in self.projections.items()}
        return _sum([self.presence(present), *parts.values()]), parts

    def profile(self, liked: Any, parts: Mapping[str, Any], present: Any) -> Any:
        """W_X X_u + W_O O_u + W_M M_u: formula (1) for users, over each modality of the items that each user likes.

        X_u = sum_i f(d_i) w_i with w_i = 1 / (number of liked items that have a text); pictures and sounds are
        pooled alike. Pooling is linear, so the projected items are pooled: d numbers each, not V.

        Args:
            liked: (P, I), 1 for each liked item.
            parts: modality -> (I, d), zero where an item lacks it.
            present: (I, 3).

        Returns:
            (P, d).
        """
        count = ops.maximum(ops.matmul(liked, present), 1.0)  # (P, 3)
        columns = {name: MODALITIES.index(name) for name in parts}
        return _sum([ops.matmul(liked, parts[name]) / count[:, at : at + 1] for name, at in columns.items()])

    def pair(self, person: Any, item: Any, popularity: Any, training: bool = False) -> Any:
        """Logit of R for pairs: p (B, d), q (B, d), a (B,) -> (B,).

        F_concat is [p; q; p * q; a] with users, and q alone in the literal reading.
        """
        parts = [item]
        if self.users:
            parts = [person, item, person * item, ops.expand_dims(popularity, -1)]
        concat = self.dropout(self.concatenation(parts), training=training)  # (B, 3d + 1), or (B, d) without users
        return self.scorer(self.fusion(concat))  # (B,)

    def project_items(self, tables: Mapping[str, np.ndarray], present: np.ndarray) -> np.ndarray:
        """(n, d) float32: q for all items."""
        return ops.convert_to_numpy(self.project(tables, ops.convert_to_tensor(present, "float32"))[0])

    def project_users(self, train: Interactions, tables: Mapping[str, np.ndarray], present: np.ndarray) -> np.ndarray:
        """(U, d) float32: p for all users; users without a training row get the mean embedding.

        Args:
            train: training rows.
            tables: modality -> (I, d_m).
            present: (I, 3).
        """
        if self.embedding is None:
            return np.zeros((train.n_users, self.embedding_size), np.float32)
        known = np.bincount(train.user, minlength=train.n_users) > 0
        table = ops.convert_to_numpy(self.embedding.embeddings).copy()  # (U, d)
        table[~known] = table[known].mean(axis=0)
        has = ops.convert_to_tensor(present, "float32")
        parts, history = self.project(tables, has)[1], train.likes().matrix()
        for at in range(0, train.n_users, USERS_AT_ONCE):
            liked = history[at : at + USERS_AT_ONCE].toarray()  # (P, I)
            table[at : at + USERS_AT_ONCE] += ops.convert_to_numpy(self.profile(liked, parts, has))  # (P, d)
        return table

    def rate(self, user_vectors: np.ndarray, items: np.ndarray, popularity: np.ndarray) -> np.ndarray:
        """R for every pair: p (B, d), q (I, d), a (I,) -> (B, I) float32 in (0, 1).

        For one user F_fusion is a layer of the item alone: W_f [p; q; p * q; a] + b_f = M [q; a; 1], where
        M = [W_q + diag(p) W_pq; W_a; W_p p + b_f] in rows. No F_concat is made for each pair.
        """
        if not self.users:
            logit = self.pair(user_vectors, ops.convert_to_tensor(items), popularity)[None]  # (1, I): the item alone
            return np.repeat(ops.convert_to_numpy(ops.sigmoid(logit)), len(user_vectors), axis=0)
        layer, d = self.fusion.layers[0], self.embedding_size
        of_person, of_item, of_both, of_popularity = ops.split(layer.kernel, [d, 2 * d, 3 * d], axis=0)  # each (., n)
        p, count = ops.convert_to_tensor(user_vectors), len(user_vectors)
        fixed = ops.matmul(p, of_person) + layer.bias  # (B, n)
        M = ops.concatenate(
            [of_item + p[:, :, None] * of_both, ops.tile(of_popularity[None], (count, 1, 1)), fixed[:, None]], axis=1
        )  # (B, d + 2, n)
        q = np.column_stack([items, popularity, np.ones_like(popularity)])  # (I, d + 2)
        logit = self.scorer(layer.activation(ops.matmul(q, M)))  # (B, I)
        return ops.convert_to_numpy(ops.sigmoid(logit))


def _sum(terms: list[Any]) -> Any:
    """The terms' sum, always in one order.

    TensorFlow turns a + b + c into one operation that starts with whichever term's memory it may overwrite,
    which is random; floating-point sums depend on their order, and training would not repeat itself.
    """
    return ops.sum(ops.stack(terms), axis=0)


class Trainer(keras.Model):
    """The network over feature tables that do not change while training; see ``sampling.TrainingBatches``."""

    def __init__(
        self, network: DocumentNetwork, tables: Mapping[str, np.ndarray], present: np.ndarray, popularity: np.ndarray
    ) -> None:
        super().__init__()
        self.network = network
        self.constants = {name: ops.convert_to_tensor(table) for name, table in tables.items()}  # each (I, d_m)
        self.present = ops.convert_to_tensor(present, "float32")  # (I, 3)
        self.popularity = ops.convert_to_tensor(popularity)  # (I,)
        self.built = True

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """user (P,), liked (P, I), row (B,), item (B,) -> logit (B, 1).

        The last axis is there for the loss: Keras averages over it, and only then weighs each row.
        """
        network, item = self.network, inputs["item"]
        items, parts = network.project(self.constants, self.present)  # (I, d)
        q = ops.take(items, item, axis=0)  # (B, d)
        p = q
        if network.embedding is not None:
            user_vectors = network.embedding(inputs["user"]) + network.profile(
                inputs["liked"], parts, self.present
            )  # (P, d)
            p = ops.take(user_vectors, inputs["row"], axis=0)  # (B, d)
        logit = network.pair(p, q, ops.take(self.popularity, item), training=training)  # (B,)
        return ops.expand_dims(logit, -1)  # (B, 1)
