"""What a scorer is trained on: likes, dislikes, and sampled unrated items, redrawn each epoch."""

import keras
import numpy as np

from mmrec.data.catalogue import LIKE_THRESHOLD, Interactions


class UnratedItems:
    """For each user the known items without a training row of that user; known items have a row of some user.

    Where a user has rated all known items, none is left, and all of them count as unrated.

    Args:
        train: training rows.
    """

    def __init__(self, train: Interactions) -> None:
        self.known = np.flatnonzero(train.known_items())  # (K,)
        rated = train.matrix()[:, self.known].tocsr()  # (U, K)
        rated.sort_indices()
        full = np.diff(rated.indptr) == len(self.known)  # (U,)
        rated = rated.multiply(~full[:, None]).tocsr()
        rated.eliminate_zeros()
        self.start, user = rated.indptr[:-1], np.repeat(np.arange(train.users), np.diff(rated.indptr))
        self.count = len(self.known) - np.diff(rated.indptr)  # (U,) unrated items of each user
        # how many unrated items stand before each rated one: rising within a user, and kept apart between users
        before = rated.indices - (np.arange(len(user)) - self.start[user])
        self.keys = user * (len(self.known) + 1) + before

    def draw(self, user: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
        """(B,) users -> (B, number) items, each drawn uniformly and independently from the user's unrated items.

        The r-th unrated item stands r places plus the number of rated items before it along ``known``, so that no
        draw has to be rejected and repeated.
        """
        rank = rng.integers(0, self.count[user][:, None], (len(user), number))
        passed = np.searchsorted(self.keys, user[:, None] * (len(self.known) + 1) + rank, side="right")
        return self.known[rank + passed - self.start[user][:, None]]


class TrainingBatches(keras.utils.PyDataset):
    """Batches of users and the items that each is asked about: inputs, labels and weights.

    A user appears once for each like, and is asked about the liked item (label 1) and about ``negatives``
    sampled items (label 0). They are drawn uniformly, with replacement, from the user's unrated items
    (``UnratedItems``). A user also appears once for each dislike, a rating below the like threshold, and is
    asked about that item alone (label 0, with its own weight).

    The inputs of a batch are, for P appearances and B questions:
        user (P,): index of the user.
        liked (P, I) float32: 1 for each training like of the user. The like that is asked about is 0: its
            content in the profile would give the answer away.
        row (B,): which appearance a question belongs to.
        item (B,): the item asked about.

    Args:
        train: training rows.
        batch_size: questions per batch, approximately and at least. Likes and dislikes are spread evenly over
            the batches of an epoch, each of them once.
        negatives: sampled items per like.
        dislike_weight: weight of a dislike; likes and sampled items weigh 1.
        rng: random generator of the order and of the sampled items.
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
        self.unrated = UnratedItems(train)
        self.negatives, self.dislike_weight, self.rng = negatives, dislike_weight, rng
        questions = len(self.likes) * (1 + negatives) + len(self.dislikes)
        self.steps = max(1, questions // batch_size)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffle, and sample unrated items."""
        self.liked_rows = self.rng.permutation(len(self.likes))
        self.disliked_rows = self.rng.permutation(len(self.dislikes))
        self.drawn = self.unrated.draw(self.likes.user, self.negatives, self.rng)  # (likes, negatives)

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
