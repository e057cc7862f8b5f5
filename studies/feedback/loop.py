"""The loop: show a list, collect the answers, learn, repeat."""

import time
from dataclasses import dataclass

import numpy as np

from mmrec.errors import InputError
from studies.feedback.audience import Audience
from studies.feedback.policies import Policy


@dataclass(frozen=True)
class Trace:
    """What happened in a loop.

    Attributes:
        items: (R, U, k), what each user was shown in each round.
        likes: (R, U, k) bool, the answers.
        expected: (R, U), likes to be expected of the lists by the truth.
        best: (R, U), the same for the oracle's lists.
        seconds: (R,), time to choose and to learn.
        catalogue: I.
    """

    items: np.ndarray
    likes: np.ndarray
    expected: np.ndarray
    best: np.ndarray
    seconds: np.ndarray
    catalogue: int

    def regret(self) -> np.ndarray:
        """(R, U): likes that the oracle's lists would have had more, summed over the rounds so far."""
        return (self.best - self.expected).cumsum(axis=0)

    def exposure(self) -> np.ndarray:
        """(R, I): how often each item was shown in the rounds so far."""
        counts = [np.bincount(shown.ravel(), minlength=self.catalogue) for shown in self.items]
        return np.cumsum(counts, axis=0)

    def concentration(self) -> np.ndarray:
        """(R,): Gini coefficient of the exposure so far."""
        return gini(self.exposure())

    def coverage(self) -> np.ndarray:
        """(R,): share of the catalogue that was shown so far."""
        return (self.exposure() > 0).mean(axis=1)


def gini(counts: np.ndarray) -> np.ndarray:
    """How unevenly counts are spread: 0 when all are equal, near 1 when one has all; (..., I) -> (...).

    Source: Gini (1912), as the mean absolute difference of all pairs over twice the mean.
    """
    ordered = np.sort(counts, axis=-1).astype(np.float64)
    size = ordered.shape[-1]
    rank = 2 * np.arange(1, size + 1) - size - 1  # (I,)
    total = ordered.sum(axis=-1)
    return (ordered * rank).sum(axis=-1) / np.where(total > 0, size * total, 1)


def run_loop(policy: Policy, audience: Audience, *, rounds: int = 20, k: int = 5, rng: np.random.Generator) -> Trace:
    """Let a policy show k items to every user in each round; no user is shown an item twice.

    Args:
        policy: chooses and learns.
        audience: answers.
        rounds: R.
        k: length of the lists.
        rng: the policy draws from it.

    Raises:
        InputError: there are fewer items than the rounds need.
    """
    if rounds * k > audience.items:
        raise InputError(f"{rounds} rounds of {k} items need more than the catalogue's {audience.items}: lower one")
    unseen = np.ones((audience.users, audience.items), bool)
    shown, answers, seconds = [], [], []
    for _ in range(rounds):
        start = time.perf_counter()
        items = policy.choose(unseen, k, rng)  # (U, k)
        likes = audience.answer(items)
        policy.learn(items, likes)
        seconds.append(time.perf_counter() - start)
        np.put_along_axis(unseen, items, False, axis=1)
        shown.append(items)
        answers.append(likes)
    expected = np.stack([audience.expected(items) for items in shown])  # (R, U)
    best = audience.best(rounds, k)
    return Trace(np.stack(shown), np.stack(answers), expected, best, np.array(seconds), audience.items)
