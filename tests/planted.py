"""Data with a planted taste that the features tell."""

from dataclasses import replace

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features


def implicit(rows: Interactions) -> Interactions:
    return replace(rows, rating=np.ones_like(rows.rating))


def planted(seed: int = 0) -> tuple[Interactions, Interactions, Features]:
    """Two tastes: users like items of their own half, and the features tell the half. A fifth is held out."""
    rng = np.random.default_rng(seed)
    users, items = 60, 40
    side = np.arange(users) % 2
    pairs = [
        (user, item)
        for user in range(users)
        for item in rng.choice(np.flatnonzero(np.arange(items) % 2 == side[user]), 10, replace=False)
    ]
    user, item = np.array(pairs).T
    count = np.arange(len(user))
    rows = Interactions(user, item, np.ones(len(user), np.float32), count, count, users, items)
    image = np.where(np.arange(items)[:, None] % 2 == 0, [1.0, 0, 0], [0, 1.0, 0]) + 0.1 * rng.normal(size=(items, 3))
    present = np.zeros((items, 3), bool)
    present[:, 1] = True
    features = Features(tuple(map(str, range(items))), {"image": image.astype(np.float32)}, present)
    held = count % 5 == 0
    return rows.take(~held), rows.take(held), features


def right_half(scores: np.ndarray) -> float:
    """Share of the users whose ten best items are of their own half, item by item."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    return float(np.mean(best % 2 == (np.arange(len(scores)) % 2)[:, None]))
