"""The known truth behind a simulated catalogue: factors of items, tastes of users, probability of a like."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from mmrec.files import atomic_write
from mmrec.simulation.factors import Process, Scenario

SPREAD = 2.3
"""Deviation of preference in units of the noise: sets how much of a rating is luck."""
EXPOSURE = 0.6
"""How much users choose what they will like: exponent of preference in the probability of a rating."""
CUTS = (-2.8, -1.4, 0.0, 1.5)
"""Where preference plus noise, less the threshold of a like, turns into 2, 3, 4 and 5 stars."""


@dataclass(frozen=True)
class Truth:
    """All that decides ratings but luck.

    Attributes:
        items: (I, D) values of the factors, each factor's block scaled so that with a random taste it
            gives its share of the variance of preference.
        start, end: (U, D) tastes at the beginning and the end of the two years.
        bias: (U,) how generous a user is.
        popularity: (I,) log of how often an item is met, whatever one thinks of it.
        threshold: preference at which a like has probability one half.
        until: (U,) time of each user's last rating, from 0 to 1.
        visible: (3, D) bool, whether text, image, audio show a column.
    """

    items: np.ndarray
    start: np.ndarray
    end: np.ndarray
    bias: np.ndarray
    popularity: np.ndarray
    threshold: float
    until: np.ndarray
    visible: np.ndarray

    def preference(self, users: np.ndarray, time: np.ndarray, columns: np.ndarray | None = None) -> np.ndarray:
        """(B, I): what each user thinks of each item at a time in [0, 1].

        Args:
            users: (B,) indices.
            time: (B,) times.
            columns: (D,) bool, factors that count; the others stand at their mean, 0.
        """
        taste = self.start[users] + time[:, None] * (self.end[users] - self.start[users])  # (B, D)
        taste = taste if columns is None else taste * columns
        return taste @ self.items.T + self.bias[users, None]  # (B, I)

    def like_probability(self, preference: np.ndarray) -> np.ndarray:
        """Probability of 4 or 5 stars."""
        return 1 / (1 + np.exp(self.threshold - preference))

    def save(self, path: Path) -> None:
        """Write all arrays."""
        with atomic_write(path, "wb") as stream:
            np.savez_compressed(stream, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote; no pickle."""
        with np.load(path, allow_pickle=False) as arrays:
            values = {name: arrays[name] for name in arrays.files}
        return cls(**{**values, "threshold": float(values["threshold"])})


@dataclass(frozen=True)
class ItemFactors:
    """The factors of items as media are drawn from them.

    Attributes:
        levels: name of a class factor -> (I,) index of the level.
        scales: name of a scale factor -> (I, width) in [-1, 1].
    """

    levels: dict[str, np.ndarray]
    scales: dict[str, np.ndarray]


def draw_items(scenario: Scenario, items: int, rng: np.random.Generator) -> ItemFactors:
    """Independent factors: classes evenly, scales uniform in [-1, 1]."""
    levels, scales = {}, {}
    for factor in scenario.factors:
        if factor.levels:
            levels[factor.name] = rng.permutation(np.arange(items) % len(factor.levels))
        else:
            scales[factor.name] = rng.uniform(-1, 1, (items, factor.width)).round(6)
    return ItemFactors(levels, scales)


def draw_truth(scenario: Scenario, factors: ItemFactors, users: int, rng: np.random.Generator) -> Truth:
    """Tastes for the factors, with user types, drift, and popularity with a long tail (see ``Process``)."""
    blocks, starts, ends, visible = [], [], [], []
    process = scenario.process
    kind = rng.integers(0, process.types, users)
    for factor in scenario.factors:
        width = factor.columns
        columns = factors.levels.get(factor.name)
        block = factors.scales[factor.name] if columns is None else np.eye(width)[columns] - 1 / width  # (I, width)
        if factor.name == "craft":
            start = np.ones((users, 1))  # all users like good work
            end = start
        else:
            start = _tastes(kind, width, process, rng)
            fresh = _tastes(rng.permutation(kind), width, process, rng)
            end = np.sqrt(1 - factor.drift**2) * start + factor.drift * fresh
        contribution = start @ block.T  # (U, I)
        scale = SPREAD * np.sqrt(factor.share) / contribution.std()
        blocks.append(block * scale)
        starts.append(start)
        ends.append(end)
        visible.append(np.repeat([[name in factor.seen_in] for name in ("text", "image", "audio")], width, axis=1))
    values = np.concatenate(blocks, axis=1)
    craft = factors.scales["craft"][:, 0]
    popularity = process.quality_pull * craft + rng.gumbel(0, process.tail, len(values))
    if process.promoted:
        popularity += process.boost * (rng.random(len(values)) < process.promoted)
    return Truth(
        items=values,
        start=np.concatenate(starts, axis=1),
        end=np.concatenate(ends, axis=1),
        bias=rng.normal(0, 0.3, users),
        popularity=popularity,
        threshold=0.0,
        until=np.ones(users),
        visible=np.concatenate(visible, axis=1),
    )


def _tastes(kind: np.ndarray, width: int, process: Process, rng: np.random.Generator) -> np.ndarray:
    """(U, width): the taste of a user's type, and what the user alone likes."""
    shared = rng.normal(0, np.sqrt(process.type_share), (process.types, width))[kind]
    return shared + rng.normal(0, np.sqrt(1 - process.type_share), (len(kind), width))
