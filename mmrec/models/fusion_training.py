"""How the fusion models are trained: what is asked in a batch, and the loss of the answers."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from mmrec.models.user_item_network import TasteNetwork


class TasteTrainer(keras.Model):
    """The network over tables that do not change in training, with its loss; see ``TasteBatches``.

    Two questions are learned at once. Liking: for each held-back rating, whether it reaches each level. Choosing:
    whether an item is a held-back like or one that the person has not rated.

    Args:
        network: what is trained.
        tables: modality -> (I, d_m).
        present: (I, m).
        known: (I,) items with a training row.
        levels: (L,) ratings above the lowest, in rising order.
        liking: weight of the first question; 0 for implicit feedback.
        unrated_weight: of an unrated item beside a held-back like.
        auxiliary_weight: weight of the same losses of each modality's own output ("mimo").
        modality_dropout: share of the items' modalities left out in each step.
        identity_dropout: share of the items' own vectors left out in each step.
        seed: of what is left out.
    """

    def __init__(
        self,
        network: TasteNetwork,
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

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """What ``TasteBatches`` gives -> the loss."""
        present, known = inputs.get("present", self.present), self.known  # a batch may bring tables of its own
        tables = {**self.constants, **inputs.get("tables", {})}
        if training:
            shape = ops.shape(present)
            stay = keras.random.uniform(shape, seed=self.chance) >= self.modality_dropout  # (I, m)
            last = keras.random.uniform(shape, seed=self.chance) * present  # the modality that stays whatever happens
            last = last >= ops.max(last, axis=1, keepdims=True)  # (I, m)
            present = present * ops.cast(ops.logical_or(stay, last), "float32")  # (I, m)
            own = keras.random.uniform(ops.shape(known), seed=self.chance) >= self.identity_dropout  # (I, 1)
            known = known * ops.cast(own, "float32")  # (I, 1)
        z, q, b, auxiliary = self.network.items(tables, present, self.place, known)
        p = self.network.people(inputs["rated"], inputs["met"], z, training=training)  # (2, P, T d)

        every = q[None] if auxiliary is None else ops.concatenate([q[None], auxiliary], axis=0)  # (1 + m, I, d)
        logits = ops.einsum("hpd,aid->ahpi", p, every) + ops.transpose(b)[:, None, :]  # (1 + m, 2, P, I)
        whole, *parts = ops.unstack(logits, len(self.network.sizes) + 1 if auxiliary is not None else 1)
        loss = self._loss(whole, inputs, ops.ones_like(self.known[:, 0]))
        if auxiliary is None:
            return loss
        # an output speaks of the items that have its modality
        losses = [self._loss(part, inputs, present[:, at]) for at, part in enumerate(parts)]
        return loss + self.auxiliary_weight * ops.mean(ops.stack(losses))

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """What ``call`` gave, and the penalties."""
        return y_pred + ops.sum(ops.stack(self.losses)) if self.losses else y_pred

    def _loss(self, logits: Any, inputs: dict[str, Any], here: Any) -> Any:
        """(2, P, I) logits -> binary cross-entropy of both questions, of items that count as ``here`` (I,) says."""
        liked, unrated = inputs["liked"], inputs["unrated"]  # (P, I), (P, I)
        liking, choosing = ops.unstack(logits, 2)  # (P, I), (P, I); the gradient of logits[0] would be filled up with 0
        chosen = _mean(_cross_entropy(liked, choosing), (liked + self.unrated_weight * unrated) * here)
        if not self.liking:
            return chosen
        row, item = inputs["row"], inputs["item"]  # (B,), (B,)
        asked = ops.take(ops.reshape(liking, (-1,)), row * ops.shape(here)[0] + item)  # (B,)
        reached = ops.cast(inputs["stars"] >= self.levels[:, None], "float32")  # (L, B)
        level = _cross_entropy(reached, asked + self.network.cuts[:, None])  # (L, B)
        return self.liking * _mean(ops.sum(level, axis=0), ops.take(here, item)) + chosen


class TasteBatches(keras.utils.PyDataset):
    """Some people at a time, with some of their ratings held back, anew each epoch.

    Each person keeps a share of the ratings, itself drawn from .3 to .95, and is asked about the others and about
    what is unrated. The inputs of a batch, for P people and B held-back ratings:
        rated, met (P, I) float32: the kept ratings about 0, and 1 where there is one.
        row, item (B,): whom and about what a held-back rating is.
        stars (B,) float32: that rating.
        liked (P, I) float32: 1 for the held-back likes.
        unrated (P, I) float32: 1 for the items that somebody rated and this person did not.

    Args:
        stars, rated: (U, I) sparse, ratings as given and about 0.
        like: the rating from which on a rating is a like.
        batch_size: people a batch.
        rng: source of all chance.
    """

    def __init__(self, stars: Any, rated: Any, *, like: float, batch_size: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.stars, self.rated, self.like = stars, rated, like
        self.batch_size, self.rng = batch_size, rng
        self.people = np.flatnonzero(np.diff(stars.indptr) > 1)
        # an item that nobody rated may be new: that it was not chosen says nothing
        self.known = np.bincount(stars.indices, minlength=stars.shape[1]) > 0  # (I,)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffle the people."""
        self.order = self.rng.permutation(self.people)

    def __len__(self) -> int:
        return max(1, -(-len(self.people) // self.batch_size))

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray]]:
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
        questions = {"row": row, "item": item, "stars": given, "liked": liked, "unrated": unrated}
        return ({**questions, "rated": rated, "met": met},)


def _cross_entropy(label: Any, logit: Any) -> Any:
    """-log of the chance that sigma(logit) gives the label, element by element."""
    return ops.maximum(logit, 0) - logit * label + ops.log1p(ops.exp(-ops.abs(logit)))


def _mean(values: Any, weights: Any) -> Any:
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)
