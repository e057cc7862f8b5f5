"""The rows that a scorer is trained on: likes, dislikes, and unseen items drawn anew each epoch."""

import keras
import numpy as np

from mmrec.data.catalogue import Interactions


class TrainingRows(keras.utils.PyDataset):
    """Batches of (user, item, own), label and weight.

    Each like is a row with label 1 and comes with ``negatives`` rows of label 0 whose items are drawn
    uniformly from all items that have a training row; each rating below the like threshold is a row of
    label 0 with its own weight. ``own`` is 1 where the item's text is part of the user's profile, so
    that the network can take it out. A drawn item that the user happens to like is kept, as is usual.

    Args:
        train: training rows.
        batch_size: rows a batch; the last, smaller one of an epoch is left out (rows are shuffled anew).
        negatives: drawn items for each like.
        dislike_weight: weight of a dislike; likes and drawn items weigh 1.
        rng: source of all chance.
    """

    def __init__(
        self,
        train: Interactions,
        *,
        batch_size: int,
        negatives: int,
        dislike_weight: float,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        self.likes = train.likes()
        liked = np.zeros(len(train), bool) if train.is_implicit() else train.rating < self.likes.rating.min(initial=6)
        self.dislikes = train.take(liked)
        self.known = np.unique(train.item)
        self.negatives, self.dislike_weight, self.rng = negatives, dislike_weight, rng
        self.rows = len(self.likes) * (1 + negatives) + len(self.dislikes)
        self.batch_size = min(batch_size, self.rows)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Draw unseen items and shuffle."""
        likes, dislikes, drawn = self.likes, self.dislikes, len(self.likes) * self.negatives
        order = self.rng.permutation(self.rows)
        self.user = np.concatenate([likes.user, np.repeat(likes.user, self.negatives), dislikes.user])[order]
        negative = self.known[self.rng.integers(0, len(self.known), drawn)]
        self.item = np.concatenate([likes.item, negative, dislikes.item])[order]
        self.label = np.repeat(np.array([1, 0, 0], np.float32), [len(likes), drawn, len(dislikes)])[order]
        self.weight = np.repeat(np.array([1, 1, self.dislike_weight], np.float32), [len(likes), drawn, len(dislikes)])[
            order
        ]

    def __len__(self) -> int:
        return self.rows // self.batch_size

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        at = slice(index * self.batch_size, (index + 1) * self.batch_size)
        inputs = {"user": self.user[at], "item": self.item[at], "own": self.label[at]}
        return inputs, self.label[at], self.weight[at]
