"""Training of the fusion models: batches of held-out ratings, and the loss."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from mmrec.models.learning import BatchLossModel
from mmrec.models.user_item_network import UserItemNetwork


class FusionTrainer(BatchLossModel):
    """The network over the features of all items, constant in training, with its loss; see ``FusionBatches``.

    Two tasks are trained at once. Liking: for each held-out rating, whether it reaches each level. Choosing: whether
    an item is a held-out like or an item that the user has not rated.

    Args:
        network: the network to train.
        tables: modality -> (I, d_m).
        present: (I, m).
        known: (I,) items with a training row.
        levels: (L,) ratings above the lowest, in rising order.
        liking: weight of the first task; 0 for implicit feedback.
        unrated_weight: weight of an unrated item; a held-out like weighs 1.
        auxiliary_weight: weight of the same losses of each modality's auxiliary output ("mimo").
        modality_dropout: share of the items' modalities masked in each step.
        identity_dropout: share of the items' embeddings masked in each step.
        seed: of the masks.
    """

    def __init__(
        self,
        network: UserItemNetwork,
        tables: Mapping[str, np.ndarray],
        present: np.ndarray,
        known: np.ndarray,
        levels: np.ndarray,
        *,
        liking: float,
        unrated_weight: float,
        auxiliary_weight: float,
        modality_dropout: float,
        identity_dropout: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.network, self.levels, self.liking = network, levels, liking
        self.unrated_weight, self.auxiliary_weight = unrated_weight, auxiliary_weight
        self.constants = {name: ops.convert_to_tensor(table) for name, table in tables.items()}  # each (I, d_m)
        self.present = ops.convert_to_tensor(present, "float32")  # (I, m)
        self.known = ops.convert_to_tensor(known[:, None], "float32")  # (I, 1)
        self.place = np.arange(len(known), dtype=np.int32)
        self.modality_dropout, self.identity_dropout = modality_dropout, identity_dropout
        self.chance = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Inputs of ``FusionBatches`` -> logits (1 + m, 2, P, I) and present (I, m) of this step.

        The first logits are of the fused items, the others of the auxiliary outputs ("mimo").
        """
        present, known = inputs.get("present", self.present), self.known  # a batch may bring tables of its own
        tables = {**self.constants, **inputs.get("tables", {})}
        if training:
            shape = ops.shape(present)
            stay = keras.random.uniform(shape, seed=self.chance) >= self.modality_dropout  # (I, m)
            last = keras.random.uniform(shape, seed=self.chance) * present  # the one modality that always stays
            last = last >= ops.max(last, axis=1, keepdims=True)  # (I, m)
            present = present * ops.cast(ops.logical_or(stay, last), "float32")  # (I, m)
            own = keras.random.uniform(ops.shape(known), seed=self.chance) >= self.identity_dropout  # (I, 1)
            known = known * ops.cast(own, "float32")  # (I, 1)
        z, q, b, auxiliary = self.network.items(tables, present, self.place, known)
        p = self.network.users(inputs["rated"], inputs["met"], z, training=training)  # (2, P, T d)
        every = q[None] if auxiliary is None else ops.concatenate([q[None], auxiliary], axis=0)  # (1 + m, I, d)
        logits = ops.einsum("hpd,aid->ahpi", p, every) + ops.transpose(b)[:, None, :]  # (1 + m, 2, P, I)
        return {"logits": logits, "present": present}

    def batch_loss(self, targets: dict[str, Any], outputs: dict[str, Any]) -> Any:
        """The loss of the fused items, the mean loss of the auxiliary outputs, and the penalties."""
        fused, *auxiliary = ops.unstack(outputs["logits"], outputs["logits"].shape[0])  # each (2, P, I)
        loss = self._both_tasks(fused, targets, ops.ones_like(self.known[:, 0]))
        if auxiliary:  # an auxiliary output is trained on the items that have its modality
            losses = [
                self._both_tasks(logits, targets, outputs["present"][:, column])
                for column, logits in enumerate(auxiliary)
            ]
            loss = loss + self.auxiliary_weight * ops.mean(ops.stack(losses))
        return loss + ops.sum(ops.stack(self.losses)) if self.losses else loss

    def _both_tasks(self, logits: Any, targets: dict[str, Any], item_weight: Any) -> Any:
        """(2, P, I) logits -> binary cross-entropy of both tasks, with a weight for each item (I,)."""
        liked, unrated = targets["liked"], targets["unrated"]  # (P, I), (P, I)
        liking, choosing = ops.unstack(logits, 2)  # (P, I), (P, I); the gradient of logits[0] would be padded with 0
        chosen = _mean(_cross_entropy(liked, choosing), (liked + self.unrated_weight * unrated) * item_weight)
        if not self.liking:
            return chosen
        row, item = targets["row"], targets["item"]  # (B,), (B,)
        asked = ops.take(ops.reshape(liking, (-1,)), row * ops.shape(item_weight)[0] + item)  # (B,)
        reached = ops.cast(targets["stars"] >= self.levels[:, None], "float32")  # (L, B)
        level = _cross_entropy(reached, asked + self.network.thresholds[:, None])  # (L, B)
        return self.liking * _mean(ops.sum(level, axis=0), ops.take(item_weight, item)) + chosen


