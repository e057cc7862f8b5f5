"""Sentiment of a text in [0, 1], section 3.2.1 of the document; explained in notebooks/10-sentiment.ipynb.

Two lexicons that learn nothing, a classifier that learns from labelled reviews, and how to check its probabilities.

References:
    Hutto, Gilbert (2014), VADER: a parsimonious rule-based model for sentiment analysis of social media text, ICWSM.
    Wang, Manning (2012), Baselines and bigrams: simple, good sentiment and topic classification, ACL.
    Wolpert (1992), Stacked generalization, Neural Networks 5.
    Kull, Silva Filho, Flach (2017), Beta calibration, AISTATS.
    Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, ICML.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from mmrec.errors import InputError
from mmrec.text import tokenise


def vader(texts: Sequence[str]) -> np.ndarray:
    """Sentiment of English texts by the lexicon and rules of VADER: (n,) float64, (compound + 1) / 2.

    A text without a word of the lexicon (an empty one, or one in Chinese) gets 0.5.
    """
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()
    return np.array([(analyser.polarity_scores(text)["compound"] + 1) / 2 for text in texts], float)


def snownlp(texts: Sequence[str]) -> np.ndarray:
    """Sentiment of Chinese texts by SnowNLP's naive Bayes, trained on shopping reviews: (n,) float64.

    Weak: neutral sentences get high scores, since its training texts know none, and short ones extreme scores.
    Use its order rather than its value. An empty text gets 0.5.
    """
    from snownlp import SnowNLP

    return np.array([SnowNLP(text).sentiments if text.strip() else 0.5 for text in texts], float)


class LogRatio(TransformerMixin, BaseEstimator):
    """Multiply each column by the log ratio of its share in the two classes (Wang and Manning 2012).

    r_v = ln((1 + n+_v) / (V + sum n+)) - ln((1 + n-_v) / (V + sum n-)), n_v the texts of a class that hold v.
    """

    def fit(self, X: Any, y: np.ndarray) -> Self:
        """Count in (n, V) sparse X; y (n,) bool."""
        held = X > 0  # (n, V)
        shares = []
        for chosen in (y, ~y):
            counts = 1 + np.asarray(held[np.flatnonzero(chosen)].sum(axis=0)).ravel()  # (V,)
            shares.append(np.log(counts / counts.sum()))
        self.ratio_ = (shares[0] - shares[1]).astype(np.float32)  # (V,)
        return self

    def transform(self, X: Any) -> csr_matrix:
        """(n, V) sparse -> (n, V)."""
        return csr_matrix(X.multiply(self.ratio_))


class _Block:
    """Weighted counts of the texts or of the titles, fitted on some rows."""

    def __init__(self, counts: csr_matrix, least: int) -> None:
        frequency = np.asarray((counts > 0).sum(axis=0)).ravel()  # (V,)
        self.columns = np.flatnonzero(frequency >= least)  # (V',)
        self.tfidf = TfidfTransformer(sublinear_tf=True).fit(counts[:, self.columns])

    def __call__(self, counts: csr_matrix) -> csr_matrix:
        return self.tfidf.transform(counts[:, self.columns])  # (n, V')


class _Members:
    """Linear readers of the same columns, fitted on some rows: each gives a text one score."""

    def __init__(
        self, blocks: Sequence[csr_matrix], liked: np.ndarray, ratings: np.ndarray | None, least: int, C: float
    ) -> None:
        self.blocks = [_Block(counts, least) for counts in blocks]
        X = self._columns(blocks)  # (n, V)
        settings: Any = {"C": C, "solver": "newton-cg", "tol": 1e-3}  # a few steps, several times faster than others
        self.plain = LogisticRegression(**settings).fit(X, liked)
        weighted = make_pipeline(LogRatio(), LogisticRegression(**settings)).fit(X, liked)
        self.readers: list[Any] = [self.plain.decision_function, weighted.decision_function]
        if ratings is not None:  # stars tell more than yes or no
            self.readers.append(Ridge(alpha=1.0, solver="lsqr", tol=1e-2).fit(X, ratings).predict)

    def _columns(self, blocks: Sequence[csr_matrix]) -> csr_matrix:
        weighted = [block(counts) for block, counts in zip(self.blocks, blocks, strict=True)]
        return csr_matrix(hstack(weighted))  # (n, V)

    def scores(self, blocks: Sequence[csr_matrix]) -> np.ndarray:
        """(n, M), one column a reader."""
        X = self._columns(blocks)  # (n, V)
        return np.column_stack([read(X) for read in self.readers])


def _ends(chances: np.ndarray) -> np.ndarray:
    """(n, 2) chances 1 - p and p -> (n, 2) ln p and -ln(1 - p)."""
    return np.log(np.clip(chances[:, ::-1], 1e-9, 1)) * np.array([1, -1])


class SentimentClassifier:
    """Learns from labelled reviews how likely a review is a favourable one.

    Words and pairs of words of text and title, each weighted by tf-idf in columns of their own, are read by two or
    three linear models: logistic regression, the same on columns multiplied by naive Bayes log ratios, and, where
    stars are given, a ridge regression on them. A logistic regression on the scores that they give to products
    they were not fitted on puts them together, and a second one on ln p and -ln(1 - p) of its result makes that a
    probability that can be believed (beta calibration: few reviews are unfavourable, so the two ends err differently).

    Args:
        ngram: count sequences of 1 to this many words.
        least: leave out what fewer texts hold.
        C: inverse strength of the penalty of the logistic regressions.
        folds: parts of the products that the putting together is fitted on.
        seed: of the parts.

    Attributes:
        classes_: (2,) the order of the columns of ``predict_proba``: False, True.
    """

    classes_ = np.array([False, True])

    def __init__(self, ngram: int = 2, least: int = 2, C: float = 4.0, folds: int = 3, seed: int = 0) -> None:
        self.ngram, self.least, self.C, self.folds, self.seed = ngram, least, C, folds, seed

    def fit(
        self,
        texts: Sequence[str],
        liked: np.ndarray,
        titles: Sequence[str] | None = None,
        groups: np.ndarray | None = None,
        ratings: np.ndarray | None = None,
    ) -> Self:
        """Learn from n training reviews; nothing else is looked at, vocabulary included.

        Args:
            texts: n texts, Chinese, English or both.
            liked: (n,) bool.
            titles: n titles; without them the classifier reads texts alone.
            groups: (n,) products, which are never divided between parts; each review its own product when None.
            ratings: (n,) stars, used for learning alone.

        Raises:
            InputError: lengths differ, one class is absent, or there are fewer products than parts.
        """
        liked = np.asarray(liked, bool)
        groups = np.arange(len(liked)) if groups is None else np.asarray(groups)
        lengths = {len(part) for part in (texts, liked, titles, groups, ratings) if part is not None}
        if len(lengths) > 1:
            raise InputError("texts, labels, titles, groups and ratings must be of one length")
        parts = self.parts(groups)
        if any(len(np.unique(liked[train])) < 2 for train, _ in parts):
            raise InputError("each part of the products needs favourable and unfavourable reviews: give more reviews")
        # counting fits nothing: columns that a part's training rows do not hold often enough are left out in _Block
        self._counters = [
            CountVectorizer(analyzer=self._analyse, min_df=self.least) for _ in self._given(texts, titles)
        ]
        try:
            blocks = [c.fit_transform(t) for c, t in zip(self._counters, self._given(texts, titles), strict=True)]
        except ValueError as error:  # nothing but rare words
            raise InputError(f"no word stands in {self.least} of the texts (or titles): give more reviews") from error
        stars = None if ratings is None else np.asarray(ratings, float)
        made = [self._members(blocks, liked, stars, train).scores([b[test] for b in blocks]) for train, test in parts]
        scores = np.concatenate(made)  # (n, M), of products unseen
        order = np.concatenate([test for _, test in parts])
        self._together = LogisticRegression().fit(scores, liked[order])
        chances = self._together.predict_proba(scores)  # (n, 2)
        bend = LogisticRegression().fit(_ends(chances), liked[order])
        self._bend = bend if (bend.coef_ > 0).all() else None  # on few reviews it may turn the order round
        self._all = self._members(blocks, liked, stars, np.arange(len(liked)))
        return self

    def parts(self, groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows to fit on and rows left out, for each of ``folds`` parts; no product is in both.

        Raises:
            InputError: there are fewer products than parts.
        """
        if len(np.unique(groups)) < self.folds:
            raise InputError(
                f"{len(np.unique(groups))} products cannot make {self.folds} parts: give more, or fewer parts"
            )
        folds = GroupKFold(self.folds, shuffle=True, random_state=self.seed)
        return list(folds.split(groups, groups=groups))

    def _members(
        self, blocks: Sequence[csr_matrix], liked: np.ndarray, stars: np.ndarray | None, rows: np.ndarray
    ) -> _Members:
        some = None if stars is None else stars[rows]
        return _Members([block[rows] for block in blocks], liked[rows], some, self.least, self.C)

    def _given(self, texts: Sequence[str], titles: Sequence[str] | None) -> list[Sequence[str]]:
        return [texts] if titles is None else [texts, titles]

    def _analyse(self, text: str) -> list[str]:
        words = tokenise(text)
        return [" ".join(words[i : i + n]) for n in range(1, self.ngram + 1) for i in range(len(words) - n + 1)]

    def predict_proba(self, texts: Sequence[str], titles: Sequence[str] | None = None) -> np.ndarray:
        """(n, 2) chances of an unfavourable and of a favourable review, in the order of ``classes_``.

        Raises:
            InputError: not fitted, or titles are given though it was fitted without, or the other way round.
        """
        if not hasattr(self, "_all"):
            raise InputError("the classifier is not fitted: call fit first")
        given = self._given(texts, titles)
        if len(given) != len(self._counters) or len({len(part) for part in given}) > 1:
            raise InputError("give texts and titles of one length if it was fitted with titles, else texts alone")
        if not len(texts):
            return np.zeros((0, 2))
        blocks = [counter.transform(part) for counter, part in zip(self._counters, given, strict=True)]
        chances = self._together.predict_proba(self._all.scores(blocks))  # (n, 2)
        return chances if self._bend is None else self._bend.predict_proba(_ends(chances))

    def weights(self) -> pd.Series:
        """What each word weighs in the plain logistic regression, lowest first; words of titles as ``title: word``."""
        names: list[str] = []
        for prefix, counter, block in zip(("", "title: "), self._counters, self._all.blocks, strict=False):
            names += [prefix + word for word in counter.get_feature_names_out()[block.columns]]
        return pd.Series(self._all.plain.coef_[0], index=names, name="weight").sort_values()


