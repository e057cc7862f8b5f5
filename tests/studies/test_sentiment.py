import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import roc_auc_score

from mmrec.errors import InputError
from studies.sentiment import classifier as sentiment
from studies.sentiment.classifier import LogRatio, SentimentClassifier, calibration_error, reliability

GOOD = ("lovely soft dress", "fits well and looks great", "great colour", "很喜欢，质量很好", "非常舒服，颜色漂亮")
BAD = (
    "cheap thin fabric",
    "does not fit and looks bad",
    "bad colour, returned",
    "很失望，质量太差",
    "不舒服，颜色难看",
)


@pytest.fixture(scope="module")
def corpus():
    """240 reviews of 24 products; one of ten has the wrong label."""
    rng = np.random.default_rng(0)
    liked = rng.random(240) < 0.6
    said = liked ^ (rng.random(240) < 0.1)
    texts = [" ".join(rng.choice(GOOD if good else BAD, 2)) for good in said]
    titles = [str(rng.choice(("love it", "") if good else ("sent back", ""))) for good in said]
    return texts, titles, liked, np.repeat(np.arange(24), 10), np.where(liked, 5.0, 2.0)


@pytest.fixture(scope="module")
def fitted(corpus):
    texts, titles, liked, products, stars = corpus
    return SentimentClassifier().fit(texts, liked, titles, products, stars)


def test_lexicons_are_bounded_and_know_good_from_bad():
    low, high, empty = sentiment.vader(["This is terrible, I hate it.", "Wonderful, I love it!", ""])
    assert 0 <= low < 0.3 < 0.7 < high <= 1
    assert empty == 0.5
    low, high, empty = sentiment.snownlp(["质量太差，很失望。", "质量很好，非常喜欢！", " "])
    assert 0 <= low < 0.5 < high <= 1
    assert empty == 0.5


def test_favourable_is_the_second_column_and_rows_sum_to_one(fitted):
    texts = ["great lovely dress", "returned, cheap and bad", "很喜欢，漂亮", "很失望，太差", ""]
    chances = fitted.predict_proba(texts, ["love it", "sent back", "", "", ""])
    assert fitted.classes_.tolist() == [False, True]
    assert chances.shape == (5, 2)
    assert ((chances >= 0) & (chances <= 1)).all()
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert chances[0, 1] > 0.7 > 0.4 > chances[1, 1]
    assert chances[2, 1] > chances[3, 1]
    assert fitted.predict_proba([], []).shape == (0, 2)


def test_titles_have_columns_of_their_own(fitted):
    weights = fitted.weights()
    assert weights.is_monotonic_increasing
    assert weights["title: love it"] > 0 > weights["title: sent back"]
    assert weights["great"] > 0 > weights["bad"]
    love, back = fitted.predict_proba(["colour", "colour"], ["love it", "sent back"])[:, 1]
    assert love > back


def test_without_titles_stars_and_products(corpus):
    texts, _, liked, *_ = corpus
    model = SentimentClassifier(ngram=1).fit(texts, liked)
    assert roc_auc_score(liked, model.predict_proba(texts)[:, 1]) > 0.8
    with pytest.raises(InputError, match="texts alone"):
        model.predict_proba(texts, texts)


def test_no_product_is_on_both_sides(corpus):
    products = corpus[3]
    model = SentimentClassifier(folds=4)
    left_out = []
    for train, test in model.parts(products):
        assert not set(products[train]) & set(products[test])
        left_out += list(test)
    assert sorted(left_out) == list(range(len(products)))


def test_each_part_is_fitted_on_its_own_rows_and_words(corpus, monkeypatch):
    texts, titles, liked, products, stars = corpus
    texts = [f"{text} word{product} word{product}x" for text, product in zip(texts, products, strict=True)]
    calls = []
    whole = SentimentClassifier._members

    def watch(self, blocks, labels, ratings, rows):
        members = whole(self, blocks, labels, ratings, rows)
        names = self._counters[0].get_feature_names_out()[members.blocks[0].columns]
        calls.append((set(products[rows]), {name for name in names if name.startswith("word") and " " not in name}))
        return members

    monkeypatch.setattr(SentimentClassifier, "_members", watch)
    model = SentimentClassifier().fit(texts, liked, titles, products, stars)
    assert len(calls) == 4
    for some, words in calls:
        assert words == {f"word{product}{end}" for product in some for end in ("", "x")}
    assert "unheard" not in model.weights()
    model.predict_proba(["unheard unheard"], [""])
    assert "unheard" not in model.weights()


def test_the_same_again_and_what_cannot_be_fitted(corpus, fitted):
    texts, titles, liked, products, stars = corpus
    again = SentimentClassifier().fit(texts, liked, titles, products, stars)
    np.testing.assert_array_equal(again.predict_proba(texts, titles), fitted.predict_proba(texts, titles))
    with pytest.raises(InputError, match="one length"):
        SentimentClassifier().fit(texts[1:], liked)
    with pytest.raises(InputError, match="cannot make 3 parts"):
        SentimentClassifier().fit(texts, liked, groups=products > 10)
    with pytest.raises(InputError, match="favourable and unfavourable"):
        SentimentClassifier().fit(texts, np.ones(len(texts), bool))
    with pytest.raises(InputError, match="no word"):
        SentimentClassifier().fit([""] * len(texts), liked)
    with pytest.raises(InputError, match="not fitted"):
        SentimentClassifier().predict_proba(texts)


def test_log_ratio_by_hand():
    held = csr_matrix(np.array([[1, 0], [2, 0], [0, 3.0]]))
    found = LogRatio().fit_transform(held, np.array([True, True, False]))
    plus, minus = np.log([3 / 4, 1 / 4]), np.log([1 / 3, 2 / 3])
    np.testing.assert_allclose(found.toarray(), held.toarray() * (plus - minus), rtol=1e-6)


def test_reliability_by_hand():
    predicted, observed = np.array([0.05, 0.15, 0.15, 1.0]), np.array([False, True, False, True])
    table = reliability(predicted, observed)
    assert table["count"].tolist() == [1, 2, 1]
    np.testing.assert_allclose(table["low"], [0, 0.1, 0.9])
    np.testing.assert_allclose(table["predicted"], [0.05, 0.15, 1])
    np.testing.assert_allclose(table["observed"], [0, 0.5, 1])
    assert calibration_error(predicted, observed) == pytest.approx((0.05 + 2 * 0.35 + 0) / 4)
    assert np.isnan(calibration_error(np.zeros(0), np.zeros(0, bool)))
    with pytest.raises(InputError, match=r"in \[0, 1\]"):
        reliability(np.array([1.2]), np.array([True]))


def test_chances_that_are_right_have_a_small_error():
    rng = np.random.default_rng(1)
    probability = rng.random(20000)
    happened = rng.random(20000) < probability
    assert calibration_error(probability, happened) < 0.02
    assert calibration_error(probability**2, happened) > 0.1
