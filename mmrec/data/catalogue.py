"""A catalogue in memory: items, and ratings with user and time; media stay on disk until they are needed.

The folder's form is the data contract: ``product_data.csv`` (item_id, text, image, audio, attributes),
``user_data.csv`` (user_id, item_id, rating, timestamp, text, context), optional ``users.csv`` and
``social.csv``. ``mmrec.data.reader`` reads and checks it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

MODALITIES = ("text", "image", "audio")
LIKE_THRESHOLD = 4.0
"""A rating of at least this many stars is a like."""
COLUMNS = ("user", "item", "rating", "timestamp", "row")
"""The columns of ``Interactions``."""


@dataclass(frozen=True)
class Interactions:
    """Ratings as parallel arrays; users and items are indices, not ids.

    Attributes:
        user: (N,) int64, index of the user.
        item: (N,) int64, index of the item.
        rating: (N,) float32; all ones for implicit feedback.
        timestamp: (N,) int64, seconds since 1970.
        row: (N,) int64, row of ``Catalogue.interactions`` (hence of ``user_data.csv``) that each came from.
        n_users, n_items: sizes of the index spaces U and I.
    """

    user: np.ndarray
    item: np.ndarray
    rating: np.ndarray
    timestamp: np.ndarray
    row: np.ndarray
    n_users: int
    n_items: int

    def __len__(self) -> int:
        return len(self.user)

    def take(self, keep: np.ndarray | slice) -> "Interactions":
        """The rows chosen by a boolean mask, an index array or a slice, in that order."""
        return Interactions(
            self.user[keep],
            self.item[keep],
            self.rating[keep],
            self.timestamp[keep],
            self.row[keep],
            self.n_users,
            self.n_items,
        )

    @classmethod
    def joined(cls, *parts: "Interactions") -> "Interactions":
        """The rows of several parts, one part after the other; sizes of the index spaces are those of the last."""
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
        return cls(**columns, n_users=parts[-1].n_users, n_items=parts[-1].n_items)

    def with_rows(self, other: "Interactions") -> "Interactions":
        """These rows and others of the same users and items, by user and time; of one time these before the others."""
        both = Interactions.joined(self, other)
        return both.take(np.lexsort((both.timestamp, both.user)))

    def likes(self, implicit: bool | None = None) -> "Interactions":
        """Rows with a rating of at least ``LIKE_THRESHOLD``; all rows when the feedback is implicit (all ones).

        Args:
            implicit: whether it is, where that is told by other rows than these few.
        """
        if self.is_implicit() if implicit is None else implicit:
            return self
        return self.take(self.rating >= LIKE_THRESHOLD)

    def latest(self) -> "Interactions":
        """Of each pair of user and item the last row in time alone: what the user thinks of it now."""
        order = np.lexsort((self.timestamp, self.item, self.user))
        pair = self.user[order] * self.n_items + self.item[order]
        return self.take(np.sort(order[np.diff(pair, append=-1) != 0]))

    def known_items(self) -> np.ndarray:
        """(I,) bool: the items with a row."""
        return np.bincount(self.item, minlength=self.n_items) > 0

    def has_time(self) -> bool:
        """Whether the rows differ in time: without it there is no order to learn from."""
        return len(self) > 0 and bool(self.timestamp.min() < self.timestamp.max())

    def is_implicit(self) -> bool:
        """Whether every rating is 1: the data say who used what, not how they liked it."""
        return bool(np.all(self.rating == 1))

    def matrix(self):
        """(U, I) ``scipy.sparse.csr_matrix`` of ones where the user has a row for the item."""
        from scipy.sparse import csr_matrix

        cells = csr_matrix((np.ones(len(self), np.float32), (self.user, self.item)), (self.n_users, self.n_items))
        cells.data[:] = 1.0  # the same pair twice counts once
        return cells


@dataclass(frozen=True)
class Catalogue:
    """A read and checked catalogue folder.

    Attributes:
        folder: where it is; media paths in ``items`` are relative to it.
        items: product_data.csv, one row an item, strings; index 0..I-1 is the item's index.
            Columns item_id, text, image, audio (empty string: modality absent), then attributes.
        user_ids: (U,) ids; position is the user's index. Sorted order of first appearance is not
            assumed: it is the order of ``users.csv`` where present, else of first appearance.
        interactions: all rows of user_data.csv, in file order.
        reviews: the text of each interaction row ('' where none), in the same order.
        users: users.csv aligned to ``user_ids`` (only user_id where the file is absent).
        context: further columns of user_data.csv, aligned to ``interactions``.
        fingerprint: SHA-256 over the CSV files and the media's bytes: what a saved model is bound to.
    """

    folder: Path
    items: pd.DataFrame
    user_ids: tuple[str, ...]
    interactions: Interactions
    reviews: tuple[str, ...]
    users: pd.DataFrame
    context: pd.DataFrame
    fingerprint: str
    item_ids: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "item_ids", tuple(self.items["item_id"]))

    def media_path(self, item: int, modality: str) -> Path | None:
        """The item's picture or sound file, or None where the modality is absent."""
        relative = str(self.items[modality].iat[item])
        return self.folder / relative if relative else None

    def titles(self) -> Sequence[str]:
        """What to call each item: its ``title`` attribute where there is one, else its id."""
        return list(self.items["title"]) if "title" in self.items else list(self.item_ids)
