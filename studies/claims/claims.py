"""The claims of section 3.3 as criteria with bounds, and the functions that judge them.

Explained in notebooks/17-claims.ipynb; ``studies/claims/record.py`` records what takes too long to run there.

References:
    Calandrino, Kilzer, Narayanan, Felten and Shmatikov (2011), "You might also like": privacy risks of collaborative
    filtering, IEEE Symposium on Security and Privacy.
    Yeom, Giacomelli, Fredrikson and Jha (2018), Privacy risk in machine learning: analyzing the connection to
    overfitting, CSF (training rows are distinguished from other rows by how well the model fits them).
    Dwork and Roth (2014), The algorithmic foundations of differential privacy, Foundations and Trends in TCS 9.
    Dwork, Talwar, Thakurta and Zhang (2014), Analyze Gauss: optimal bounds for privacy-preserving PCA, STOC.
    Balle and Wang (2018), Improving the Gaussian mechanism for differential privacy: analytical calibration and
    optimal denoising, ICML.
    Nadeau and Bengio (2003), Inference for the generalization error, Machine Learning 52.
    Welch (1947), The generalization of "Student's" problem when several different population variances are involved,
    Biometrika 34.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.sparse import csr_matrix
from scipy.special import log_ndtr
from scipy.stats import t as student
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import normalize

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.data.split import Split
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.statistics import ratio_interval
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.models.ease import zero_diagonal_weights
from mmrec.models.item_to_item import ItemToItem, gram_matrix
from mmrec.models.settings import seed_of, setting

Interval = tuple[float, float, float]
"""Value, lower end, upper end."""
SUPPORTED, NOT_SUPPORTED, NOT_TESTABLE = "supported here", "not supported here", "not testable here"
WAITING = "not recorded yet"
LARGE = 10**9
"""Parameters from which section 2.1 of the document calls a model large ("billions")."""


@dataclass(frozen=True)
class Criterion:
    """What must be found for one part of a claim to be supported.

    Attributes:
        claim: which of the six.
        name: of the result that decides.
        statement: in words.
        bound: what the result is compared with.
        least: whether the result must be at least, or at most, the bound.
    """

    claim: str
    name: str
    statement: str
    bound: float
    least: bool = True

    def verdict(self, found: Interval) -> str:
        """Supported where the whole interval is on the right side of the bound; else not."""
        _, low, high = found
        return SUPPORTED if (low >= self.bound if self.least else high <= self.bound) else NOT_SUPPORTED

    def reason(self, found: Interval) -> str:
        """Where the interval is: beyond the bound is evidence against; around it is too little evidence."""
        _, low, high = found
        if self.verdict(found) == SUPPORTED:
            return "whole interval on the right side of the bound"
        if high < self.bound if self.least else low > self.bound:
            return "whole interval on the wrong side of the bound"
        return "undecided: the interval contains the bound"


@dataclass(frozen=True)
class Untestable:
    """A part of a claim that nothing here can test.

    Attributes:
        claim: which of the six.
        name: of the part.
        statement: in words.
        limit: why, with the fields ``{largest}`` (parameters of the largest network run) and ``{large}``.
    """

    claim: str
    name: str
    statement: str
    limit: str


CRITERIA = (
    Criterion("efficiency", "one list", "seconds for one user's list, eight times the catalogue", 0.1, False),
    Criterion("efficiency", "listing grows", "exponent of listing time by items, largest of the models", 1.1, False),
    Criterion("efficiency", "ease-features grows", "exponent of fitting time by items (closed form)", 1.1, False),
    Criterion("efficiency", "document-user grows", "largest exponent of epoch time by items, users, rows", 1.1, False),
    Criterion("efficiency", "two-towers grows", "largest exponent of epoch time by items, users, rows", 1.1, False),
    Criterion("efficiency", "fusion grows", "largest exponent of epoch time by items, users, rows", 1.1, False),
    Criterion("efficiency", "encoding grows", "largest exponent of encoding time by items", 1.1, False),
    Criterion("flexibility", "any set", "NDCG on new items minus shuffled features, worst of seven sets", 0),
    Criterion("flexibility", "richer", "NDCG on new items, all modalities minus one alone, worst of three", 0),
    Criterion("flexibility", "mixed", "NDCG on new items, own mixes minus the mean over the seven sets", -0.02),
    Criterion(
        "flexibility", "copes (new items)", "NDCG on new items, given fewer minus trained on fewer, worst of 3", -0.02
    ),
    Criterion(
        "flexibility", "copes (known items)", "NDCG on known items, given fewer minus trained on fewer, worst", -0.02
    ),
    Criterion(
        "personalisation", "linear (known items)", "NDCG of the linear model minus lists without a user, worst", 0
    ),
    Criterion("personalisation", "linear (new items)", "the same on new items, linear model", 0),
    Criterion("personalisation", "network (known items)", "NDCG of the network minus lists without a user, worst", 0),
    Criterion("personalisation", "network (new items)", "the same on new items, network", 0),
    Criterion(
        "personalisation", "deep (known items)", "NDCG of the network minus the linear model, both with content", 0
    ),
    Criterion("personalisation", "deep (new items)", "the same on new items, network minus linear model", 0),
    Criterion("personalisation", "content", "NDCG of the linear model minus the same with content weight 0", 0),
    Criterion("compute cost", "slower", "exponent of seconds per text by parameters (transformers)", 0.5),
    Criterion("compute cost", "heavier", "exponent of memory by parameters (transformers)", 0.5),
    Criterion("compute cost", "text encoders", "NDCG on new items, largest trained minus bag of words", 0),
    Criterion("compute cost", "image encoders", "NDCG on new items, largest trained minus untrained filters", 0),
    Criterion("compute cost", "audio encoders", "NDCG on new items, largest trained minus mel bands", 0),
    Criterion("preprocessing", "time (linear)", "share of the time before a linear model is fitted", 0.5),
    Criterion("preprocessing", "time (network)", "share of the time before the network is fitted", 0.5),
    Criterion("privacy", "a rating", "probability to distinguish a training like from a held-out one, by EASE", 0.5),
    Criterion("privacy", "by content", "the same by a profile of texts, pictures and sounds", 0.5),
    Criterion("privacy", "a user", "probability to distinguish users in training, by the item weights", 0.5),
    Criterion("privacy", "protection costs", "share of the gain kept under noise with epsilon 1", 0.9, False),
)
UNTESTABLE = (
    Untestable(
        "efficiency",
        "large models",
        "a model of billions of parameters is efficient",
        "the largest network run here has {largest} parameters, {factor} times fewer than {large}",
    ),
    Untestable(
        "personalisation",
        "needs",
        "the system understands what users need",
        "ratings of the past say what users chose; needs take an experiment with users",
    ),
    Untestable(
        "compute cost",
        "large models",
        "models of billions of parameters need much hardware",
        "the largest network run here has {largest} parameters, {factor} times fewer than {large}, and no GPU is used",
    ),
    Untestable(
        "preprocessing",
        "skill",
        "preprocessing demands much technical skill",
        "skill is a property of a team, and no team was observed; the time that it takes is a substitute",
    ),
    Untestable(
        "privacy",
        "media of users",
        "pictures, sounds and texts made by users reveal more about them",
        "the media of this catalogue belong to items",
    ),
)
"""The document's sentences that no data or machine here can test."""
LEVEL = 1 - 0.05 / len(CRITERIA)
"""Level of each interval, so that all of them together hold with 95% (Bonferroni)."""


