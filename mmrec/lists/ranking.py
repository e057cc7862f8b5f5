"""Lists of many users, block by block, so that memory depends on the block and not on the number of users."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmrec.errors import InputError
from mmrec.models.base import Recommender


@dataclass(frozen=True)
class Lists:
    """Ranked lists of some users, best first.

    Attributes:
        users: (B,) int64 user indices.
        items: (B, k) int64 item indices; -1 where a user has fewer items left.
        scores: (B, k) float32; -inf there.
    """

    users: np.ndarray
    items: np.ndarray
    scores: np.ndarray


def rank_all(
    model: Recommender,
    users: np.ndarray,
    k: int,
    *,
    block: int = 1024,
    exclude_seen: bool = True,
    allowed: np.ndarray | None = None,
) -> Iterator[Lists]:
    """The exact lists of users, a block at a time; nothing is scored before its block is asked for.

    Args:
        model: fitted.
        users: (n,) user indices.
        k: length of the lists.
        block: users a block.
        exclude_seen: leave out items that the user has a training row for.
        allowed: (I,) bool, which items may be listed; all when None.

    Yields:
        Lists of at most ``block`` users, in the order of ``users``.

    Raises:
        InputError: k or block is below 1, or the model gives a score that is not a number.
    """
    if block < 1:
        raise InputError(f"a block of {block} users: give 1 or more")
    for start in range(0, len(users), block):
        here = np.asarray(users[start : start + block], np.int64)
        yield Lists(here, *model.recommend(here, k, exclude_seen, allowed))
