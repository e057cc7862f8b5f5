"""Recommenders that read what a user liked, in order of time, and say what comes next (section 4.1: RNN, LSTM, CNN).

Each item enters as its fused features, W z_i, with or without a vector of its own; the same vectors are the classes of
the softmax that is learned. What differs is the encoder of the history.

References: Hidasi, Karatzoglou, Baltrunas and Tikk (2016), Session-based recommendations with recurrent neural
networks, ICLR. Tang and Wang (2018), Personalized top-N sequential recommendation via convolutional sequence
embedding, WSDM. Kang and McAuley (2018), Self-attentive sequential recommendation, ICDM.
"""

from typing import Any, ClassVar

import keras
import numpy as np
from keras import layers, ops

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.dot_product import ContentDotProduct
from mmrec.models.histories import Histories, in_order_of_time, padded
from mmrec.models.learning import BatchLossModel, normal, rows_of
from mmrec.models.settings import setting
from mmrec.seeding import set_seed

USERS_AT_ONCE = 512


class SequenceNetwork(BatchLossModel):
    """h_t = encoder(x_1 .. x_t), and the item that comes next has the largest h_t . x_i + b_i; x_i = W z_i + e_i.

    Args:
        encoder: layer (B, L, d) -> (B, L, d) whose output t knows nothing of inputs after t.
        z: (I, F) item features.
        known: (I,) items with a training row: the others have no e.
        popularity: (I,) likes, where b starts from.
        embedding_size: d.
        identity: whether there is e.
        identity_dropout: share of the items whose e is left out in a step, so that W learns without it.
        dropout: share of x and h dropped in training.
        l2: weight of the squared vectors.
        seed: of what is dropped.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer,
        z: np.ndarray,
        known: np.ndarray,
        popularity: np.ndarray,
        *,
        embedding_size: int,
        identity: bool,
        identity_dropout: float,
        dropout: float,
        l2: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.encoder, self.identity_dropout, self.l2 = encoder, identity_dropout, l2
        self.z = ops.convert_to_tensor(z)  # (I, F)
        self.known = ops.convert_to_tensor(known[:, None], "float32")  # (I, 1)
        self.random = keras.random.SeedGenerator(seed)
        self.drop_input, self.drop_output = layers.Dropout(dropout), layers.Dropout(dropout)
        self.w = self.add_weight(
            shape=(z.shape[1], embedding_size),
            initializer=normal(embedding_size**-0.5),
            name="projection",
        )
        self.e = None
        if identity:
            self.e = self.add_weight(shape=(len(z), embedding_size), initializer=normal(0.05), name="items")
        self.b = self.add_weight(shape=(len(z),), initializer="zeros", name="bias")
        self.b.assign(np.log1p(popularity) - np.log1p(popularity[known]).mean())
        self.read = layers.Dense(embedding_size, name="read")
        self.encoder.build((None, None, embedding_size))
        self.read.build((None, embedding_size))
        self.built = True

    def items(self, training: bool = False) -> Any:
        """(I, d): x."""
        x = ops.matmul(self.z, self.w)  # (I, d)
        if self.e is None:
            return x
        own = self.known  # (I, 1)
        if training and self.identity_dropout:
            stay = keras.random.uniform(ops.shape(own), seed=self.random) >= self.identity_dropout
            own = own * ops.cast(stay, "float32")
        return x + self.e * own

    def states(self, x: Any, history: Any, place: Any, training: bool = False) -> Any:
        """Item vectors (I, d), histories (B, L) and places (m,) in their flattened form -> h (m, d)."""
        inputs = self.drop_input(ops.take(x, history, axis=0), training=training)  # (B, L, d)
        encoded = self.encoder(inputs, training=training)  # (B, L, d)
        flat = ops.reshape(encoded, (-1, ops.shape(encoded)[-1]))  # (B L, d)
        return self.read(self.drop_output(ops.take(flat, place, axis=0), training=training))  # (m, d)

    def call(self, inputs: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Inputs of ``Histories`` -> logits (m, I) of all items as the next like, states h (m, d), items x (I, d)."""
        x = self.items(training)  # (I, d)
        h = self.states(x, inputs["history"], inputs["place"], training)  # (m, d)
        return {"logits": ops.matmul(h, ops.transpose(x)) + self.b, "states": h, "items": x}

    def batch_loss(self, targets: Any, outputs: dict[str, Any]) -> Any:
        """Softmax cross-entropy over all items, mean over the m places, and the penalty.

        Nothing is sampled: all items of the catalogue, rated ones included, are in the softmax. The logit of the next
        like is computed from its vectors again: read from ``logits``, its gradient would be another (m, I) matrix.
        """
        h, x = outputs["states"], outputs["items"]  # (m, d), (I, d)
        own = ops.take(x, targets, axis=0)  # (m, d)
        right = ops.sum(h * own, axis=1) + rows_of(self.b, targets)  # (m,)
        loss = ops.mean(ops.logsumexp(outputs["logits"], axis=1) - right)
        return loss + self.l2 * ops.mean(ops.sum(ops.square(x), axis=1))