class FusionBatches(keras.utils.PyDataset):
    """Batches of users with some of their ratings held out, drawn again each epoch.

    Each user keeps a share of the ratings, itself drawn from .3 to .95. The model predicts the held-out ratings, and
    which items are unrated. A batch of P users with B held-out ratings has the inputs
        rated, met (P, I) float32: the kept ratings about 0, and 1 where there is one
    and the targets
        row, item (B,): user and item of each held-out rating,
        stars (B,) float32: that rating,
        liked (P, I) float32: 1 for the held-out likes,
        unrated (P, I) float32: 1 for the known items that this user has not rated.

    Args:
        stars, rated: (U, I) sparse, ratings as given and about 0.
        like: the least rating that is a like.
        batch_size: users per batch.
        rng: random generator of order and held-out ratings.
    """

    def __init__(self, stars: Any, rated: Any, *, like: float, batch_size: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.stars, self.rated, self.like = stars, rated, like
        self.batch_size, self.rng = batch_size, rng
        self.several = np.flatnonzero(np.diff(stars.indptr) > 1)  # users with several ratings
        # an item without any rating may be new: that it was not chosen says nothing
        self.known = np.bincount(stars.indices, minlength=stars.shape[1]) > 0  # (I,)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffle the users."""
        self.order = self.rng.permutation(self.several)

    def __len__(self) -> int:
        return max(1, -(-len(self.several) // self.batch_size))

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        users = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        stars, rated = self.stars[users], self.rated[users].toarray()  # (P, I)
        row, item = stars.nonzero()
        share = self.rng.uniform(0.3, 0.95, len(users))
        asked = self.rng.random(len(row)) >= share[row]
        met = (stars > 0).astype(np.float32).toarray()  # (P, I)
        unrated = ((met == 0) & self.known).astype(np.float32)  # (P, I)
        row, item, given = row[asked], item[asked], stars.data[asked]
        liked = np.zeros_like(met)
        liked[row, item] = given >= self.like
        met[row, item] = rated[row, item] = 0
        targets = {"row": row, "item": item, "stars": given, "liked": liked, "unrated": unrated}
        return {"rated": rated, "met": met}, targets


def _cross_entropy(label: Any, logit: Any) -> Any:
    """-log of the probability that sigma(logit) gives to the label, element by element."""
    return ops.maximum(logit, 0) - logit * label + ops.log1p(ops.exp(-ops.abs(logit)))


def _mean(values: Any, weights: Any) -> Any:
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)