def verdict_table(
    found: Mapping[str, Interval], largest: int, criteria: Sequence[Criterion] = CRITERIA
) -> pd.DataFrame:
    """A row per criterion and per untestable part: claim, criterion, result with its interval, verdict, reason.

    A criterion without a result waits for the record to be made again.

    Args:
        found: name of a criterion -> result.
        largest: parameters of the largest network that was run.
        criteria: to be judged.
    """
    rows = {}
    for one in criteria:
        result = found.get(one.name)
        rows[one.claim, one.name] = {
            "criterion": f"{one.statement}: {'at least' if one.least else 'at most'} {one.bound:g}",
            "result": "-" if result is None else "{:.3g} [{:.3g}, {:.3g}]".format(*result),
            "verdict": WAITING if result is None else one.verdict(result),
            "reason": "the record is to be made again" if result is None else one.reason(result),
        }
    fields = {"largest": f"{largest:,}", "large": f"{LARGE:,}", "factor": f"{LARGE / max(largest, 1):,.0f}"}
    for part in UNTESTABLE:
        rows[part.claim, part.name] = {
            "criterion": part.statement,
            "result": "-",
            "verdict": NOT_TESTABLE,
            "reason": part.limit.format(**fields),
        }
    order = {claim: place for place, claim in enumerate(dict.fromkeys(one.claim for one in criteria))}
    table = pd.DataFrame(rows).T
    table.index.names = ["claim", "name"]
    return table.iloc[np.argsort([order[claim] for claim, _ in table.index], kind="stable")]


