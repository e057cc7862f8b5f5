r"""What a log of answers says of a policy that was never run.

A log holds, for each showing n, the user, the item a that the logging policy drew with known probability
$\mu_n > 0$, and the answer r. The policy in question would draw the item with probability $\pi_n$;
its weight is $w_n = \pi_n / \mu_n$.
With $\hat q$ a prediction of answers that was not learned from the log:

- direct method: the mean of $\sum_a \pi(a) \hat q(a)$; as right as the prediction is;
- IPS: the mean of $w r$; unbiased, wide where weights are large;
- SNIPS: $\sum w r / \sum w$; slightly biased, usually narrower;
- doubly robust: the mean of $\sum_a \pi(a) \hat q(a) + w (r - \hat q)$; unbiased whatever the prediction, narrower the
  better it is.

The interval of the direct method is the mean plus and minus z standard errors. Those of the others hold each value v
that a test would not reject; with equal weights and no prediction, Wilson's. A standard error is too small just where
the estimate is wrong, in a log whose few heavy showings happen to agree. So the test first turns as many answers as
bring the mean of the log to v:

- SNIPS and doubly robust: $(\hat v - v)^2 \le t^2 S(v) / n_e$, with $n_e$ the effective size and S(v) the mean of
  $(r - g - v)^2$ under squared weights, its answers turned; g is 0 for SNIPS, else $\hat q - \sum_a \pi(a) \hat q(a)$,
  and $\hat v = \sum w (r - g) / \sum w$. The weights met are taken as given: they tell nothing of v.
- IPS: $(\hat v - v)^2 \le t^2 (M \rho(v) - v^2) / n$, with $\rho(v)$ the share of likes under squared weights, moved by
  as much as their mean. The sum of the weights is random here, so that weights that were not met count as
  well: M, the mean square of all weights, is known from both policies.

Unequal weights leave few showings to read S and $\rho$ from, so that the quantile is Student's, with Satterthwaite's
degrees of freedom. Intervals of SNIPS and doubly robust lie in [0, 1], as values do; the latter is built around a
normalised correction and need not hold the estimate itself.

A log whose weights are all zero holds no item that the policy in question would show, so it says nothing of that
policy. ``Estimate.unsupported`` marks such a log. IPS then is 0, SNIPS is undefined (NaN), and doubly robust is the
mean of the prediction, as the direct method is. The interval of these three is [0, 1], all that a share can be.
IPS and doubly robust stay unbiased over all logs because of these values: leaving such logs out would bias both.

References:
    Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.
    Satterthwaite (1946), An approximate distribution of estimates of variance components, Biometrics Bulletin 2.
    Horvitz and Thompson (1952), A generalization of sampling without replacement from a finite universe, JASA 47 (IPS).
    Dudik, Langford and Li (2011), Doubly robust policy evaluation and learning, ICML.
    Swaminathan and Joachims (2015), The self-normalized estimator for counterfactual learning, NIPS (SNIPS).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from mmrec.errors import InputError


@dataclass(frozen=True)
class Log:
    """Answers as the estimators need them; the last axis runs over showings, leading ones over separate logs.

    Attributes:
        weight: (..., n), pi / mu of the item that was shown.
        answer: (..., n), 1 for a like, else 0.
        predicted: (..., n), the predicted answer to that item.
        planned: (..., n), the answer that is predicted for the policy in question, with the same user.
        square: (..., n), the mean square of the weights that this user might have met, sum over items of pi^2 / mu.
    """

    weight: np.ndarray
    answer: np.ndarray
    predicted: np.ndarray
    planned: np.ndarray
    square: np.ndarray


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, each with the leading shape of the log.

    Attributes:
        value: (...); NaN only for SNIPS, and only where ``unsupported``.
        low, high: (...), ends of the interval; 0 and 1 where the log says nothing.
        unsupported: (...) bool, whether all weights of the log are zero and the estimate reads them. The direct method
            reads no weights, so it is never marked.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    unsupported: np.ndarray


def direct(log: Log, level: float = 0.95) -> Estimate:
    """The prediction, believed. Its interval knows of the users drawn and not of the prediction's fault."""
    n = _showings(log)
    value, unmarked = log.planned.mean(axis=-1), np.zeros(log.planned.shape[:-1], bool)
    if n == 1:  # one showing has no spread to read an error from
        return Estimate(value, np.zeros_like(value), np.ones_like(value), unmarked)
    reach = norm.ppf((1 + level) / 2) * log.planned.std(axis=-1, ddof=1) / np.sqrt(n)
    return Estimate(value, value - reach, value + reach, unmarked)


