"""Train, validation and test, cut before anything is fitted.

Warm: each user's ratings in order of time, the last share for test, the share before it for
validation. Cold items and cold users: whole items and users are left out of training; their
ratings are a test of their own. Nothing is drawn from the test rows afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError

CASES = ("warm", "cold-item", "cold-user")


@dataclass(frozen=True)
class Split:
    """Rows by their use.

    Attributes:
        train: what models are fitted on.
        validation: what settings are chosen on.
        test: case -> rows, read once. ``"warm"`` always; ``"cold-item"`` and ``"cold-user"`` where asked for.
        cold_items: (I,) bool, items without a training row by design.
        cold_users: (U,) bool, users without a training row by design.
    """

    train: Interactions
    validation: Interactions
    test: Mapping[str, Interactions]
    cold_items: np.ndarray
    cold_users: np.ndarray

    def joined(self) -> "Split":
        """Validation rows among the training rows, none left: for a last fit, when all settings are chosen."""
        return replace(self, train=self.train.with_rows(self.validation), validation=self.validation.take(slice(0)))


def by_time(
    interactions: Interactions,
    *,
    validation: float = 0.1,
    test: float = 0.1,
    cold_items: float = 0.0,
    cold_users: float = 0.0,
    seed: int = 0,
    twins: Sequence[Sequence[int]] = (),
) -> Split:
    """Split each user's history by time, after leaving out cold items and users.

    Of a user's n remaining rows the first ``floor((1 - validation - test) * n)`` train, the rows up to
    ``floor((1 - test) * n)`` validate and the rest test. Rows of one instant keep the file's order.

    Args:
        interactions: all rows.
        validation, test: shares of each user's rows, in [0, 1).
        cold_items, cold_users: shares of items and users to leave out of training, in [0, 1).
        seed: decides which items and users are cold; the cut in time has no chance in it.
        twins: groups of item indices that are one thing under several ids; cold together or not at all.

    Raises:
        InputError: a share is out of range, or nothing is left to train on.
    """
    if min(validation, test, cold_items, cold_users) < 0 or validation + test >= 1 or max(cold_items, cold_users) >= 1:
        raise InputError("shares of a split must lie in [0, 1), and validation + test below 1")
    rng = np.random.default_rng(seed)
    item_is_cold = _draw_cold(interactions.items, cold_items, rng, twins)
    user_is_cold = _draw_cold(interactions.users, cold_users, rng, ())

    cold_item_row = item_is_cold[interactions.item]
    cold_user_row = user_is_cold[interactions.user]
    warm = np.flatnonzero(~cold_item_row & ~cold_user_row)
    warm = warm[np.lexsort((warm, interactions.timestamp[warm], interactions.user[warm]))]
    if not len(warm):
        raise InputError("nothing is left to train on: lower the shares of cold items and cold users")

    sizes = np.bincount(interactions.user[warm], minlength=interactions.users)  # (U,)
    starts = np.cumsum(sizes) - sizes
    place = np.arange(len(warm)) - starts[interactions.user[warm]]  # position in the user's history
    size = sizes[interactions.user[warm]]
    rounding = 1e-9  # 0.9 * 10 must not fall short of 9
    test_from = np.floor((1 - test) * size + rounding)
    validation_from = np.floor((1 - validation - test) * size + rounding)

    cases = {"warm": interactions.take(warm[place >= test_from])}
    if cold_items:
        cases["cold-item"] = interactions.take(np.flatnonzero(cold_item_row & ~cold_user_row))
    if cold_users:
        cases["cold-user"] = interactions.take(np.flatnonzero(cold_user_row & ~cold_item_row))
    return Split(
        train=interactions.take(warm[place < validation_from]),
        validation=interactions.take(warm[(place >= validation_from) & (place < test_from)]),
        test=cases,
        cold_items=item_is_cold,
        cold_users=user_is_cold,
    )


def _draw_cold(size: int, share: float, rng: np.random.Generator, twins: Sequence[Sequence[int]]) -> np.ndarray:
    """(size,) bool: the drawn ones; a group of twins is drawn as one."""
    group = np.arange(size)
    for members in twins:
        group[list(members)] = min(members)
    groups = np.unique(group)
    drawn = rng.choice(groups, size=round(share * len(groups)), replace=False)
    return np.isin(group, drawn)
