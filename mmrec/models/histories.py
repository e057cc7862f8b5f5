"""The likes of each user in order of time: training windows, padded to one length."""

import keras
import numpy as np

from mmrec.data.catalogue import Interactions


class Histories(keras.utils.PyDataset):
    """Each user's likes in order of time, one window of them per epoch, padded at the end.

    The inputs of a batch: history (B, L), and place (m,) of each like that another one follows, in the flattened
    history. The targets: following (m,), the items of the next likes.

    Args:
        sequences: the item indices of each user with at least two likes, oldest first.
        length: longest window.
        batch_size: users per batch.
        rng: random generator of order and windows.
    """

    def __init__(self, sequences: list[np.ndarray], *, length: int, batch_size: int, rng: np.random.Generator) -> None:
        super().__init__()
        self.sequences, self.length, self.batch_size, self.rng = sequences, length, batch_size, rng
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffle the users."""
        self.order = self.rng.permutation(len(self.sequences))

    def __len__(self) -> int:
        return -(-len(self.sequences) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        windows = []
        for at in self.order[index * self.batch_size : (index + 1) * self.batch_size]:
            mine = self.sequences[at]
            start = self.rng.integers(max(1, len(mine) - self.length))
            windows.append(mine[start : start + self.length + 1])
        history, place = padded([window[:-1] for window in windows], self.length)
        following = np.concatenate([window[1:] for window in windows])
        return {"history": history, "place": place}, following


def padded(sequences: list[np.ndarray], length: int) -> tuple[np.ndarray, np.ndarray]:
    """(B, L) int32, zeros after each sequence's end, and (m,) int32, the filled places of the flattened form."""
    table = np.zeros((len(sequences), length), np.int32)
    filled = np.zeros(table.shape, bool)
    for row, items in enumerate(sequences):
        table[row, : len(items)] = items
        filled[row, : len(items)] = True
    return table, np.flatnonzero(filled).astype(np.int32)


def in_order_of_time(likes: Interactions) -> list[np.ndarray]:
    """Each user's liked items, oldest first; equal times stay in the order of the rows."""
    order = np.lexsort((np.arange(len(likes)), likes.timestamp, likes.user))
    ends = np.cumsum(np.bincount(likes.user, minlength=likes.users))
    return np.split(likes.item[order].astype(np.int32), ends[:-1])