def worst(results: Iterable[Interval]) -> Interval:
    """Of several results that must all be large: the least value, the least lower end, the least upper end.

    If each interval covers its value with some level, the least lower end is below the least value at that level:
    to judge the worst one needs no further correction.
    """
    return tuple(float(part) for part in np.min(list(results), axis=0))  # type: ignore[return-value]


def largest(results: Iterable[Interval]) -> Interval:
    """Of several results that must all be small: the largest value, lower end and upper end."""
    return tuple(float(part) for part in np.max(list(results), axis=0))  # type: ignore[return-value]


def growth(sizes: Sequence[float], seconds: np.ndarray) -> Interval:
    """Exponent of seconds = c * size^exponent by least squares on logarithms, with its interval of ``LEVEL``.

    Args:
        sizes: (n,).
        seconds: (n, R) of R repeats.
    """
    x = np.log(np.repeat(np.asarray(sizes, float), seconds.shape[1]))  # (nR,)
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


@dataclass(frozen=True)
class Crossed:
    """A metric of the same users in several draws or seeds, as its two margins; differences are those of margins.

    Attributes:
        draws: (D,) mean over the users of each draw.
        users: (U,) mean over the draws of each user; NaN for a user without a value in any.
    """

    draws: np.ndarray
    users: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> "Crossed":
        """From (D, U), NaN where a user has no value in a draw."""
        counts = np.isfinite(values).sum(axis=0)
        means = np.where(counts > 0, np.nansum(values, axis=0) / np.maximum(counts, 1), np.nan)
        return cls(np.nanmean(values, axis=1), means)

    @classmethod
    def from_json(cls, margins: Mapping[str, Any]) -> "Crossed":
        """From what ``as_json`` gave."""
        users = [float("nan") if word == "-" else int(word) / 10_000 for word in margins["users"].split()]
        return cls(np.array(margins["draws"], float), np.array(users))

    def as_json(self) -> dict[str, Any]:
        """Draws as they are; users as one line of ten-thousandths, "-" for NaN, so that records stay small."""
        users = ["-" if np.isnan(value) else str(round(10_000 * float(value))) for value in self.users]
        return {"draws": [round(float(value), 6) for value in self.draws], "users": " ".join(users)}

    def __sub__(self, other: "Crossed") -> "Crossed":
        return Crossed(self.draws - other.draws, self.users - other.users)

    @classmethod
    def mean_of(cls, several: Sequence["Crossed"]) -> "Crossed":
        """The mean of metrics of the same draws and users."""
        return cls(np.mean([one.draws for one in several], axis=0), np.mean([one.users for one in several], axis=0))

    def interval(self, share: float = 0.0) -> Interval:
        """Mean over the draws with an interval of ``LEVEL`` that covers both other draws and other users.

        The variance is the sum of two parts, with Welch's degrees of freedom. Users: that of a mean over users. Draws:
        1 / D + share / (1 - share) times that of the draws' means, since draws overlap (Nadeau and Bengio, 2003).

        Args:
            share: of the items (or rows) that a draw holds out; 0 for seeds, which are independent.
        """
        users, draws = self.users[np.isfinite(self.users)], len(self.draws)
        parts = np.array([users.var(ddof=1) / len(users), 0.0])
        freedom = np.array([len(users) - 1.0, 1.0])
        if draws > 1:
            parts[1] = self.draws.var(ddof=1) * (1 / draws + share / (1 - share))
            freedom[1] = draws - 1
        mean, total = float(self.draws.mean()), parts.sum()
        if total == 0:
            return mean, mean, mean
        reach = float(student.ppf((1 + LEVEL) / 2, total**2 / (parts**2 / freedom).sum()) * np.sqrt(total))
        return mean, mean - reach, mean + reach


