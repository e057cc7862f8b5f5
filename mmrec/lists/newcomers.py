"""Lists for those who were not there in training: new users by a few likes or a text, and new items."""

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models import REGISTRY, model_class
from mmrec.models.abilities import FoldsInUsers, ReadsDescriptions, ScoresNewItems
from mmrec.models.base import Recommender
from mmrec.models.top_k import best_items


def likes_matrix(liked: list[np.ndarray], items: int) -> csr_matrix:
    """(B, I) of ones: B users and the item indices that each of them likes."""
    users = np.repeat(np.arange(len(liked)), [len(each) for each in liked])
    cells = csr_matrix((np.ones(len(users), np.float32), (users, np.concatenate(liked))), (len(liked), items))
    cells.data[:] = 1.0  # the same item twice counts once
    return cells


def rank_for_likes(
    model: Recommender, liked: csr_matrix, k: int, *, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The k best items for new users, without those that they named; nothing is trained.

    Args:
        model: fitted, one that ``FoldsInUsers``.
        liked: (B, I), ones where the user likes the item.
        k: length of the lists.
        allowed: (I,) bool, which items may be listed; all when None.

    Returns:
        items (B, k) and scores (B, k), as of ``Recommender.recommend``.

    Raises:
        InputError: the model cannot take in new users.
    """
    return best_items(able(model, FoldsInUsers, "take in new users").fold_in(liked), k, liked, allowed)


def rank_for_description(
    model: Recommender, features: Features, k: int, *, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The k best items for users who describe what they like.

    Args:
        model: fitted, one that ``ReadsDescriptions``.
        features: of B descriptions (texts, say), made by the encoders that the model was trained with.
        k: length of the lists.
        allowed: (I,) bool, which items may be listed; all when None.

    Returns:
        items (B, k) and scores (B, k), as of ``Recommender.recommend``.

    Raises:
        InputError: the model reads no descriptions, or knows nothing of what is in one.
    """
    scores = able(model, ReadsDescriptions, "rank by a text").described_scores(features)  # (B, I)
    if not scores.any(axis=1).all():
        raise InputError(
            f"{model.name} finds nothing that it knows in the description: use other words, or a model of its modality"
        )
    return best_items(scores, k, allowed=allowed)


def rank_users(model: Recommender, users: np.ndarray, features: Features, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Who would like a new item best.

    Args:
        model: fitted, one that ``ScoresNewItems``.
        users: (B,) indices of the users to rank.
        features: of n new items, made by the encoders that the model was trained with.
        k: length of the lists.

    Returns:
        users (n, k) int64 and scores (n, k) float32, best first, equal ones in the order given; -1 and -inf where
        there are fewer than k users.

    Raises:
        InputError: the model knows items only by their ratings.
    """
    rates = able(model, ScoresNewItems, "score a new item").new_item_scores
    place, best = best_items(rates(users, features).T, k)  # (n, k)
    return np.where(place >= 0, np.asarray(users)[place], -1), best


def able(model: Recommender, ability: type, what: str) -> Any:
    """The model, if it has an ability of ``mmrec.models.abilities``.

    Raises:
        InputError: it has not; the message names the models that have.
    """
    if not isinstance(model, ability):
        others = ", ".join(name for name in REGISTRY if issubclass(model_class(name), ability))
        raise InputError(f"{model.name} cannot {what}: train one of {others}")
    return model
