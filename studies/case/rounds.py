"""Rounds of showing and answering, with users whose answers the true probabilities of a like decide.

Chapter: ``notebooks/13-case.ipynb``. Source: section 4.3 of the document, step 4.
"""

from dataclasses import dataclass

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.fusion import FusionRecommender

LIKED, DISLIKED = 5, 1
"""Stars of an answer."""


@dataclass(frozen=True)
class Rounds:
    """Items shown, answers, and the model after each round.

    Attributes:
        lists: (R, U, k) items shown.
        liked: (R, U, k) bool, the answers.
        quality: (R, U) mean true probability that a shown item is liked.
        models: R + 1 models: before the first answer, and after each round.
    """

    lists: np.ndarray
    liked: np.ndarray
    quality: np.ndarray
    models: tuple[FusionRecommender, ...]


def with_feedback(
    model: FusionRecommender,
    train: Interactions,
    features: Features,
    probability: np.ndarray,
    rng: np.random.Generator,
    *,
    rounds: int = 4,
    k: int = 5,
) -> Rounds:
    """Show every user k items, draw the answers, recompute the user profiles from them, and show the next k.

    The weights of the model stay as they are.

    Args:
        model: fitted on ``train``.
        train: the ratings so far.
        features: of the items.
        probability: (U, I) true probability of a like.
        rng: draws the answers.
        rounds: R.
        k: items per list.
    """
    users, ratings, models = np.arange(train.n_users), train, [model]
    lists, answers, quality = [], [], []
    for _ in range(rounds):
        shown, _ = models[-1].recommend(users, k=k)  # (U, k)
        likely = np.take_along_axis(probability, shown, axis=1)  # (U, k)
        liked = rng.random(shown.shape) < likely
        ratings = ratings.with_rows(_as_ratings(shown, liked, train))
        models.append(models[-1].update_profiles(ratings, features))
        lists.append(shown)
        answers.append(liked)
        quality.append(likely.mean(axis=1))
    return Rounds(np.stack(lists), np.stack(answers), np.stack(quality), tuple(models))


def without_feedback(
    model: FusionRecommender, probability: np.ndarray, *, rounds: int = 4, k: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Show every user the next k items of one ranking in each round; no answer changes it.

    Returns:
        lists (R, U, k), and the mean true probability that a shown item is liked (R, U).
    """
    ranked, _ = model.recommend(np.arange(len(probability)), k=rounds * k)  # (U, R k)
    likely = np.take_along_axis(probability, ranked, axis=1)  # (U, R k)
    shape = len(probability), rounds, k
    return ranked.reshape(shape).transpose(1, 0, 2), likely.reshape(shape).mean(axis=2).T


def _as_ratings(shown: np.ndarray, liked: np.ndarray, train: Interactions) -> Interactions:
    """The answers as rows; no row of the catalogue's table belongs to them."""
    user = np.repeat(np.arange(len(shown)), shown.shape[1])
    rating = np.where(liked, LIKED, DISLIKED).ravel().astype(np.float32)
    none = np.full(len(user), -1)
    return Interactions(user, shown.ravel(), rating, none, none, train.n_users, train.n_items)