class Given(Recommender):
    """Scores that were computed before, one row per user: to evaluate variants of a model's scores.

    Args:
        matrix: (U, I).
    """

    name: ClassVar[str] = "given"

    def __init__(self, matrix: np.ndarray) -> None:
        super().__init__()
        self.matrix = np.asarray(matrix, np.float32)

    def _fit(self, train: Interactions, features: Features | None) -> None:
        """Nothing is learned."""

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32: rows of the matrix."""
        return self.matrix[users]

    def state(self) -> dict[str, np.ndarray]:
        """The matrix."""
        return {"matrix": self.matrix}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take it back."""
        self.matrix = state["matrix"]


def without_user(scores: np.ndarray, rng: np.random.Generator) -> dict[str, Given]:
    """Two controls that keep a model's scores and lose the user: (U, I) -> name -> model.

    ``another's``: users are lined up in a random ring and each gets the scores of the next one. ``mean score``: each
    gets the mean over all users.
    """
    ring = rng.permutation(len(scores))
    neighbour = np.empty_like(ring)
    neighbour[ring] = np.roll(ring, 1)
    mean = np.broadcast_to(scores.mean(axis=0, dtype=np.float64), scores.shape)
    return {"another's": Given(scores[neighbour]), "mean score": Given(mean)}


def popularity_by_content(train: Interactions, features: Features) -> Given:
    """One list for everyone: a ridge regression from content to log(1 + training likes).

    It is fitted on the items with a training row. Each modality is centred and scaled to the same total variance there.
    The ridge is chosen by leave-one-out error on these items.
    """
    known = train.known_items()  # (I,)
    parts = []
    for name in features.modalities:
        here = known & features.mask(name)
        block = np.asarray(features.blocks[name], np.float64)  # (I, d)
        centred = np.where(features.mask(name)[:, None], block - block[here].mean(axis=0), 0)
        parts.append(centred / max(np.sqrt(block[here].var(axis=0).sum()), 1e-9))
    content = np.concatenate([*parts, features.present.astype(float)], axis=1)  # (I, F)
    likes = np.bincount(train.likes().item, minlength=train.n_items)  # (I,)
    fitted = RidgeCV(np.logspace(-3, 3, 13)).fit(content[known], np.log1p(likes[known]))
    return Given(np.broadcast_to(fitted.predict(content), (train.n_users, train.n_items)))


def reached(model: Recommender, split: Split, case: str = "warm", metric: str = "ndcg@20") -> np.ndarray:
    """(U,) what a fitted model reaches for each user on test; NaN for users without a relevant item."""
    run = evaluate(model, split, case)
    placed = np.full(split.train.n_users, np.nan)
    placed[run.users] = run.per_user[metric]
    return placed


def told(result: Interval, digits: int = 3) -> str:
    """``value [low, high]``."""
    return "{:.{d}f} [{:.{d}f}, {:.{d}f}]".format(*result, d=digits)


