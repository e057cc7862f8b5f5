"""Whether feature rows belong to their items, judged by the items that users like together."""

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_matrix

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features

DRAWS = 30
MOST_USERS = 5000
"""Of more users a sample of this size is enough, and keeps the time short."""
CERTAIN, BETTER = 8.0, 1.5
"""A doubt needs this many standard deviations, and this ratio to the agreement of the unshifted rows."""


def agreement(liked: csr_matrix, rows: np.ndarray, rng: np.random.Generator) -> Mapping[int, float]:
    """How much more alike the items are that one user likes, compared with shuffled rows.

    Args:
        liked: (U, I), 1 for each like.
        rows: (I, d); zeros where an item lacks the modality.
        rng: shuffles the rows ``DRAWS`` times, for the mean and the standard deviation.

    Returns:
        Shift s -> standard deviations above shuffled rows. The quantity is the sum of f_i . f_j over all pairs that one
        user likes, when item i has row i + s; s is 0, -1 and 1. f_i are the centred rows, of length 1.
    """
    present = (rows != 0).any(axis=1, keepdims=True)  # (I, 1)
    mean_row = rows.sum(axis=0) / max(int(present.sum()), 1)  # (d,)
    f = np.where(present, rows - mean_row, 0).astype(np.float32)  # (I, d)
    f /= np.maximum(np.linalg.norm(f, axis=1, keepdims=True), 1e-12)
    if liked.shape[0] > MOST_USERS:
        liked = liked[np.sort(rng.choice(liked.shape[0], MOST_USERS, replace=False))]
    liked = liked.tocsc()
    count = np.asarray(liked.sum(axis=0)).ravel()  # (I,)
    length = np.square(f).sum(axis=1)  # (I,)
    place = np.arange(len(f))

    def together(order: np.ndarray) -> float:
        columns = liked[:, np.argsort(order)]  # where item i has row order[i], row j has the likes of the item it is at
        return float(np.square(columns @ f).sum() - count @ length[order])

    drawn = [together(rng.permutation(place)) for _ in range(DRAWS)]
    mean, deviation = float(np.mean(drawn)), max(float(np.std(drawn)), 1e-12)
    return {shift: (together(np.roll(place, -shift)) - mean) / deviation for shift in (0, -1, 1)}


def doubts(train: Interactions, features: Features, seed: int = 0) -> list[str]:
    """A line for each modality whose rows agree with the likes far better when all of them are moved by one.

    Arrays carry no ids, so a lost first row, with another one too many at the end, leaves no other trace.

    Args:
        train: training rows.
        features: one row per item.
        seed: of the shuffles.
    """
    liked = train.likes().matrix()
    found = []
    for modality in features.modalities:
        by_shift = agreement(liked, features.blocks[modality], np.random.default_rng(seed))
        best = max(by_shift, key=lambda shift: by_shift[shift])
        if best and by_shift[best] > max(CERTAIN, BETTER * by_shift[0]):
            found.append(
                f"{modality}: the items that one user likes are alike by {by_shift[0]:.1f} standard deviations above"
                f" shuffled rows, and by {by_shift[best]:.1f} if item i had row i {best:+d}: are the rows shifted?"
            )
    return found
