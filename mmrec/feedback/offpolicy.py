r"""What a log of answers says of a policy that was never run.

A log holds, for each showing n, the person, the item a that the logging policy drew with known chance $\mu_n > 0$, and
the answer r. The policy in question would draw the item with chance $\pi_n$; its weight is $w_n = \pi_n / \mu_n$.
With $\hat q$ a prediction of answers that was not learned from the log:

- direct method: the mean of $\sum_a \pi(a) \hat q(a)$; as right as the prediction is;
- IPS: the mean of $w r$; unbiased, wide where weights are large;
- SNIPS: $\sum w r / \sum w$; slightly biased, usually narrower;
- doubly robust: the mean of $\sum_a \pi(a) \hat q(a) + w (r - \hat q)$; unbiased whatever the prediction, narrower the
  better it is.

Intervals are the estimate plus and minus z standard errors, that of SNIPS by the delta method. That of IPS is freed of
skewness first (Hall 1992): w r is never below 0 and seldom large, so that logs without the large ones give an estimate
that is too low together with an error that is too small. The terms of the doubly robust estimate have both signs.

References:
    Horvitz and Thompson (1952), A generalization of sampling without replacement from a finite universe, JASA 47 (IPS).
    Swaminathan and Joachims (2015), The self-normalized estimator for counterfactual learning, NIPS (SNIPS).
    Hall (1992), On the removal of skewness by transformation, Journal of the Royal Statistical Society B 54.
    Dudik, Langford and Li (2011), Doubly robust policy evaluation and learning, ICML.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from mmrec.errors import InputError


@dataclass(frozen=True)
class Log:
    """Answers as the estimators need them; the last axis runs over showings, leading ones over separate logs.

    Attributes:
        weight: (..., n), pi / mu of the item that was shown.
        answer: (..., n), 1 for a like, else 0.
        predicted: (..., n), the predicted answer to that item.
        planned: (..., n), the answer that is predicted for the policy in question, with the same person.
    """

    weight: np.ndarray
    answer: np.ndarray
    predicted: np.ndarray
    planned: np.ndarray


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, each with the leading shape of the log."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def _interval(value: np.ndarray, error: np.ndarray, level: float) -> Estimate:
    reach = norm.ppf((1 + level) / 2) * error
    return Estimate(value, value - reach, value + reach)


def _mean(terms: np.ndarray, level: float) -> Estimate:
    return _interval(terms.mean(axis=-1), terms.std(axis=-1, ddof=1) / np.sqrt(terms.shape[-1]), level)


def direct(log: Log, level: float = 0.95) -> Estimate:
    """The prediction, believed. Its interval knows of the persons drawn and not of the prediction's fault."""
    return _mean(log.planned, level)


def ips(log: Log, level: float = 0.95) -> Estimate:
    """Inverse propensity scores: the mean of w r."""
    terms = log.weight * log.answer  # (..., n)
    value, root = terms.mean(axis=-1), np.sqrt(terms.shape[-1])
    spread = terms.std(axis=-1, ddof=1)
    third = ((terms - value[..., None]) ** 3).mean(axis=-1)
    skew = third / np.where(spread > 0, spread, 1) ** 3 / root
    reach = norm.ppf((1 + level) / 2)
    low, high = (value - spread / root * _unskewed(end, skew) for end in (reach, -reach))
    return Estimate(value, low, high)


def _unskewed(end: float, skew: np.ndarray) -> np.ndarray:
    """Hall's inverse: the t with t + a t^2 / 3 + a^2 t^3 / 27 + a / 6 = end, where a is ``skew`` over the root of n."""
    a = np.where(np.abs(skew) > 1e-9, skew, 1.0)
    return np.where(np.abs(skew) > 1e-9, 3 / a * (np.cbrt(1 + a * (end - a / 6)) - 1), end)


def snips(log: Log, level: float = 0.95) -> Estimate:
    """Self-normalised IPS: the mean of the answers, weighted by w."""
    total = log.weight.sum(axis=-1)
    value = (log.weight * log.answer).sum(axis=-1) / total
    off = log.weight * (log.answer - value[..., None])  # (..., n)
    return _interval(value, np.sqrt((off**2).sum(axis=-1)) / total, level)


def doubly_robust(log: Log, level: float = 0.95) -> Estimate:
    """The prediction, corrected by what the log says of its errors."""
    return _mean(log.planned + log.weight * (log.answer - log.predicted), level)


ESTIMATORS = {"direct": direct, "IPS": ips, "SNIPS": snips, "doubly robust": doubly_robust}


def effective_size(log: Log) -> np.ndarray:
    """(...): showings that would say as much if all weighed the same, (sum w)^2 / sum w^2 (Kish, 1965)."""
    return log.weight.sum(axis=-1) ** 2 / (log.weight**2).sum(axis=-1)


def softmax_policy(scores: np.ndarray, temperature: float, floor: float = 0.0) -> np.ndarray:
    """Chances of showing each item: softmax of the scores, a share ``floor`` of it dealt out evenly.

    Args:
        scores: (U, I).
        temperature: the lower, the nearer to the best item alone.
        floor: in [0, 1]; above 0 every item has a chance of at least floor / I, whatever the scores.

    Returns:
        (U, I), rows sum to 1.

    Raises:
        InputError: the temperature is not above 0.
    """
    if temperature <= 0:
        raise InputError(f"temperature must be above 0, not {temperature}: without chance there are no weights")
    shifted = (scores - scores.max(axis=1, keepdims=True)) / temperature
    weights = np.exp(shifted)
    return (1 - floor) * weights / weights.sum(axis=1, keepdims=True) + floor / scores.shape[1]


def draw_logs(
    logging: np.ndarray,
    target: np.ndarray,
    chance: np.ndarray,
    predicted: np.ndarray,
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> Log:
    """Logs of simulated people: a person at random, an item by the logging policy, an answer by the truth.

    Args:
        logging: (U, I), mu; every item that ``target`` may show must have a chance.
        target: (U, I), pi.
        chance: (U, I), of a like.
        predicted: (U, I), predicted answers.
        shape: (..., n) of the logs.
        rng: source of all draws.

    Raises:
        InputError: the logging policy never shows an item that the target policy may show.
    """
    if np.any((target > 0) & (logging <= 0)):
        raise InputError("the logging policy never shows some items of the other policy: no weights make up for that")
    users, items = logging.shape
    bounds = (logging.cumsum(axis=1) / logging.sum(axis=1, keepdims=True) + np.arange(users)[:, None]).ravel()
    person = rng.integers(0, users, shape)  # (..., n)
    place = np.searchsorted(bounds, person + rng.random(shape), side="right")
    item = np.minimum(place - person * items, items - 1)  # (..., n)
    return Log(
        weight=target[person, item] / logging[person, item],
        answer=(rng.random(shape) < chance[person, item]).astype(np.float64),
        predicted=predicted[person, item],
        planned=(target * predicted).sum(axis=1)[person],
    )
