"""What a model may do beyond the contract: it says so by inheriting from one of these, next to ``Recommender``."""

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features


class FoldsInUsers(ABC):
    """Scores for users who were not there in training, from what they like."""

    @abstractmethod
    def fold_in(self, liked: csr_matrix) -> np.ndarray:
        """(B, I) float32: scores of the items of the catalogue.

        Args:
            liked: (B, I) sparse, ones where the user likes the item.
        """


class ScoresNewItems(ABC):
    """Scores of items that are not in the catalogue, from their features."""

    @abstractmethod
    def new_item_scores(self, users: np.ndarray, features: Features) -> np.ndarray:
        """(B, n) float32: scores of n items.

        Args:
            users: (B,) user indices.
            features: of the n items, made by the encoders that the model was trained with.
        """


class ReadsDescriptions(ABC):
    """Scores for users who say what they like: a text, picture or sound."""

    @abstractmethod
    def described_scores(self, features: Features) -> np.ndarray:
        """(n, I) float32: scores of the items of the catalogue.

        Args:
            features: of the n descriptions, made by the encoders that the model was trained with.
        """


class UpdatesProfiles(ABC):
    """User profiles updated from newer ratings; no weight changes."""

    @abstractmethod
    def update_profiles(self, ratings: Interactions, features: Features | None = None) -> Self:
        """The same fitted model with user profiles from ``ratings``, whose items are not listed again."""