def ips(log: Log, level: float = 0.95) -> Estimate:
    """Inverse propensity scores: the mean of w r."""
    n = _showings(log)
    w, r = _relative(log.weight), log.answer
    value, even, squared = (log.weight * r).mean(axis=-1), _under(w, r), _under(w**2, r)  # (...)
    square = log.square.mean(axis=-1)
    wander = _pull(w**2, r, squared) - _pull(w, r, even)  # (..., n), of the moved share
    band = _quantile(wander * square[..., None], square * squared - value**2, level) / n
    # (value - v)^2 = band (square (squared - even + v) - v^2), or a v^2 - 2 b v + c = 0
    a, b, c = 1 + band, value + band * square / 2, value**2 - band * square * (squared - even)
    reach = np.sqrt(np.maximum(b**2 - a * c, 0))
    return _marked(log, value, (b - reach) / a, (b + reach) / a)


def snips(log: Log, level: float = 0.95) -> Estimate:
    """Self-normalised IPS: the mean of the answers, weighted by w; NaN where all weights are zero."""
    _showings(log)
    value = np.where(_unsupported(log), np.nan, _under(_relative(log.weight), log.answer))
    return _around(value, log, np.zeros_like(log.answer), level)


def doubly_robust(log: Log, level: float = 0.95) -> Estimate:
    """The prediction, corrected by what the log says of its errors."""
    _showings(log)
    value = (log.planned + log.weight * (log.answer - log.predicted)).mean(axis=-1)
    return _around(value, log, log.predicted - log.planned, level)


ESTIMATORS = {"direct": direct, "IPS": ips, "SNIPS": snips, "doubly robust": doubly_robust}


def _showings(log: Log) -> int:
    """n, the length of the logs.

    Raises:
        InputError: the log is empty.
    """
    if not log.weight.shape[-1]:
        raise InputError("the log holds no showing, so no policy can be estimated from it")
    return log.weight.shape[-1]


def _unsupported(log: Log) -> np.ndarray:
    """(...) bool: logs whose weights are all zero."""
    return np.asarray(~(log.weight > 0).any(axis=-1))


def _relative(weight: np.ndarray) -> np.ndarray:
    """(..., n): weights divided by the largest of their log, so that squares of tiny ones stay above 0.

    Ones in a log of zeros: its sums then divide, and ``_marked`` puts the interval [0, 1] there.
    """
    largest = weight.max(axis=-1, keepdims=True)
    return np.where(largest > 0, weight / np.where(largest > 0, largest, 1), 1.0)


def _marked(log: Log, value: np.ndarray, low: np.ndarray, high: np.ndarray) -> Estimate:
    """The estimate, with [0, 1] as the interval of each log whose weights are all zero."""
    nothing = _unsupported(log)
    return Estimate(value, np.where(nothing, 0.0, low), np.where(nothing, 1.0, high), nothing)


def _under(weight: np.ndarray, of: np.ndarray) -> np.ndarray:
    """(...): weighted mean over showings."""
    return (weight * of).sum(axis=-1) / weight.sum(axis=-1)


