"""Who rates what, when and how: the last random numbers are drawn here."""

from dataclasses import dataclass, replace

import numpy as np

from mmrec.errors import InputError
from mmrec.simulation.truth import CUTS, EXPOSURE, Truth

BEGIN = 1_640_995_200
"""1 January 2022, in seconds since 1970."""
SPAN = 2 * 365 * 86_400
LEAST = 8
LIKE_SHARE = 0.55


@dataclass(frozen=True)
class Ratings:
    """Parallel arrays of length N, in order of time.

    Attributes:
        user, item: indices.
        stars: 1 to 5.
        timestamp: seconds since 1970.
        preference: what the user thought of the item at that time, before luck.
    """

    user: np.ndarray
    item: np.ndarray
    stars: np.ndarray
    timestamp: np.ndarray
    preference: np.ndarray


def draw_ratings(truth: Truth, total: int, rng: np.random.Generator, activity: float = 0.7) -> tuple[Ratings, Truth]:
    """Draw ratings, and complete the truth with the threshold of a like and each user's last time.

    Args:
        truth: items, tastes and popularity.
        total: number of ratings.
        rng: source of all randomness.
        activity: standard deviation of the log of the number of ratings per user.

    Raises:
        InputError: more or fewer ratings than users and items allow.
    """
    users, items = len(truth.start), len(truth.items)
    if not LEAST * users <= total <= users * items // 2:
        raise InputError(
            f"{total} ratings do not fit {users} users and {items} items: "
            f"choose from {LEAST * users} to {users * items // 2}"
        )
    amount = _amounts(users, total, items, activity, rng)  # (U,)
    user = np.repeat(np.arange(users), amount)
    begin = rng.uniform(0, 0.5, users)
    length = rng.uniform(0.3, 0.5, users)
    time = np.concatenate([np.sort(begin[u] + length[u] * rng.uniform(0, 1, amount[u])) for u in range(users)])

    wish = EXPOSURE * truth.preference(np.arange(users), begin + length / 2) + truth.popularity  # (U, I)
    keys = wish + rng.gumbel(0, 1, wish.shape)  # the n largest are a draw without replacement
    item = np.concatenate([rng.permutation(np.argsort(-keys[u])[: amount[u]]) for u in range(users)])

    preference = np.empty(total)
    for u in range(users):
        mine = np.flatnonzero(user == u)
        taste = truth.start[u] + time[mine, None] * (truth.end[u] - truth.start[u])  # (n, D)
        preference[mine] = (taste * truth.items[item[mine]]).sum(axis=1) + truth.bias[u]
    felt = preference + rng.logistic(0, 1, total)
    threshold = float(np.quantile(felt, 1 - LIKE_SHARE).round(6))
    stars = 1 + (felt[:, None] - threshold > np.array(CUTS)).sum(axis=1)
    order = np.argsort(time, kind="stable")
    seconds = BEGIN + np.floor(time * SPAN).astype(np.int64)
    ratings = Ratings(user[order], item[order], stars[order], seconds[order], preference[order])
    return ratings, replace(truth, threshold=threshold, until=begin + length)


def _amounts(users: int, total: int, items: int, activity: float, rng: np.random.Generator) -> np.ndarray:
    """(U,) ratings per user: a few are busy; they sum to ``total``."""
    wanted = rng.lognormal(0, activity, users)
    free = total - LEAST * users
    amount = LEAST + np.floor(free * wanted / wanted.sum()).astype(int)
    amount = np.minimum(amount, items // 2)
    while (short := total - int(amount.sum())) > 0:
        room = np.flatnonzero(amount < items // 2)
        amount[rng.choice(room, min(short, len(room)), replace=False)] += 1
    return amount