def reliability(predicted: np.ndarray, observed: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """Predicted probabilities next to observed shares, in bins of equal width; bins without a prediction are left out.

    Args:
        predicted: (n,) in [0, 1].
        observed: (n,) bool.
        bins: number of bins of [0, 1].

    Returns:
        A row a bin: low, high, count, predicted (mean), observed (share).

    Raises:
        InputError: a prediction is outside [0, 1], or lengths differ.
    """
    predicted, observed = np.asarray(predicted, float), np.asarray(observed, bool)
    if predicted.shape != observed.shape or not ((predicted >= 0) & (predicted <= 1)).all():
        raise InputError("give a prediction in [0, 1] for each observation")
    place = np.minimum((predicted * bins).astype(int), bins - 1)  # (n,)
    table = pd.DataFrame({"predicted": predicted, "observed": observed.astype(float)}).groupby(place)
    edges = pd.DataFrame({"low": np.arange(bins) / bins, "high": (np.arange(bins) + 1) / bins})
    return edges.join(table.size().rename("count"), how="inner").join(table.mean()).reset_index(drop=True)


def calibration_error(predicted: np.ndarray, observed: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error, sum_b n_b / n |mean predicted - share observed| (Guo et al. 2017); NaN for none."""
    table = reliability(predicted, observed, bins)
    if table.empty:
        return float("nan")
    return float(np.average((table["predicted"] - table["observed"]).abs(), weights=table["count"]))