def _pull(weight: np.ndarray, of: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(..., n): by how much a weighted mean changes when a showing counts more, its derivative."""
    return weight * (of - mean[..., None]) / weight.sum(axis=-1, keepdims=True)


def _quantile(wander: np.ndarray, variance: np.ndarray, level: float) -> np.ndarray:
    """(...): squared quantile of Student's t for a variance that each of the showings pulls by ``wander`` (..., n)."""
    apart = (wander**2).sum(axis=-1)
    freedom = 2 * variance**2 / np.where(apart > 0, apart, np.inf)
    freedom = np.where(apart > 0, np.maximum(freedom, 1), np.inf)
    return student.ppf((1 + level) / 2, freedom) ** 2


def _around(value: np.ndarray, log: Log, shift: np.ndarray, level: float) -> Estimate:
    """The interval of SNIPS and doubly robust; its lower end is the upper one of dislikes."""
    w = _relative(log.weight)
    low, high = 1 - _upper_end(w, 1 - log.answer, -shift, level), _upper_end(w, log.answer, shift, level)
    return _marked(log, value, low, high)


def _upper_end(w: np.ndarray, r: np.ndarray, g: np.ndarray, level: float) -> np.ndarray:
    """(...): the largest v up to 1 with (middle - v)^2 = t^2 S(v) / effective size; w, r, g are (..., n)."""
    squares = w**2
    middle = _under(w, r - g)  # (...)
    # to reach v, a dislike becomes a like with probability 1 - (1 - v) / (1 - middle), so that
    # S(v) = mean (1 - g - v)^2 - (1 - v) / (1 - middle) mean (1 - r) (1 - 2 g - 2 v) = s0 + s1 v + s2 v^2
    room = np.where(middle < 1, 1 - middle, np.inf)
    still, slope = _under(squares, (1 - r) * (1 - 2 * g)) / room, _under(squares, 1 - r) / room
    s0 = _under(squares, (1 - g) ** 2) - still
    s1 = still + 2 * slope - 2 * _under(squares, 1 - g)
    s2 = 1 - 2 * slope
    off = (r - g - middle[..., None]) ** 2  # (..., n)
    spread = _under(squares, off)
    wander = _pull(squares, off, spread) - (still - 2 * middle * slope)[..., None] * _pull(w, r - g, middle)
    band = _quantile(wander, spread, level) * squares.sum(axis=-1) / w.sum(axis=-1) ** 2
    a, b, c = 1 - band * s2, middle + band * s1 / 2, middle**2 - band * s0  # a v^2 - 2 b v + c = 0
    root = (b + np.sqrt(np.maximum(b**2 - a * c, 0))) / np.where(a > 0, a, 1)
    return np.where(a > 0, np.clip(root, 0, 1), 1.0)


def effective_size(log: Log) -> np.ndarray:
    """(...): showings that would say as much if all weighed the same, (sum w)^2 / sum w^2 (Kish, 1965).

    0 where all weights are zero.
    """
    w = _relative(log.weight)
    return np.where(_unsupported(log), 0.0, w.sum(axis=-1) ** 2 / (w**2).sum(axis=-1))


def exact_moments(
    logging: np.ndarray, target: np.ndarray, probability: np.ndarray, predicted: np.ndarray
) -> dict[str, tuple[float, float]]:
    """Expectation and deviation of one showing's term, by summing over all users, items and answers.

    IPS, doubly robust and the direct method are means of such terms over n showings drawn alike. Their expectation
    therefore is the term's, whatever n is, and their deviation the term's over sqrt(n). No log is drawn. SNIPS is a
    ratio and has no such sum.

    Args:
        logging, target: (U, I), probabilities of showing each item; ``logging`` is above 0 wherever ``target`` is.
        probability: (U, I), probability of a like.
        predicted: (U, I), predicted answers, not learned from the log.

    Returns:
        estimator -> (expectation, deviation).
    """
    ratio = np.divide(target, logging, out=np.zeros_like(target), where=logging > 0)  # (U, I), w
    shown = logging / len(logging)  # (U, I), probability that a showing is this pair
    planned = np.broadcast_to((target * predicted).sum(axis=1, keepdims=True), ratio.shape)  # (U, I)
    terms = {  # (after a like, after none), each (U, I)
        "direct": (planned, planned),
        "IPS": (ratio, np.zeros_like(ratio)),
        "doubly robust": (planned + ratio * (1 - predicted), planned - ratio * predicted),
    }
    found = {}
    for name, (like, none) in terms.items():
        mean = float((shown * (probability * like + (1 - probability) * none)).sum())
        variance = (shown * (probability * (like - mean) ** 2 + (1 - probability) * (none - mean) ** 2)).sum()
        found[name] = mean, float(np.sqrt(variance))
    return found


def softmax_policy(scores: np.ndarray, temperature: float, floor: float = 0.0) -> np.ndarray:
    """Chances of showing each item: softmax of the scores, a share ``floor`` of it dealt out evenly.

    Args:
        scores: (U, I).
        temperature: the lower, the nearer to the best item alone.
        floor: in [0, 1]; above 0 every item has a probability of at least floor / I, whatever the scores.

    Returns:
        (U, I), rows sum to 1.

    Raises:
        InputError: the temperature is not above 0.
    """
    if temperature <= 0:
        raise InputError(f"temperature must be above 0, not {temperature}: without random lists there are no weights")
    shifted = (scores - scores.max(axis=1, keepdims=True)) / temperature
    weights = np.exp(shifted)
    return (1 - floor) * weights / weights.sum(axis=1, keepdims=True) + floor / scores.shape[1]


def draw_logs(
    logging: np.ndarray,
    target: np.ndarray,
    probability: np.ndarray,
    predicted: np.ndarray,
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> Log:
    """Logs of simulated users: a user at random, an item by the logging policy, an answer by the truth.

    Args:
        logging: (U, I), mu; every item that ``target`` may show must have a probability above 0.
        target: (U, I), pi.
        probability: (U, I), of a like.
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
    ratio = np.divide(target, logging, out=np.zeros_like(target), where=logging > 0)  # (U, I)
    return Log(
        weight=ratio[person, item],
        answer=(rng.random(shape) < probability[person, item]).astype(np.float64),
        predicted=predicted[person, item],
        planned=(target * predicted).sum(axis=1)[person],
        square=(target * ratio).sum(axis=1)[person],
    )