def share_kept(
    full: np.ndarray, reduced: np.ndarray, base: np.ndarray, rng: np.random.Generator, draws: int = 10_000
) -> Interval:
    """(reduced - base) / (full - base) of the means, with its bootstrap interval of ``LEVEL`` over users.

    Args:
        full, reduced, base: (n,) values of the same users in the same order.
        rng: source of the draws; a drawn user brings all three values along.
        draws: bootstrap samples.
    """
    return ratio_interval(np.subtract(reduced, base), np.subtract(full, base), rng, LEVEL, draws)


def mixed_modalities(features: Features, rng: np.random.Generator) -> Features:
    """Each item keeps its own random part of the modalities it has: any that is not empty, all equally likely."""
    parts = np.array(list(product((False, True), repeat=len(MODALITIES)))[1:])  # (7, 3)
    within = (parts <= features.present[:, None]).all(axis=2)  # (I, 7)
    drawn = parts[np.argmax(within * rng.random(within.shape), axis=1)]  # (I, 3)
    present = features.present & drawn
    blocks = {name: features.blocks[name] * present[:, [MODALITIES.index(name)]] for name in features.modalities}
    return replace(features, blocks=blocks, present=present)


def rating_attack(scores: np.ndarray, learned: Interactions, held: Interactions) -> np.ndarray:
    """Probability that a user's training rating is scored above a held-out one: (U,), 0.5 is a guess; ties count half.

    NaN for users without a rating of either sort. If ``held`` was drawn at random from all ratings, only what
    the model learned distinguishes the two.

    Args:
        scores: (U, I) of the model that was fitted on ``learned``.
        learned, held: the rows that it was fitted on, and the held-out ones.
    """
    found = np.full(len(scores), np.nan)
    inside, outside = learned.matrix(), held.matrix()
    for user in np.flatnonzero(np.diff(inside.indptr) * np.diff(outside.indptr)):
        yes, no = (scores[user, rows.indices[rows.indptr[user] : rows.indptr[user + 1]]] for rows in (inside, outside))
        found[user] = np.mean((yes[:, None] > no) + 0.5 * (yes[:, None] == no))
    return found


def user_attack(weights: np.ndarray, liked: csr_matrix) -> np.ndarray:
    """(U,): mean weight between the items of a user, which the user's own rows in training have raised.

    Args:
        weights: (I, I), public; the diagonal is not read.
        liked: (U, I) of ones, what the attacker knows of each user.
    """
    off = weights - np.diag(np.diag(weights))
    count = np.asarray(liked.sum(axis=1)).ravel()  # (U,)
    total = np.asarray((liked @ off)[liked.nonzero()]).ravel()
    return np.bincount(liked.nonzero()[0], total, minlength=len(count)) / np.maximum(count * (count - 1), 1)


def noise_deviation(epsilon: float, delta: float) -> float:
    """Least deviation of Gaussian noise that is (epsilon, delta)-private where one user changes a sum by at most 1.

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
    """EASE whose weights are (epsilon, delta)-differentially private: they hardly reveal any user's likes.

    Each user's likes are scaled to length 1, so one user more changes X'X by a matrix of norm 1. Symmetric Gaussian
    noise hides that, and negative eigenvalues are raised to 0. The weights are public; a user's own likes enter only
    the user's own scores.
    """

    name: ClassVar[str] = "ease-private"
    l2: float = setting(10.0, "weight of the squared entries of B", low=0)
    epsilon: float = setting(1.0, "how much is revealed; infinite for no noise", above=0, high=np.inf)
    delta: float = setting(1e-5, "the probability of revealing more", above=0, below=1)
    seed: int = seed_of("the noise")

    def _item_weights(self, train: Interactions, features: Features | None) -> np.ndarray:
        gram = gram_matrix(normalize(self.chosen))  # (I, I)
        if np.isfinite(self.epsilon):
            deviation = noise_deviation(self.epsilon, self.delta)
            gram = hidden(gram, deviation, np.random.default_rng(self.seed))
        return zero_diagonal_weights(gram, self.l2)
