"""Train, validation and test, split before anything is fitted.

Warm: each user's ratings in order of time, the last share for test, the share before it for
validation. Cold items and cold users: whole items and users are left out of training; their
ratings are a test of their own. Nothing is drawn from the test rows afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
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

    def settled(self) -> "Split":
        """The same split without rows that share their time with a test row of their user.

        Another seed of ``by_time`` may put such a row into the test. The rows that are left are test rows under no
        seed, so settings chosen on them serve every order of ties. The warm test is empty: nothing can be read there.
        """
        test = self.test["warm"]
        first = np.full(test.users, np.iinfo(np.int64).max)
        np.minimum.at(first, test.user, test.timestamp)  # (U,) time of each user's first test row
        parts = (self.train, self.validation)
        train, validation = (part.take(part.timestamp < first[part.user]) for part in parts)
        return replace(self, train=train, validation=validation, test={**self.test, "warm": test.take(slice(0))})


def by_time(
    interactions: Interactions,
    *,
    validation: float = 0.1,
    test: float = 0.1,
    cold_items: float | np.ndarray = 0.0,
    cold_users: float | np.ndarray = 0.0,
    seed: int = 0,
    duplicates: Sequence[Sequence[int]] = (),
) -> Split:
    """Split each user's history by time, after leaving out cold items and users.

    Of a user's n remaining rows the first ``floor((1 - validation - test) * n)`` train, the rows up to
    ``floor((1 - test) * n)`` validate and the rest test. Rows of one user that share their time come in an order that
    ``seed`` draws (see ``tie_order``); each part keeps that order.

    Args:
        interactions: all rows.
        validation, test: shares of each user's rows, in [0, 1).
        cold_items, cold_users: shares of items and users to leave out of training, in [0, 1); or which ones, (I,) and
            (U,) bool.
        seed: draws the cold items and users, and the order of rows that share their time.
        duplicates: groups of item indices that are the same item under several ids; cold together or not at all.

    Raises:
        InputError: a share is out of range, or nothing is left to train on.
    """
    shares = [share for share in (cold_items, cold_users) if not isinstance(share, np.ndarray)]
    if min(validation, test, *shares, 0) < 0 or validation + test >= 1 or max(*shares, 0, 0) >= 1:
        raise InputError("shares of a split must lie in [0, 1), and validation + test below 1")
    rng = np.random.default_rng(seed)
    item_is_cold = _draw_cold(interactions.items, cold_items, rng, duplicates)
    user_is_cold = _draw_cold(interactions.users, cold_users, rng, ())

    cold_item_row = item_is_cold[interactions.item]
    cold_user_row = user_is_cold[interactions.user]
    warm = np.flatnonzero(~cold_item_row & ~cold_user_row)
    order = tie_order(interactions, seed)
    warm = warm[np.lexsort((order[warm], interactions.timestamp[warm], interactions.user[warm]))]
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
    if item_is_cold.any():
        cases["cold-item"] = interactions.take(np.flatnonzero(cold_item_row & ~cold_user_row))
    if user_is_cold.any():
        cases["cold-user"] = interactions.take(np.flatnonzero(cold_user_row & ~cold_item_row))
    return Split(
        train=interactions.take(warm[place < validation_from]),
        validation=interactions.take(warm[(place >= validation_from) & (place < test_from)]),
        test=cases,
        cold_items=item_is_cold,
        cold_users=user_is_cold,
    )


def item_folds(
    interactions: Interactions, folds: int = 10, *, seed: int = 0, duplicates: Sequence[Sequence[int]] = ()
) -> Iterator[Split]:
    """Splits by time in which every item is new once: the items of fold f are cold in split f.

    Args:
        interactions: all rows.
        folds: number of splits, at least 2.
        seed: draws the folds; fold f breaks ties in time by ``seed + f``.
        duplicates: groups of item indices that are the same item under several ids; they share a fold.
    """
    fold = _draw_folds(interactions.items, folds, seed, duplicates)
    for number in range(folds):
        yield by_time(interactions, cold_items=fold == number, seed=seed + number)


def user_folds(interactions: Interactions, folds: int = 10, *, seed: int = 0) -> Iterator[Split]:
    """Splits by time in which every user is new once: the users of fold f are cold in split f.

    Args:
        interactions: all rows.
        folds: number of splits, at least 2.
        seed: draws the folds; fold f breaks ties in time by ``seed + f``.
    """
    fold = _draw_folds(interactions.users, folds, seed, ())
    for number in range(folds):
        yield by_time(interactions, cold_users=fold == number, seed=seed + number)


def tie_order(rows: Interactions, seed: int) -> np.ndarray:
    """(N,) uint64 keys that order rows which share user and time; another seed gives another order.

    A key is a hash of the seed and of what the data say of the row's user and item: the ratings and times of all their
    rows, and of the users and items that these meet. So neither the order of the file nor the ids decide. Rows that
    the data do not distinguish have equal keys.
    """
    mark = _hash(rows.timestamp, rows.rating.astype(np.float64).view(np.int64))  # (N,)
    user, item = np.zeros(rows.users, np.uint64), np.zeros(rows.items, np.uint64)
    for _ in range(3):  # after each round a mark knows neighbours one step further away
        of_user, of_item = _hash(mark, item[rows.item]), _hash(mark, user[rows.user])
        user, item = np.zeros_like(user), np.zeros_like(item)
        np.add.at(user, rows.user, of_user)  # sums, so that the order of the rows does not matter
        np.add.at(item, rows.item, of_item)
    return _hash(np.full(len(rows), seed, np.int64), mark, user[rows.user], item[rows.item])


def _hash(*columns: np.ndarray) -> np.ndarray:
    """(N,) uint64 for columns (N,) of 64-bit integers, by SplitMix64 (Steele, Lea and Flood 2014)."""
    state = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        state = (state ^ column.astype(np.int64, copy=False).view(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    return state


def _draw_cold(
    size: int, share: float | np.ndarray, rng: np.random.Generator, duplicates: Sequence[Sequence[int]]
) -> np.ndarray:
    """(size,) bool: the drawn ones, a group of duplicates as one; a mask is taken as it is."""
    if isinstance(share, np.ndarray):
        return share.astype(bool)
    group = _groups(size, duplicates)
    groups = np.unique(group)
    drawn = rng.choice(groups, size=round(share * len(groups)), replace=False)
    return np.isin(group, drawn)


def _draw_folds(size: int, folds: int, seed: int, duplicates: Sequence[Sequence[int]]) -> np.ndarray:
    """(size,) int: the fold of each; folds differ by one group of duplicates at most.

    Raises:
        InputError: fewer than 2 folds, or more than there are groups.
    """
    group = _groups(size, duplicates)
    groups, place = np.unique(group, return_inverse=True)
    if not 2 <= folds <= len(groups):
        raise InputError(f"{folds} folds of {len(groups)}: give 2 folds at least, and no more than there are to divide")
    return np.random.default_rng(seed).permutation(np.arange(len(groups)) % folds)[place]


def _groups(size: int, duplicates: Sequence[Sequence[int]]) -> np.ndarray:
    """(size,) int: the same number for all members of a group."""
    group = np.arange(size)
    for members in duplicates:
        group[list(members)] = min(members)
    return group
