"""The network of both readings: formulas (4) and (5) of section 4.2 on projected modalities."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from mmrec.data.catalogue import MODALITIES
from mmrec.fusion import Concatenation, FusionNetwork
from mmrec.models.preprocessing import Profiles
from mmrec.scorer import Scorer


class DocumentNetwork(keras.Model):
    """F_concat -> F_fusion -> R, with or without a user.

    An item's modalities are projected to q_i = W_X X_i + W_O O_i + W_M M_i + V m_i, which is W [X; O; M]
    written by blocks, with a vector for each modality that is present (m_i). A text profile goes through
    the same W_X: to the network, a user looks like an item that has only text.

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

    def project(self, tables: Mapping[str, Any], present: Any) -> Any:
        """q = W [X; O; M] + V m: (n, d_m) for each modality and (n, 3) -> (n, d)."""
        total = self.presence(present)  # (n, d)
        for name, layer in self.projections.items():
            total = total + layer(tables[name])  # (n, d)
        return total

    def pair(self, person: Any, item: Any, popularity: Any, training: bool = False) -> Any:
        """logit of R for pairs: p (B, d), q (B, d), a (B,) -> (B,)."""
        parts = [item]  # the literal reading: the item alone
        if self.users:
            parts = [person, item, person * item, ops.expand_dims(popularity, -1)]
        concat = self.dropout(self.concatenation(parts), training=training)  # (B, 3d + 1)
        return self.scorer(self.fusion(concat))  # (B,)

    def trainer(
        self, tables: Mapping[str, np.ndarray], present: np.ndarray, profiles: Profiles | None, popularity: np.ndarray
    ) -> keras.Model:
        """A model of (user, item, own) -> logit over fixed feature tables, to be compiled and fitted."""
        return Trainer(self, tables, present, profiles, popularity)

    def project_items(self, tables: Mapping[str, np.ndarray], present: np.ndarray) -> np.ndarray:
        """(n, d) float32: q for all items."""
        return ops.convert_to_numpy(self.project(tables, ops.convert_to_tensor(present, "float32")))

    def project_users(self, profiles: Profiles | None, known: np.ndarray) -> np.ndarray:
        """(U, d) float32: p for all users; who has no training row gets the mean embedding.

        Args:
            profiles: text profiles, or None without text.
            known: (U,) bool, users with a training row.
        """
        if self.embedding is None:
            return np.zeros((len(known), self.embedding_size), np.float32)
        table = ops.convert_to_numpy(self.embedding.embeddings).copy()  # (U, d)
        table[~known] = table[known].mean(axis=0)
        if profiles is not None:
            for name, layer in self.projections.items():
                table += ops.convert_to_numpy(layer(profiles.mean(name)))  # (U, d)
        return table

    def rate(self, people: np.ndarray, items: np.ndarray, popularity: np.ndarray) -> np.ndarray:
        """R for every pair: p (B, d), q (I, d), a (I,) -> (B, I) float32 in (0, 1)."""
        users, count = len(people), len(items)
        person = ops.repeat(ops.convert_to_tensor(people), count, axis=0)  # (B * I, d)
        item = ops.tile(ops.convert_to_tensor(items), (users, 1))  # (B * I, d)
        logit = self.pair(person, item, ops.tile(ops.convert_to_tensor(popularity), (users,)))  # (B * I,)
        return ops.convert_to_numpy(ops.reshape(ops.sigmoid(logit), (users, count)))  # (B, I)


class Trainer(keras.Model):
    """The network over feature tables that do not change while training."""

    def __init__(
        self,
        network: DocumentNetwork,
        tables: Mapping[str, np.ndarray],
        present: np.ndarray,
        profiles: Profiles | None,
        popularity: np.ndarray,
    ) -> None:
        super().__init__()
        self.network = network
        self.constants = {name: ops.convert_to_tensor(table) for name, table in tables.items()}
        self.present = ops.convert_to_tensor(present, "float32")
        self.popularity = ops.convert_to_tensor(popularity)
        self.has = {name: self.present[:, MODALITIES.index(name)] for name in tables}  # each (I,)
        pooled = {} if profiles is None else profiles.total
        self.total = {name: ops.convert_to_tensor(total) for name, total in pooled.items()}  # each (U, d_m)
        counts = {} if profiles is None else profiles.count
        self.count = {name: ops.convert_to_tensor(count) for name, count in counts.items()}  # each (U,)
        self.built = True

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """(user (B,), item (B,), own (B,)) -> logit (B,)."""
        user, item = inputs["user"], inputs["item"]
        network = self.network
        projected = {name: layer(self.constants[name]) for name, layer in network.projections.items()}  # each (I, d)
        q = ops.take(network.presence(self.present) + sum(projected.values()), item, axis=0)  # (B, d)
        p = q
        if network.embedding is not None:
            p = network.embedding(user)  # (B, d)
        own = ops.cast(inputs["own"], q.dtype)  # (B,)
        for name, total in self.total.items():
            pooled = ops.take(network.projections[name](total), user, axis=0)  # (B, d)
            mine = ops.take(projected[name], item, axis=0) * ops.expand_dims(own, -1)  # (B, d)
            others = ops.take(self.count[name], user) - own * ops.take(self.has[name], item)  # (B,)
            p = p + (pooled - mine) / ops.expand_dims(ops.maximum(others, 1.0), -1)  # (B, d)
        return network.pair(p, q, ops.take(self.popularity, item), training=training)  # (B,)
