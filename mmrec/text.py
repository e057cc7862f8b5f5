"""Texts: segmentation, counts f(d_i) and weights w_i of formula (1), keywords. Explained in notebooks/02-text.ipynb."""

import logging
import math
import unicodedata
import warnings
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import regex
from scipy.sparse import csr_matrix

from mmrec.errors import InputError

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_LETTER = rf"[[\p{{L}}\p{{N}}]--[{_HAN}]]"
# A Hindi or a vocalised Arabic word goes on after a mark. Without what only picks a picture (enclosing marks, variation
# selectors): a 2 drawn as a key is a 2.
_MARK = r"[[\p{Mn}\p{Mc}]--[\ufe00-\ufe0f\U000e0100-\U000e01ef]]"
_JOINERS = r"\u200c\u200d"  # invisible, inside words of Sinhala and Persian
_LETTERS = rf"{_LETTER}+(?:{_MARK}{_LETTER}*|[{_JOINERS}]{_LETTER}+)*"
_WORD = regex.compile(rf"(?V1)(?P<han>[{_HAN}]+)|{_LETTERS}(?:'{_LETTERS})*")


@lru_cache(maxsize=1)
def _jieba() -> Any:
    with warnings.catch_warnings():  # loaded on the first Chinese text only, and without its messages
        warnings.simplefilter("ignore")
        import jieba
    jieba.setLogLevel(logging.WARNING)
    return jieba


def tokenise(text: str) -> list[str]:
    """Words of a text in Chinese, English or both; punctuation is dropped.

    Other scripts are cut where their letters end, and a mark (vowel sign, accent) continues a word. So what is
    written without spaces is not cut: in Thai, Lao, Khmer or Burmese a run of letters is one word, and so is one of
    kana in Japanese, whose Chinese characters are cut by a Chinese dictionary.

    >>> tokenise("Don't panic, 2 Films!")
    ["don't", 'panic', '2', 'films']
    """
    words: list[str] = []
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")):
        words += _jieba().lcut(match.group()) if match["han"] else [match.group()]
    return words


def count_words(texts: Sequence[str], vocabulary_size: int = 4096, ngram: int = 1) -> csr_matrix:
    """f(d_i) of formula (1), section 4.2: how often each word occurs in each text.

    A hash picks the word's column. Nothing is fitted, so nothing of a test text can leak into the features,
    and a row depends on its own text alone, so each row can be cached. Two words may share a column.

    Args:
        texts: n texts.
        vocabulary_size: V, number of columns.
        ngram: count sequences of 1 to this many words.

    Returns:
        (n, V) float32 sparse counts.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    def analyse(text: str) -> list[str]:
        words = tokenise(text)
        return [" ".join(words[i : i + n]) for n in range(1, ngram + 1) for i in range(len(words) - n + 1)]

    if not len(texts):
        return csr_matrix((0, vocabulary_size), dtype=np.float32)
    hashing = HashingVectorizer(
        n_features=vocabulary_size, alternate_sign=False, norm=None, analyzer=analyse, dtype=np.float32
    )
    return csr_matrix(hashing.transform(texts))  # (n, V)


def inverse_document_frequency(counts: csr_matrix, rows: np.ndarray | None = None) -> np.ndarray:
    """Smooth inverse document frequency, idf_v = ln((1 + n) / (1 + df_v)) + 1.

    Args:
        counts: (n, V) word counts.
        rows: the rows to fit on (the training texts); all when None.

    Returns:
        (V,) float32.
    """
    fitted = counts if rows is None else counts[rows]  # (n', V)
    frequency = np.asarray((fitted > 0).sum(axis=0)).ravel()  # (V,)
    return (np.log((1 + fitted.shape[0]) / (1 + frequency)) + 1).astype(np.float32)  # (V,)


def keywords(texts: Sequence[str], k: int = 5, corpus: Sequence[str] | None = None) -> list[list[str]]:
    """The k words that tell a text from the others: those with the largest count times inverse document frequency.

    Args:
        texts: n texts, Chinese, English or both.
        k: words for each text at most; of equal ones, those that come first in the text.
        corpus: the texts that the document frequency is counted in (the training texts); ``texts`` when None.

    Returns:
        n lists, the most telling word first; an empty list for a text without words.

    Reference: Sparck Jones (1972), A statistical interpretation of term specificity.

    >>> keywords(["the robot", "the cowboy", "the kiss"], 1)
    [['robot'], ['cowboy'], ['kiss']]
    """
    if k < 1:
        raise InputError(f"k is {k}: give 1 or more")
    cut = [tokenise(text) for text in texts]
    others = cut if corpus is None else [tokenise(text) for text in corpus]
    frequency = Counter(word for words in others for word in set(words))

    def telling(words: list[str]) -> list[str]:
        value = {
            word: n * (math.log((1 + len(others)) / (1 + frequency[word])) + 1) for word, n in Counter(words).items()
        }
        return sorted(value, key=lambda word: -value[word])[:k]  # sorting keeps the order of equal ones

    return [telling(words) for words in cut]


def weights(
    kind: str,
    n: int | None = None,
    *,
    timestamps: np.ndarray | None = None,
    half_life: float | None = None,
    ratings: np.ndarray | None = None,
) -> np.ndarray:
    """The weights w_i of one user's (or item's) n texts.

    Args:
        kind: "uniform" (1/n), "recency" (2^(-age / half_life), age counted from the newest text, scaled to sum 1)
            or "rating" (rating minus the mean of the ratings given: disliked items push away).
        n: number of texts, for "uniform".
        timestamps: (n,) times in any unit, for "recency".
        half_life: age at which a weight has halved, in that unit.
        ratings: (n,) ratings, for "rating".

    Returns:
        (n,) float32.

    Raises:
        InputError: unknown kind, or what the kind needs is not given.
    """
    if kind == "uniform" and n is not None:
        return np.full(n, 1 / max(n, 1), np.float32)
    if kind == "recency" and timestamps is not None and half_life is not None and half_life > 0:
        times = np.asarray(timestamps, np.float64)
        decay = np.exp2(-(times.max(initial=-np.inf) - times) / half_life)  # (n,)
        return (decay / max(decay.sum(), 1e-12)).astype(np.float32)
    if kind == "rating" and ratings is not None:
        given = np.asarray(ratings, np.float64)
        return (given - given.mean() if len(given) else given).astype(np.float32)
    raise InputError(
        f"weights {kind!r}: give uniform with n, recency with timestamps and half_life, rating with ratings"
    )
