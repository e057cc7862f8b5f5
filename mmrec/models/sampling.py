"""What a scorer is trained on: likes, dislikes, and unseen items drawn anew each epoch."""

import keras
import numpy as np

from mmrec.data.catalogue import LIKE_THRESHOLD, Interactions


class TrainingBatches(keras.utils.PyDataset):
    """Batches of people and the items that each is asked about: inputs, labels and weights.

    A person appears once for each like, and is asked about the liked item (label 1) and about ``negatives``
    items (label 0) drawn uniformly from all that have a training row; and once for each dislike, a rating
    below the like threshold, asked about that item alone (label 0, with its own weight). A drawn item that
    the person happens to like is kept, as is usual.

    The inputs of a batch are, for P appearances and B questions:
        user (P,): index of the person.
        liked (P, I) float32: 1 for what the person liked in training, but for the very item asked about,
            which would give the answer away.
        row (B,): which appearance a question belongs to.
        item (B,): the item asked about.

    Args:
        train: training rows.
        batch_size: questions a batch, at least and about: likes and dislikes are dealt out evenly over the
            batches of an epoch, each of them once.
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
        disliked = np.zeros(len(train), bool) if train.is_implicit() else train.rating < LIKE_THRESHOLD
        self.dislikes = train.take(disliked)
        self.history = self.likes.matrix()  # (U, I)
        self.known = np.unique(train.item)
        self.negatives, self.dislike_weight, self.rng = negatives, dislike_weight, rng
        questions = len(self.likes) * (1 + negatives) + len(self.dislikes)
        self.steps = max(1, questions // batch_size)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffle, and draw unseen items."""
        self.liked_rows = self.rng.permutation(len(self.likes))
        self.disliked_rows = self.rng.permutation(len(self.dislikes))
        drawn = self.rng.integers(0, len(self.known), (len(self.likes), self.negatives))
        self.drawn = self.known[drawn]  # (likes, negatives)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        like, dislike = self._part(self.liked_rows, index), self._part(self.disliked_rows, index)
        user = np.concatenate([self.likes.user[like], self.dislikes.user[dislike]])  # (P,)
        own = self.likes.item[like]
        liked = self.history[user].toarray()  # (P, I)
        liked[np.arange(len(own)), own] = 0
        asked = np.column_stack([own, self.drawn[like]])  # (likes, 1 + negatives)
        item = np.concatenate([asked.ravel(), self.dislikes.item[dislike]])  # (B,)
        row = np.concatenate([np.repeat(np.arange(len(like)), asked.shape[1]), np.arange(len(like), len(user))])
        label, weight = np.zeros(len(item), np.float32), np.ones(len(item), np.float32)
        label[: asked.size : asked.shape[1]] = 1
        weight[asked.size :] = self.dislike_weight
        return {"user": user, "liked": liked, "row": row, "item": item}, label, weight

    def _part(self, rows: np.ndarray, index: int) -> np.ndarray:
        return rows[len(rows) * index // self.steps : len(rows) * (index + 1) // self.steps]
