import keras
import numpy as np
import pytest

from mmrec.text import BagOfWords, count_words, inverse_document_frequency, tokenise, weights


def test_tokenise():
    assert tokenise("Don’t PANIC, ２ films!") == ["don't", "panic", "2", "films"]
    assert "推荐" in tokenise("推荐abc")
    assert tokenise("推荐abc")[-1] == "abc"


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


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weighting", ["given", "uniform", "learned"])
def test_formula(seed, weighting):
    rng = np.random.default_rng(seed)
    f = rng.random((1 + seed, 4, 5), "float32")
    w, mask = rng.random(f.shape[:2], "float32"), rng.random(f.shape[:2]) < 0.6
    mask[0] = False
    layer = BagOfWords(weighting=weighting)
    layer.build(f.shape)
    v = rng.normal(size=5).astype("float32")
    if weighting == "learned":
        layer.query.assign(v)
    expected = np.zeros((len(f), 5))
    for b in range(len(f)):
        rows = [i for i in range(4) if mask[b, i]]
        raw = {i: {"given": w[b, i], "uniform": 1.0, "learned": np.exp(f[b, i] @ v)}[weighting] for i in rows}
        for i in rows:
            expected[b] += f[b, i] * raw[i] / (1 if weighting == "given" else sum(raw.values()))
    got = keras.ops.convert_to_numpy(layer(f, w=w, mask=mask))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_save_and_train(tmp_path):
    inputs = keras.Input((3, 4))
    model = keras.Model(inputs, BagOfWords(weighting="learned")(inputs))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).random((8, 3, 4), "float32")
    before = model.get_weights()[0]
    model.train_on_batch(x, np.ones((8, 4)))
    assert not np.allclose(before, model.get_weights()[0])
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(model.predict(x, verbose=0), again.predict(x, verbose=0), rtol=1e-5)
