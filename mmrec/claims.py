"""The claims of section 3.3, each as criteria fixed before their figures were computed, and what judges them.

Explained in notebooks/17-claims.ipynb; ``benchmarks/claims.py`` records what takes too long to run there.

References:
    Calandrino, Kilzer, Narayanan, Felten and Shmatikov (2011), "You might also like": privacy risks of collaborative
    filtering, IEEE Symposium on Security and Privacy.
    Yeom, Giacomelli, Fredrikson and Jha (2018), Privacy risk in machine learning: analyzing the connection to
    overfitting, CSF (members are told from others by how well the model fits them).
    Dwork and Roth (2014), The algorithmic foundations of differential privacy, Foundations and Trends in TCS 9.
    Dwork, Talwar, Thakurta and Zhang (2014), Analyze Gauss: optimal bounds for privacy-preserving PCA, STOC.
    Balle and Wang (2018), Improving the Gaussian mechanism for differential privacy: analytical calibration and
    optimal denoising, ICML.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.sparse import csr_matrix
from scipy.special import log_ndtr
from scipy.stats import t as student
from sklearn.preprocessing import normalize

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.features.table import Features
from mmrec.models.ease import zero_diagonal_weights
from mmrec.models.item_to_item import ItemToItem, gram_matrix

Interval = tuple[float, float, float]
"""Value, lower end, upper end; all three are equal for what was counted."""
SUPPORTED, NOT_SUPPORTED, OPEN = "supported", "not supported", "open"


@dataclass(frozen=True)
class Criterion:
    """What must be found for a claim to be supported.

    Attributes:
        claim: which of the six.
        name: of the figure that decides.
        statement: in words.
        bound: what the figure is held against.
        least: whether the figure must be at least, or at most, the bound.
    """

    claim: str
    name: str
    statement: str
    bound: float
    least: bool = True

    def verdict(self, found: Interval) -> str:
        """Supported, or not, where the whole interval lies on one side of the bound; else open."""
        _, low, high = found
        if low >= self.bound if self.least else high <= self.bound:
            return SUPPORTED
        if high < self.bound if self.least else low > self.bound:
            return NOT_SUPPORTED
        return OPEN


CRITERIA = (
    Criterion("efficiency", "listing grows", "exponent of the time to list for all, by items", 1.1, False),
    Criterion("efficiency", "one list", "seconds for one person's list, eight times the catalogue", 0.1, False),
    Criterion("efficiency", "fitting grows", "exponent of the time to fit with content, by items", 1.1, False),
    Criterion("flexibility", "subsets", "sets of modalities that train and list, of seven", 7),
    Criterion("flexibility", "one missing", "share of the gain kept without the modality missed most", 0.8),
    Criterion("flexibility", "mixed", "share of the gain kept if each item has its own mix of modalities", 0.8),
    Criterion("flexibility", "richer", "NDCG of all modalities minus that of the best one", 0),
    Criterion("personalisation", "lists differ", "share of a list that another person is shown, too", 0.5, False),
    Criterion("personalisation", "own or another's", "NDCG of the own list minus that of another person's", 0),
    Criterion("personalisation", "own or common", "NDCG of the own list minus that of the most popular", 0),
    Criterion("personalisation", "content", "NDCG with content minus that of EASE, which has none", 0),
    Criterion("personalisation", "deep", "NDCG of the fusion network minus that of linear models with content", 0),
    Criterion("compute cost", "dearer", "processor time of the network, features included, over that of EASE", 10),
    Criterion("compute cost", "memory", "megabytes at the peak of the network's training: more than 8 GB", 8192),
    Criterion("compute cost", "hours", "processor seconds of the network, features included: an hour", 3600),
    Criterion("preprocessing", "time, linear", "share of the time before a linear model is fitted", 0.5),
    Criterion("preprocessing", "time, network", "share of the time before the network is fitted", 0.5),
    Criterion("preprocessing", "code", "share of the code that prepares data, beside that of all models", 0.5),
    Criterion("preprocessing", "techniques", "libraries that preparing needs over those that models need", 2),
    Criterion("privacy", "a rating", "chance to tell a learned rating from one held back, by scores", 0.55),
    Criterion("privacy", "a person", "chance to tell who was learned from, by the item-to-item weights", 0.55),
    Criterion("privacy", "content leaks", "the chance to tell a rating with content minus without", 0),
    Criterion("privacy", "mending costs", "share of the gain kept under noise that promises epsilon 1", 0.9, False),
)
LEVEL = 1 - 0.05 / len(CRITERIA)
"""Level of each interval, so that all of them together hold with 95% (Bonferroni)."""


def verdict_table(found: Mapping[str, Interval], criteria: Sequence[Criterion] = CRITERIA) -> pd.DataFrame:
    """A row a criterion: claim, statement, bound, figure with its interval, verdict.

    Raises:
        KeyError: a figure is missing.
    """
    rows = [
        {
            "claim": one.claim,
            "criterion": f"{one.statement} is {'>=' if one.least else '<='} {one.bound:g}",
            "found": "{:.3g} [{:.3g}, {:.3g}]".format(*found[one.name]),
            "verdict": one.verdict(found[one.name]),
        }
        for one in criteria
    ]
    return pd.DataFrame(rows, index=[one.name for one in criteria])


def overall(verdicts: Sequence[str]) -> str:
    """A claim is supported if all its criteria are, not supported if one of them is not, else open."""
    if NOT_SUPPORTED in verdicts:
        return NOT_SUPPORTED
    return SUPPORTED if all(one == SUPPORTED for one in verdicts) else OPEN


def growth(sizes: Sequence[float], seconds: np.ndarray) -> Interval:
    """Exponent of seconds = c * size^exponent by least squares on logarithms, with its interval of ``LEVEL``.

    Args:
        sizes: (n,).
        seconds: (n, R) of R repeats.
    """
    x = np.log(np.repeat(sizes, seconds.shape[1]))  # (nR,)
    x, y = x - x.mean(), np.log(seconds).ravel()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    reach = student.ppf((1 + LEVEL) / 2, len(x) - 2) * np.sqrt(rest @ rest / (len(x) - 2) / (x @ x))
    return slope, slope - float(reach), slope + float(reach)


def repeats_interval(values: np.ndarray, *, log: bool = False) -> Interval:
    """Mean over repeats with Student's interval of ``LEVEL``: (R,); ``log`` for ratios, whose geometric mean it is."""
    y = np.log(values) if log else np.asarray(values, float)
    reach = student.ppf((1 + LEVEL) / 2, len(y) - 1) * y.std(ddof=1) / np.sqrt(len(y))
    ends = np.array([y.mean(), y.mean() - reach, y.mean() + reach])
    value, low, high = np.exp(ends) if log else ends
    return float(value), float(low), float(high)