class SequenceModel(ContentDotProduct):
    """The next item predicted from the last ones; see ``SequenceNetwork``. Subclasses bring the encoder.

    A user without a training like is the average user; an item without a training row is told by its features alone.
    """

    needs_time: ClassVar[bool] = True

    batch_size, learning_rate = 64, 3e-3
    identity: bool = setting(True, "give items a vector of their own beside their features", search=(False,))
    epochs: int = setting(12, "passes over the users", low=1)
    l2: float = setting(1e-4, "weight of the squared item vectors", low=0)
    dropout: float = setting(0.3, "share of inputs and states that is dropped in training", low=0, below=1)
    identity_dropout: float = setting(0.1, "share of the items' own vectors that is left out", low=0, high=1)
    length: int = setting(50, "how many likes back a history reaches", low=1)

    def encoder(self) -> keras.layers.Layer:
        """(B, L, d) -> (B, L, d), output t from inputs up to t."""
        raise NotImplementedError

    def _fit(self, train: Interactions, features: Features | None) -> None:
        likes = train.likes()
        sequences = in_order_of_time(likes)
        z = self._reduce(features, train)  # (I, F)
        set_seed(self.seed)
        known = train.known_items()  # (I,)
        named = ("embedding_size", "identity", "identity_dropout", "dropout", "l2", "seed")
        network = SequenceNetwork(
            self.encoder(),
            z,
            known,
            np.bincount(likes.item, minlength=train.n_items).astype(np.float32),
            **{name: self.settings[name] for name in named},
        )
        batches = Histories(
            [mine for mine in sequences if len(mine) > 1],
            length=self.length,
            batch_size=self.batch_size,
            rng=np.random.default_rng(self.seed),
        )
        network.train_with_adam(batches, epochs=self.epochs, learning_rate=self.learning_rate)
        self._keep(network, sequences, train)

    def _keep(self, network: SequenceNetwork, sequences: list[np.ndarray], train: Interactions) -> None:
        """Read off the state at the end of each history, items and biases."""
        length, x = self.length, network.items()  # (I, d)
        self.items = ops.convert_to_numpy(x)
        user_vectors = np.zeros((len(sequences), self.items.shape[1]), np.float32)
        liking = np.flatnonzero([len(mine) > 0 for mine in sequences])
        for start in range(0, len(liking), USERS_AT_ONCE):
            users = liking[start : start + USERS_AT_ONCE]
            recent = [sequences[user][-length:] for user in users]
            history, _ = padded(recent, length)
            last = np.arange(len(users)) * length + [len(items) - 1 for items in recent]
            user_vectors[users] = ops.convert_to_numpy(network.states(x, history, last.astype(np.int32)))
        self.new_bias = self._settle(user_vectors, ops.convert_to_numpy(network.b), train)
        self.projection = ops.convert_to_numpy(network.w)
        self.content_bias = np.zeros(len(self.projection), np.float32)


class GRU(SequenceModel):
    """Gated recurrent units; see ``SequenceModel``."""

    name = "gru"

    def encoder(self) -> keras.layers.Layer:
        """One recurrent layer."""
        return layers.GRU(self.embedding_size, return_sequences=True)


class LSTM(SequenceModel):
    """Long short-term memory; see ``SequenceModel``."""

    name = "lstm"

    def encoder(self) -> keras.layers.Layer:
        """One recurrent layer."""
        return layers.LSTM(self.embedding_size, return_sequences=True)


class CNN(SequenceModel):
    """Causal convolutions over time; see ``SequenceModel``."""

    name = "cnn"

    def encoder(self) -> keras.layers.Layer:
        """Two layers that see 5 and then 1 + 4 + 4 * 4 = 21 likes back."""
        d = self.embedding_size
        inputs = keras.Input((None, d))  # (B, L, d)
        x = inputs
        for dilation in (1, 4):
            new = layers.Conv1D(d, 5, padding="causal", dilation_rate=dilation, activation="relu")(x)
            x = layers.LayerNormalization()(x + new)  # (B, L, d)
        return keras.Model(inputs, x)


class Transformer(SequenceModel):
    """Self-attention that looks back only, with vectors for the places in time; see ``SequenceModel``."""

    name = "transformer"
    embedding_size: int = setting(64, "d, length of the vectors, half of it for each of two heads", low=2)

    def encoder(self) -> keras.layers.Layer:
        """One block: attention and a feed-forward network, each added to its input and normalised."""
        d, length = self.embedding_size, self.length
        inputs = keras.Input((length, d))  # (B, L, d)
        x = layers.LayerNormalization()(Places(length)(inputs))
        attended = layers.MultiHeadAttention(2, d // 2)(x, x, use_causal_mask=True)  # (B, L, d)
        x = layers.LayerNormalization()(x + attended)
        new = layers.Dense(d)(layers.Dense(2 * d, activation="relu")(x))  # (B, L, d)
        return keras.Model(inputs, layers.LayerNormalization()(x + new))


class Places(keras.layers.Layer):
    """x_t + c_t: a learned vector for each place of a sequence.

    Args:
        length: L.
    """

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make c (L, d)."""
        self.c = self.add_weight(shape=(self.length, input_shape[-1]), initializer="random_normal", name="places")

    def call(self, x: Any) -> Any:
        """(B, L, d) -> (B, L, d)."""
        return x + self.c
