"""Fusion with the reviews of other users in the text block of an item.

Chapter: ``notebooks/13-case.ipynb``. Source: section 4.3 of the document, step 1, which makes the text features of
reviews; formula (1) pools them.
"""

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.preprocessing import normalize

from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models.fusion import FusionRecommender, principal_axes
from mmrec.models.fusion_training import FusionBatches


class ReviewPool:
    """The mean of an item's reviews, formula (1) with uniform weights, which can leave users out.

    Args:
        vectors: (N, d), one row per review.
        user, item: (N,) indices: who wrote it, and about which item.
        users, items: how many there are.
    """

    def __init__(self, vectors: np.ndarray, user: np.ndarray, item: np.ndarray, users: int, items: int) -> None:
        self.vectors, self.item = vectors, item
        self.by_user = csr_matrix((np.ones(len(user)), (user, np.arange(len(user)))), (users, len(user)))
        self.total, self.count = self._sums(np.arange(len(user)), items)  # (I, d), (I,)

    def _sums(self, rows: np.ndarray, items: int) -> tuple[np.ndarray, np.ndarray]:
        at = csr_matrix((np.ones(len(rows)), (self.item[rows], np.arange(len(rows)))), (items, len(rows)))
        return at @ self.vectors[rows], np.bincount(self.item[rows], minlength=items)

    def without(self, users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means (I, d) of the reviews that all other users wrote, zeros where there is none; and (I,) bool, where.

        Args:
            users: (B,) indices of the users to leave out; none for all reviews.
        """
        total, count = self._sums(self.by_user[users].indices, len(self.total))
        left = self.count - count  # (I,)
        mean = (self.total - total) / np.maximum(left, 1)[:, None]  # (I, d)
        return (mean * (left > 0)[:, None]).astype(np.float32), left > 0


class ReviewBatches(FusionBatches):
    """``FusionBatches`` with the text block of the batch: without the reviews that the batch's own users wrote.

    Further inputs of a batch:
        tables: {"text": (I, d) float32}, the texts' block, then the mean of the other users' reviews.
        present (I, m) float32: an item without a text has the modality where another user reviewed it.

    Args:
        stars, rated, **options: of ``FusionBatches``.
        block: function of the users to leave out that gives text and present.
    """

    def __init__(self, stars: Any, rated: Any, *, block: Any, **options: Any) -> None:
        self.block = block
        super().__init__(stars, rated, **options)

    def __getitem__(self, index: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        users = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        text, present = self.block(users)
        inputs, targets = super().__getitem__(index)
        return {**inputs, "tables": {"text": text}, "present": present}, targets


class ReviewFusion(FusionRecommender):
    """``FusionRecommender`` whose text block also holds the reviews that other users wrote about the item.

    No rating is ever predicted from its own review. Test rows have no part in the block, and while the model trains
    on a batch of users, the reviews of these users are left out of it (``own_reviews`` keeps them: a leak, to be
    measured only).

    Args:
        review_components: principal components of the pooled reviews that are appended to the text block.
        own_reviews: train with the reviews of the very ratings that are predicted.
        **settings: of ``FusionRecommender``.
    """

    name = "fusion-reviews"

    def __init__(self, review_components: int = 20, own_reviews: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self.settings |= {"review_components": review_components, "own_reviews": own_reviews}

    def _fit(self, train: Interactions, features: Features | None) -> None:
        if features is None or features.reviews is None or "text" not in features.blocks:
            raise InputError(f"{self.name} needs texts and reviews in one space: take a catalogue that has both")
        counts = features.reviews[train.row]  # (N, V), of the training rows alone
        written = np.flatnonzero(np.diff(counts.indptr))
        if not len(written):
            raise InputError(f"{self.name} needs reviews, and the training rows hold none")
        counts, user, item = counts[written], train.user[written], train.item[written]
        rows = counts.astype(np.float32)
        if not (rows.data < 0).any():  # word counts are weighted as those of texts are; word vectors stay as they are
            with_word = np.bincount(rows.indices, minlength=rows.shape[1])  # (V,)
            rows = normalize(rows.log1p() @ diags(np.log((1 + len(user)) / (1 + with_word)) + 1))
        at = csr_matrix((np.ones(len(item)), (item, np.arange(len(item)))), (train.items, len(item)))
        has = np.bincount(item, minlength=train.items)  # (I,)
        means = (at @ rows).toarray()[has > 0] / has[has > 0, None]  # (n, V)
        axes = principal_axes(means, self.settings["review_components"], True)  # (V + 1, k)
        vectors = np.asarray(rows @ axes[:-1]) - axes[-1]  # (N, k)
        self.reviews = ReviewPool(vectors, user, item, train.users, train.items)
        self.pooled, self.reviewed = self.reviews.without(np.zeros(0, np.int64))  # (I, k), (I,)
        super()._fit(train, features)

    def _sizes(self) -> dict[str, int]:
        sizes = super()._sizes()
        return {**sizes, "text": sizes["text"] + self.pooled.shape[1]}

    def _inputs(self, features: Features) -> tuple[dict[str, np.ndarray], np.ndarray]:
        tables, present = self._content(features)
        if "text" not in features.blocks or len(present) != len(self.pooled):  # text is left out, or items are new
            nothing = np.zeros((len(present), self.pooled.shape[1]), np.float32)
            return self._joined(tables, present, nothing, np.zeros(len(present), bool))
        return self._joined(tables, present, self.pooled, self.reviewed)

    def _joined(
        self, tables: dict[str, np.ndarray], present: np.ndarray, pooled: np.ndarray, reviewed: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The tables with pooled reviews (I, k) at the end of the text block, and what is present then (I, m)."""
        column, present = list(tables).index("text"), present.copy()
        present[:, column] = np.maximum(present[:, column], reviewed)
        return {**tables, "text": np.hstack([tables["text"], pooled])}, present

    def _batches(self, train: Interactions, features: Features, **options: Any) -> FusionBatches:
        tables, present = self._content(features)

        def block(users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            left_out = users[:0] if self.settings["own_reviews"] else users
            inputs, now = self._joined(tables, present, *self.reviews.without(left_out))
            return inputs["text"], now

        return ReviewBatches(*self._ratings(train), block=block, **options)

    def state(self) -> dict[str, np.ndarray]:
        """Also the pooled reviews."""
        return {**super().state(), "pooled": self.pooled, "reviewed": self.reviewed}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Also the pooled reviews."""
        self.pooled, self.reviewed = state["pooled"], state["reviewed"]
        super().restore(state)
