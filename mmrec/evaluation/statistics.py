"""Intervals and paired tests over users, corrected for the number of comparisons.

References:
    Efron, Tibshirani (1993), An introduction to the bootstrap.
    Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Statistics 6.
"""

from collections.abc import Callable, Mapping

import numpy as np


def bootstrap_interval(
    values: np.ndarray,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 2000,
    statistic: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[float, float, float]:
    """Mean with its percentile bootstrap interval.

    Args:
        values: (n,) one value a user (average the seeds first: users are the sample, seeds are not).
        rng: source of the draws.
        level: coverage of the interval.
        draws: bootstrap samples.
        statistic: function of (draws, n) resampled values giving (draws,); the mean by default.

    Returns:
        mean (or statistic), lower and upper end; NaN for no values.
    """
    values = np.asarray(values, float)
    if not len(values):
        return (float("nan"),) * 3
    of = statistic or (lambda sample: sample.mean(axis=-1))
    means = np.concatenate(
        [of(values[rng.integers(0, len(values), (min(200, draws - at), len(values)))]) for at in range(0, draws, 200)]
    )
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(of(values[None])[0]), float(low), float(high)


def paired_test(
    first: np.ndarray, second: np.ndarray, rng: np.random.Generator, draws: int = 10_000
) -> tuple[float, float]:
    """Sign-flip permutation test of the mean difference between two models on the same users.

    Args:
        first, second: (n,) values of the same users in the same order.
        rng: source of the flips.
        draws: random flips.

    Returns:
        mean of first - second, and the two-sided p-value, (1 + flips at least as far) / (1 + draws).
    """
    difference = np.asarray(first, float) - np.asarray(second, float)
    seen = abs(difference.mean())
    far = 0
    for at in range(0, draws, 500):
        signs = rng.integers(0, 2, (min(500, draws - at), len(difference)), dtype=np.int8) * 2 - 1
        far += int((np.abs((signs * difference).mean(axis=1)) >= seen - 1e-12).sum())
    return float(difference.mean()), (1 + far) / (1 + draws)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values: the k-th smallest of m times m - k + 1, never falling, at most 1."""
    adjusted, floor = {}, 0.0
    for place, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        floor = max(floor, min(1.0, (len(p_values) - place) * p_values[name]))
        adjusted[name] = floor
    return {name: adjusted[name] for name in p_values}
