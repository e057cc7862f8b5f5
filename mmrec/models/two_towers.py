"""Two towers: one network makes a vector of a user, another of an item, and their cosine is the score.

References: Yi, Yang, Hong, Cheng, Heldt, Kumthekar, Zhao, Wei and Chi (2019), Sampling-bias-corrected neural modeling
for large corpus item recommendations, RecSys. Covington, Adams and Sargin (2016), Deep neural networks for YouTube
recommendations, RecSys (users as the mean of what they used).
"""

from typing import Any

import keras
import numpy as np
from keras import ops
from scipy.sparse import csr_matrix

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.abilities import FoldsInUsers
from mmrec.models.dot_product import ContentDotProduct
from mmrec.models.learning import BatchLossModel, normal, rows_of, unit
from mmrec.models.settings import setting
from mmrec.seeding import set_seed

KEPT = (0.3, 0.95)
"""The share of a user's likes that the tower sees in training is drawn from this range; it is asked for the rest."""
USERS_AT_ONCE = 1024
MOST_STEPS = 32
"""Batches an epoch: where there are more users, a batch is larger, so that time grows with the users alone."""


class Towers(BatchLossModel):
    """p_u = unit(e_u + V' mean_i z_i + mean_i h_i) over liked items i, and q_i = unit(e_i + W' z_i); s = p . q / t + b.

    Args:
        users, z, known: U, item features (I, F), and which items have a training row (I,): the others have no e and h.
        log_draw: (I,) logarithm of the probability that an item is in a batch.
        embedding_size: d.
        temperature: t.
        dropout: share of the user's vector that is dropped in training.
        l2: weight of the squared vectors.
        identity_dropout: share of the items whose own vectors are left out in a step, so that W learns without them.
        seed: of what is dropped.
    """

    def __init__(
        self,
        users: int,
        z: np.ndarray,
        known: np.ndarray,
        log_draw: np.ndarray,
        *,
        embedding_size: int,
        temperature: float,
        dropout: float,
        identity_dropout: float,
        l2: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.temperature, self.dropout, self.identity_dropout, self.l2 = temperature, dropout, identity_dropout, l2
        self.z = ops.convert_to_tensor(z)  # (I, F)
        self.known = ops.convert_to_tensor(known[:, None], "float32")  # (I, 1)
        self.log_draw = ops.convert_to_tensor(log_draw, "float32")  # (I,)
        self.random = keras.random.SeedGenerator(seed)
        d, small, wide = embedding_size, normal(0.05), normal(embedding_size**-0.5)
        self.e_user = self.add_weight(shape=(users, d), initializer=small, name="users")
        self.e_item = self.add_weight(shape=(len(z), d), initializer=small, name="items")
        self.h = self.add_weight(shape=(len(z), d), initializer=small, name="history")
        self.w = self.add_weight(shape=(z.shape[1], d), initializer=wide, name="item_projection")
        self.v = self.add_weight(shape=(z.shape[1], d), initializer=wide, name="history_projection")
        self.b = self.add_weight(shape=(len(z),), initializer="zeros", name="bias")
        self.built = True

    def item(self, rows: Any, own: Any) -> Any:
        """Indices (n,) and own (n, 1), 1 where the item's own vector counts -> q (n, d)."""
        q = rows_of(self.e_item, rows) * own + ops.matmul(ops.take(self.z, rows, axis=0), self.w)
        return unit(q)

    def history(self) -> Any:
        """V' z_i + h_i, what each item says of who likes it: (I, d)."""
        return ops.matmul(self.z, self.v) + self.h * self.known

    def user_vectors(self, user: Any, kept: Any, training: bool = False) -> Any:
        """Indices (P,) and liked items kept (P, I) -> p (P, d)."""
        count = ops.maximum(ops.sum(kept, axis=1, keepdims=True), 1.0)  # (P, 1)
        pooled = ops.matmul(kept, self.history()) / count  # (P, d)
        e = rows_of(self.e_user, user)  # (P, d)
        p = e + pooled
        if training and self.dropout:
            p = keras.random.dropout(p, self.dropout, seed=self.random)
        return unit(p)

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Inputs of ``HeldBack`` -> logits (P, n) of its users and items, corrected by log-Q."""
        rows = inputs["rows"]
        own = ops.take(self.known, rows, axis=0)  # (n, 1)
        if training and self.identity_dropout:
            stay = keras.random.uniform(ops.shape(own), seed=self.random) >= self.identity_dropout
            own = own * ops.cast(stay, "float32")
        q = self.item(rows, own)  # (n, d)
        p = self.user_vectors(inputs["user"], inputs["kept"], training)  # (P, d)
        logits = ops.matmul(p, ops.transpose(q)) / self.temperature + rows_of(self.b, rows)  # (P, n)
        return logits - ops.take(self.log_draw, rows)

    def batch_loss(self, targets: dict[str, Any], outputs: Any) -> Any:
        """Softmax cross-entropy of the held-out likes among the items of the batch, and the penalty."""
        asker, place = targets["asker"], targets["place"]  # (m,), (m,)
        reached = ops.take(ops.reshape(outputs, (-1,)), asker * ops.shape(outputs)[1] + place)  # (m,)
        loss = ops.mean(ops.take(ops.logsumexp(outputs, axis=1), asker) - reached)
        penalty = [ops.mean(ops.sum(ops.square(w), axis=1)) for w in (self.e_user, self.e_item, self.h, self.w, self.v)]
        return loss + self.l2 * ops.sum(ops.stack(penalty))


class HeldBack(keras.utils.PyDataset):
    """Some users at a time, each with a part of the likes kept and the others asked for, drawn again each epoch.

    The inputs of a batch of P users: user (P,); kept (P, I) float32, 1 for each like that the tower sees; rows (n,),
    the items of the held-out likes. The targets: asker and place (m,), for each held-out like its user among the P
    and its item among the n. (Keras takes the width of a first batch for that of all, so nothing is n wide.)

    Args:
        liked: (U, I) sparse.
        batch_size: P.
        rng: source of all random numbers.
    """

    def __init__(self, liked: csr_matrix, *, batch_size: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.liked, self.batch_size, self.rng = liked, batch_size, rng
        several = np.flatnonzero(np.diff(liked.indptr) > 1)
        self.users = several if len(several) else np.flatnonzero(np.diff(liked.indptr))
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffle the users."""
        self.order = self.rng.permutation(self.users).astype(np.int32)

    def __len__(self) -> int:
        return -(-len(self.users) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        user = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        liked = self.liked[user]
        row, item = liked.nonzero()
        kept = liked.toarray()  # (P, I)
        asked = self.rng.random(len(row)) >= self.rng.uniform(*KEPT, len(user))[row]
        asked[self.rng.integers(len(row))] = True  # never a batch without a question
        kept[row[asked], item[asked]] = 0
        rows, place = np.unique(item[asked], return_inverse=True)
        targets = {"asker": row[asked].astype(np.int32), "place": place.astype(np.int32)}
        return {"user": user, "kept": kept, "rows": rows.astype(np.int32)}, targets


def log_draw_of(liked: csr_matrix, batch_size: int) -> np.ndarray:
    """(I,): log(1 - (1 - r)^c), an item of c likes, each of which a batch asks for with probability r."""
    n_users = max(1, int(np.count_nonzero(np.diff(liked.indptr))))
    probability = min(1.0, batch_size / n_users) * (1 - sum(KEPT) / 2)
    count = np.maximum(np.asarray(liked.sum(axis=0)).ravel(), 1)  # (I,)
    return np.log(-np.expm1(count * np.log1p(-probability)))


class TwoTowers(ContentDotProduct, FoldsInUsers):
    """Score of the two towers; see ``Towers``.

    The negatives of a like are all other items that the batch asks about, as usual with in-batch negatives: they may
    include items that the user rated or likes. Popular items are in more batches, hence punished more often;
    subtracting the logarithm of that probability from the logits undoes it.

    A user without a training like is the average user; an item without a training row is told by its features alone.
    """

    name = "two-towers"
    needs_likes = True
    learned = ("projection", "content_bias", "history")

    batch_size, learning_rate = 128, 5e-3
    temperature: float = setting(0.2, "what cosines are divided by", above=0, search=(0.3,), open_ended=True)
    dropout: float = setting(
        0.3, "share of the users' vectors that is dropped in training", low=0, below=1, search=(0.5,)
    )
    identity_dropout: float = setting(0.1, "share of the items' own vectors that is left out", low=0, high=1)
    l2: float = setting(1e-4, "weight of the squared vectors", low=0)
    epochs: int = setting(30, "passes over the users; a batch has more of them where there are many", low=1)

    def _fit(self, train: Interactions, features: Features | None) -> None:
        z = self._reduce(features, train)  # (I, F)
        set_seed(self.seed)
        liked = train.likes().matrix().tocsr()  # (U, I)
        known = train.known_items()  # (I,)
        batch_size = max(self.batch_size, -(-train.n_users // MOST_STEPS))
        named = ("embedding_size", "temperature", "dropout", "identity_dropout", "l2", "seed")
        network = Towers(
            train.n_users,
            z,
            known,
            log_draw_of(liked, batch_size),
            **{name: self.settings[name] for name in named},
        )
        batches = HeldBack(liked, batch_size=batch_size, rng=np.random.default_rng(self.seed))
        network.train_with_adam(batches, epochs=self.epochs, learning_rate=self.learning_rate)
        self._keep(network, liked, train)

    def _keep(self, network: Towers, liked: csr_matrix, train: Interactions) -> None:
        """Read off users, items and biases."""
        users, items = liked.shape
        at = np.arange(users, dtype=np.int32)
        parts = [
            network.user_vectors(part, liked[part].toarray()) for part in np.array_split(at, -(-users // USERS_AT_ONCE))
        ]
        self.items = ops.convert_to_numpy(network.item(np.arange(items, dtype=np.int32), network.known))  # (I, d)
        user_vectors = np.concatenate([ops.convert_to_numpy(part) for part in parts]) / self.temperature  # (U, d)
        self.new_bias = self._settle(user_vectors.astype(np.float32), ops.convert_to_numpy(network.b), train)
        self.projection = ops.convert_to_numpy(network.w)
        self.history = ops.convert_to_numpy(network.history())  # (I, d)
        self.content_bias = np.zeros(len(self.projection), np.float32)

    def fold_in(self, liked: csr_matrix) -> np.ndarray:
        """(B, I) float32: scores for users who were not in training, from what they like, (B, I) sparse.

        Such a user has no vector of their own, e = 0.
        """
        p = ops.convert_to_numpy(unit(liked @ self.history)) / self.temperature  # (B, d)
        return (p @ self.items.T + self.bias).astype(np.float32)

    def _new_items(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        q, b = super()._new_items(z)
        return ops.convert_to_numpy(unit(q)), b
