"""Whether feature rows seem to stand beside their items, asked of what people like together."""

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_matrix

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features

DRAWS = 30
MOST_PEOPLE = 5000
"""More are not asked: so many tell enough, and the time does not grow with them."""
CERTAIN, BETTER = 8.0, 1.5
"""Deviations of chance from which on an agreement is no accident, and how much larger than another it must be."""


def agreement(liked: csr_matrix, rows: np.ndarray, rng: np.random.Generator) -> Mapping[int, float]:
    """How much more alike items are that one person likes than they would be with the rows dealt out anew.

    Args:
        liked: (U, I), 1 for each like.
        rows: (I, d); zeros where an item lacks the modality.
        rng: of the ``DRAWS`` deals, which give the mean and the deviation of chance.

    Returns:
        Shift s -> deviations above chance of the sum of f_i . f_j over all pairs that a person likes, when item i has
        row i + s; s is 0, -1 and 1. f_i are the rows about their mean, of length 1.
    """
    here = (rows != 0).any(axis=1, keepdims=True)  # (I, 1)
    mean_row = rows.sum(axis=0) / max(int(here.sum()), 1)  # (d,)
    f = np.where(here, rows - mean_row, 0).astype(np.float32)  # (I, d)
    f /= np.maximum(np.linalg.norm(f, axis=1, keepdims=True), 1e-12)
    if liked.shape[0] > MOST_PEOPLE:
        liked = liked[np.sort(rng.choice(liked.shape[0], MOST_PEOPLE, replace=False))]
    liked = liked.tocsc()
    count = np.asarray(liked.sum(axis=0)).ravel()  # (I,)
    length = np.square(f).sum(axis=1)  # (I,)
    place = np.arange(len(f))

    def together(order: np.ndarray) -> float:
        columns = liked[:, np.argsort(order)]  # where item i has row order[i], row j has the likes of the item it is at
        return float(np.square(columns @ f).sum() - count @ length[order])

    chance = [together(rng.permutation(place)) for _ in range(DRAWS)]
    mean, deviation = float(np.mean(chance)), max(float(np.std(chance)), 1e-12)
    return {shift: (together(np.roll(place, -shift)) - mean) / deviation for shift in (0, -1, 1)}


def doubts(train: Interactions, features: Features, seed: int = 0) -> list[str]:
    """A line for each modality whose rows agree with the likes far better when all of them are moved by one.

    Arrays carry no ids, so a lost first row, with another one too many at the end, leaves no other trace.

    Args:
        train: training rows.
        features: one row an item.
        seed: of the deals of chance.
    """
    liked = train.likes().matrix()
    found = []
    for modality in features.modalities:
        by_shift = agreement(liked, features.blocks[modality], np.random.default_rng(seed))
        best = max(by_shift, key=lambda shift: by_shift[shift])
        if best and by_shift[best] > max(CERTAIN, BETTER * by_shift[0]):
            found.append(
                f"{modality}: what one person likes is alike by {by_shift[0]:.1f} deviations of chance with the rows as"
                f" they are, by {by_shift[best]:.1f} if item i had row i {best:+d}: are the rows shifted?"
            )
    return found
