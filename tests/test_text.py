import unicodedata

import keras
import numpy as np
import pytest
from conftest import DTYPES, SEEDS, assert_every_weight_learns, assert_survives_saving, random_shape

from mmrec.errors import InputError
from mmrec.layers import BagOfWords
from mmrec.text import count_words, inverse_document_frequency, keywords, tokenise, weights


def test_tokenise():
    assert tokenise("Don’t PANIC, ２ films!") == ["don't", "panic", "2", "films"]
    assert "推荐" in tokenise("推荐abc")
    assert tokenise("推荐abc")[-1] == "abc"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("मैं हिन्दी पढ़ता हूँ।", ["मैं", "हिन्दी", "पढ़ता", "हूँ"]),
        ("قال مُحَمَّد، نعم", ["قال", "مُحَمَّد", "نعم"]),
        ("M\u0300a q\u0303, e\u0301", ["m\u0300a", "q\u0303", "\u00e9"]),  # composed where Unicode has a letter for it
        ("İstanbul", ["i\u0307stanbul"]),  # so casefold spells it
        ("ශ්\u200dරී ලංකා", ["ශ්\u200dරී", "ලංකා"]),
        ("می\u200cخواهم \u200cنه\u200c", ["می\u200cخواهم", "نه"]),
        ("o'q\u0303 'tis", ["o'q\u0303", "tis"]),
        ("ภาษาไทย", ["ภาษาไทย"]),  # not segmented, as the docstring says
        ("音乐动人，值得推荐。", ["音乐", "动人", "值得", "推荐"]),
        ("推荐abc हिन्दी, C3PO's 2.5", ["推荐", "abc", "हिन्दी", "c3po's", "2", "5"]),
        ("\u0301 1\ufe0f\u20e3 ❤\ufe0f snake_case", ["1", "snake", "case"]),  # a mark begins no word
    ],
)
def test_marks_continue_a_word(text, words):
    assert tokenise(text) == [unicodedata.normalize("NFKC", word) for word in words]


def test_counts_and_idf():
    counts = count_words(["a b a", "", "b"], 64)
    assert counts.dtype == np.float32
    assert counts.shape == (3, 64)
    np.testing.assert_array_equal(counts.sum(1).A1 if hasattr(counts.sum(1), "A1") else counts.sum(1), [3, 0, 1])
    df = (counts.toarray()[:2] > 0).sum(0)
    np.testing.assert_allclose(
        inverse_document_frequency(counts, np.array([0, 1])), np.log(3 / (1 + df)) + 1, rtol=1e-6
    )


def test_weights():
    np.testing.assert_allclose(weights("uniform", 4), 0.25)
    np.testing.assert_allclose(weights("recency", timestamps=np.array([0, 10]), half_life=10), [1 / 3, 2 / 3])
    np.testing.assert_allclose(weights("rating", ratings=np.array([1, 5])), [-2, 2])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weighting", ["given", "uniform", "learned"])
def test_formula(seed, weighting, dtype):
    rng = np.random.default_rng(seed)
    f = rng.random(random_shape(seed, 5, 6, 9)).astype(dtype)
    w, mask = rng.random(f.shape[:2], "float32"), rng.random(f.shape[:2]) < 0.6
    mask[0] = False  # no text at all
    layer = BagOfWords(weighting=weighting)
    layer.build(f.shape)
    v = rng.normal(size=f.shape[2]).astype("float32")
    if weighting == "learned":
        layer.query.assign(v)
    expected, exact = np.zeros((len(f), f.shape[2])), f.astype("float64")
    for b in range(len(f)):
        rows = [i for i in range(f.shape[1]) if mask[b, i]]
        raw = {i: {"given": w[b, i], "uniform": 1.0, "learned": np.exp(exact[b, i] @ v)}[weighting] for i in rows}
        for i in rows:
            expected[b] += exact[b, i] * raw[i] / (1 if weighting == "given" else sum(raw.values()))
    got = keras.ops.convert_to_numpy(layer(f, w=w, mask=mask))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    assert not got[0].any()


@pytest.mark.parametrize("weighting", ["uniform", "learned"])
def test_saving(tmp_path, weighting):
    inputs = keras.Input((3, 4))
    model = keras.Model(inputs, BagOfWords(weighting=weighting)(inputs))
    assert_survives_saving(model, np.random.default_rng(0).random((8, 3, 4), "float32"), tmp_path / "m.keras")


def test_learned_weights_learn():
    inputs = keras.Input((3, 4))
    model = keras.Model(inputs, BagOfWords(weighting="learned")(inputs))
    assert_every_weight_learns(model, np.random.default_rng(0).random((8, 3, 4), "float32"), np.ones((8, 4)))


def test_unit_length():
    x = np.random.default_rng(0).random((2, 3, 4), "float32")
    got = keras.ops.convert_to_numpy(BagOfWords(weighting="uniform", l2_normalise=True)(x))
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, rtol=1e-5)


def test_pairs_of_words():
    assert count_words(["a b c"], 4096, ngram=2).sum() == 5  # a, b, c, a b, b c


def test_keywords():
    texts = ["the robot and a star", "the kiss", "", "电影、科幻", "电影、爱情、爱情", "12 34"]
    got = keywords(texts, 2)
    assert got[0] == ["robot", "and"]  # "the" is in two texts; the rest is equal and comes as it stands
    assert got[1] == ["kiss", "the"]
    assert got[2] == []
    assert got[3][0] == "科幻"
    assert got[4][0] == "爱情"
    tokens = [tokenise(text) for text in texts]
    for words, best in zip(tokens, keywords(texts, 1), strict=True):
        value = {w: words.count(w) * (np.log(7 / (1 + sum(w in other for other in tokens))) + 1) for w in words}
        assert [value[word] for word in best] == sorted(value.values())[-1:]
    assert keywords(["red star"], 1, corpus=["red", "red", "star"]) == [["star"]]
    with pytest.raises(InputError, match="k is 0"):
        keywords(texts, 0)