def share_kept(
    full: np.ndarray, reduced: np.ndarray, base: np.ndarray, rng: np.random.Generator, draws: int = 10_000
) -> Interval:
    """(reduced - base) / (full - base) of the means, with its bootstrap interval of ``LEVEL`` over users.

    Args:
        full, reduced, base: (n,) values of the same users in the same order.
        rng: source of the draws; a drawn user brings all three values along.
        draws: bootstrap samples.
    """
    gains = np.stack([np.subtract(reduced, base), np.subtract(full, base)], axis=1)  # (n, 2)
    n, found = len(gains), []
    for at in range(0, draws, 1000):
        times = rng.multinomial(n, np.full(n, 1 / n), size=min(1000, draws - at))  # (D, n)
        found.append(times @ gains)  # (D, 2)
    drawn = np.concatenate(found)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(gains[:, 0].mean() / gains[:, 1].mean()), float(low), float(high)


def shared_items(lists: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(U // 2,) share of a person's list that another one's holds, too, in random pairs; nobody is in two pairs.

    Args:
        lists: (U, k) items.
        rng: draws the pairs.
    """
    order = rng.permutation(len(lists))
    half = len(order) // 2
    first, second = lists[order[:half]], lists[order[half : 2 * half]]
    return (first[:, :, None] == second[:, None, :]).any(axis=2).mean(axis=1)


def mixed_modalities(features: Features, rng: np.random.Generator) -> Features:
    """Each item keeps its own random part of the modalities it has: any that is not empty, all equally likely."""
    parts = np.array(list(product((False, True), repeat=len(MODALITIES)))[1:])  # (7, 3)
    within = (parts <= features.present[:, None]).all(axis=2)  # (I, 7)
    drawn = parts[np.argmax(within * rng.random(within.shape), axis=1)]  # (I, 3)
    present = features.present & drawn
    blocks = {name: features.blocks[name] * present[:, [MODALITIES.index(name)]] for name in features.modalities}
    return replace(features, blocks=blocks, present=present)


def rating_attack(scores: np.ndarray, learned: Interactions, held: Interactions) -> np.ndarray:
    """How well scores tell which of a person's ratings a model has learned: (U,), 0.5 is a guess; ties count half.

    NaN for a person without a rating of either sort. If ``held`` was drawn at random from all ratings, nothing but
    what the model learned can tell them apart.

    Args:
        scores: (U, I) of the model that was fitted on ``learned``.
        learned, held: what it was fitted on, and what was held back.
    """
    told = np.full(len(scores), np.nan)
    inside, outside = learned.matrix(), held.matrix()
    for user in np.flatnonzero(np.diff(inside.indptr) * np.diff(outside.indptr)):
        yes, no = (scores[user, rows.indices[rows.indptr[user] : rows.indptr[user + 1]]] for rows in (inside, outside))
        told[user] = np.mean((yes[:, None] > no) + 0.5 * (yes[:, None] == no))
    return told


def person_attack(weights: np.ndarray, liked: csr_matrix) -> np.ndarray:
    """(U,): mean weight between the items of a person, which their own rows in training have raised.

    Args:
        weights: (I, I), public; the diagonal is not read.
        liked: (U, I) of ones, what the attacker knows of each person.
    """
    off = weights - np.diag(np.diag(weights))
    count = np.asarray(liked.sum(axis=1)).ravel()  # (U,)
    total = np.asarray((liked @ off)[liked.nonzero()]).ravel()
    return np.bincount(liked.nonzero()[0], total, minlength=len(count)) / np.maximum(count * (count - 1), 1)


def noise_deviation(epsilon: float, delta: float) -> float:
    """Least deviation of Gaussian noise that is (epsilon, delta)-private where a person changes a sum by at most 1.

    The exact condition of Balle and Wang (2018), Theorem 8.
    """

    def excess(deviation: float) -> float:
        near, far = 0.5 / deviation - epsilon * deviation, -0.5 / deviation - epsilon * deviation
        return float(np.exp(log_ndtr(near)) - np.exp(epsilon + log_ndtr(far))) - delta

    return float(brentq(excess, 1e-4, 1e6, xtol=1e-10))


def hidden(gram: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """A symmetric matrix (I, I) under symmetric Gaussian noise, its negative eigenvalues raised to 0."""
    noise = np.triu(rng.normal(0, deviation, gram.shape))
    values, vectors = np.linalg.eigh(gram + noise + np.triu(noise, 1).T)
    return (vectors * np.maximum(values, 0)) @ vectors.T


class PrivateEASE(ItemToItem):
    """EASE whose weights are (epsilon, delta)-differentially private: nobody's likes can be told from them.

    Each person's likes are scaled to length 1, so that one person more changes X'X by a matrix of norm 1; symmetric
    Gaussian noise hides that, and negative eigenvalues are raised to 0. The weights are public; a person's own likes
    enter only the person's own scores.

    Args:
        l2: weight of the squared entries of B.
        epsilon: how much is given away; infinite for no noise.
        delta: the chance of giving away more.
        seed: of the noise.
    """

    name: ClassVar[str] = "ease-private"

    def __init__(self, l2: float = 10.0, epsilon: float = 1.0, delta: float = 1e-5, seed: int = 0) -> None:
        super().__init__(l2=l2, epsilon=epsilon, delta=delta, seed=seed)

    def _item_weights(self, train: Interactions, features: Features | None) -> np.ndarray:
        gram = gram_matrix(normalize(self.chosen))  # (I, I)
        if np.isfinite(self.settings["epsilon"]):
            deviation = noise_deviation(self.settings["epsilon"], self.settings["delta"])
            gram = hidden(gram, deviation, np.random.default_rng(self.settings["seed"]))
        return zero_diagonal_weights(gram, self.settings["l2"])
