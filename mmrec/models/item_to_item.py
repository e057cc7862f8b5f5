"""What the linear item-to-item models share: scores X B, and the inverse of a symmetric matrix."""

from abc import abstractmethod
from copy import copy
from typing import Self

import numpy as np
from scipy import linalg
from scipy.sparse import csr_matrix

from mmrec.data.catalogue import LIKE_THRESHOLD, Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models.abilities import FoldsInUsers, UpdatesProfiles
from mmrec.models.base import Recommender
from mmrec.models.settings import setting

RECENCY = setting(
    20.0,
    "when X is scored, a row counts half that has this many later ones of its user; 0 counts all alike, as do data"
    " without time. What is learned from counts all alike in any case",
    low=0,
    search=(0.0, 60.0),
)
DISLIKE = "what an item weighs that was rated below a like; it was chosen, after all. 0 leaves it out"

_LARGEST_DOUBLE = 20_000  # items: LAPACK's Cholesky factors in float64 end the process at 23,033, float32 ones do not


class ItemToItem(Recommender, FoldsInUsers, UpdatesProfiles):
    """Scores X B: X (U, I) holds what users liked in training, B (I, I) what a like says about another item.

    Subclasses may declare ``recency`` and ``dislike`` as settings, which say what stands in X besides ones for likes.
    """

    recency = 0.0
    dislike = 0.0

    def _fit(self, train: Interactions, features: Features | None) -> None:
        self._read(train)
        # by rows: LAPACK leaves it by columns, and SciPy would then copy all of it for each block of users
        self.weights = self._item_weights(train, features).astype(np.float32, order="C")  # (I, I)

    def _read(self, ratings: Interactions) -> None:
        """X (U, I), as it is learned from and as it is scored."""
        rows = ratings if self.dislike and not ratings.is_implicit() else ratings.likes()
        liked = np.ones(len(rows), bool) if ratings.is_implicit() else rows.rating >= LIKE_THRESHOLD
        weight = np.where(liked, 1.0, self.dislike)  # (N,)
        shape, at = (ratings.n_users, ratings.n_items), (rows.user, rows.item)
        self.chosen = csr_matrix((weight, at), shape)  # (U, I)
        fading = 2.0 ** (-later_rows(rows) / self.recency) if self.recency and ratings.has_time() else 1.0
        self.profiles = csr_matrix(((weight * fading).astype(np.float32), at), shape)  # (U, I)

    def update_profiles(self, ratings: Interactions, features: Features | None = None) -> Self:
        """The same fitted model with user profiles from other ratings, such as newer ones; B does not change.

        Items that a user has rated in them are not listed.
        """
        other = copy(self)
        other._train, other._seen = ratings, ratings.matrix()
        other._read(ratings)
        return other

    @abstractmethod
    def _item_weights(self, train: Interactions, features: Features | None) -> np.ndarray:
        """B (I, I): entry (i, j) is what a like of i adds to the score of j. ``self.chosen`` is X."""

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I): rows of X B."""
        return self.fold_in(self.profiles[users])

    def fold_in(self, liked: csr_matrix) -> np.ndarray:
        """Scores for users who were not there in training."""
        return np.asarray(liked @ self.weights, np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """B and X."""
        cells = self.profiles.tocoo()
        places = {"user": cells.row, "item": cells.col, "value": cells.data, "shape": np.array(cells.shape)}
        return {"weights": self.weights, **places}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take B and X back."""
        self.weights = state["weights"]
        self.profiles = csr_matrix((state["value"], (state["user"], state["item"])), tuple(state["shape"]))


def later_rows(rows: Interactions) -> np.ndarray:
    """(N,) how many later rows the same user has; rows of one instant keep their order."""
    order = np.lexsort((rows.timestamp, rows.user))
    ends = np.cumsum(np.bincount(rows.user, minlength=rows.n_users))  # (U,)
    later = np.empty(len(rows), np.int64)
    later[order] = ends[rows.user[order]] - 1 - np.arange(len(rows))
    return later


def gram_matrix(chosen: csr_matrix) -> np.ndarray:
    """X'X of a sparse X: (U, I) -> (I, I) float64."""
    return np.asarray((chosen.T @ chosen).todense(), np.float64)


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse of a symmetric positive definite matrix by Cholesky's factors, at half the cost of a general inverse.

    Args:
        matrix: (I, I) float64; overwritten.

    Returns:
        (I, I) float64; float32 above ``_LARGEST_DOUBLE`` items.

    Raises:
        InputError: the matrix is not positive definite.
    """
    if len(matrix) > _LARGEST_DOUBLE:
        matrix = matrix.astype(np.float32)
    try:  # the transposed view of a symmetric matrix is the matrix by columns, as LAPACK wants it: nothing is copied
        return linalg.inv(matrix.T, assume_a="pos", overwrite_a=True, check_finite=False)
    except linalg.LinAlgError as error:
        raise InputError("the matrix of the linear model cannot be inverted: raise l2") from error
