"""Word vectors: what they learn, and their loss against plain NumPy."""

import keras
import numpy as np
import pytest

from mmrec.errors import InputError
from studies.text.word_vectors import PairBatches, SkipGram, WordVectors, negative_sampling_loss, train_embeddings


def sentences(n=300, seed=0):
    """Cats and dogs do the same things; so do cars and trucks, and they do others."""
    rng = np.random.default_rng(seed)
    pets, machines = (("cat", "dog"), ("eats", "sleeps", "purrs")), (("car", "truck"), ("drives", "brakes", "rusts"))
    texts = []
    for _ in range(n):
        who, what = pets if rng.random() < 0.5 else machines
        texts.append(f"the {rng.choice(who)} {rng.choice(what)} and {rng.choice(what)}")
    return texts


def train(seed=0):
    return train_embeddings(sentences(), embedding_size=8, window=3, epochs=12, seed=seed, batch_size=256)


def test_words_of_the_same_contexts_come_near():
    vectors = train()
    assert vectors.nearest("cat", 1)[0][0] == "dog"
    assert vectors.nearest("truck", 1)[0][0] == "car"
    cosine = dict(vectors.nearest("cat", 20))
    assert cosine["dog"] > cosine["car"] + 0.3


def test_the_same_seed_gives_the_same_bits():
    first, again, other = train(), train(), train(1)
    assert first.words == again.words
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert np.abs(first.vectors - other.vectors).max() > 1e-3


def test_pooling():
    rng = np.random.default_rng(0)
    vectors = WordVectors(("a", "b", "电影"), rng.normal(size=(3, 4)).astype("float32"), np.array([1, 3, 2], "float32"))
    a, b, film = vectors.vectors
    got = vectors.pool(["a b b", "nobody knows", "", "电影 a"])
    np.testing.assert_allclose(got[0], (a + 2 * b) / 3, rtol=1e-5)
    assert not got[1:3].any()
    np.testing.assert_allclose(got[3], (film + a) / 2, rtol=1e-5)
    np.testing.assert_allclose(vectors.pool(["电影 a"], weights="idf")[0], (2 * film + a) / 3, rtol=1e-5)
    with pytest.raises(InputError, match="uniform"):
        vectors.pool(["a"], weights="magic")
    with pytest.raises(InputError, match="nobody"):
        vectors.nearest("nobody")


def test_loss_and_gradient_against_numpy():
    """One step of plain gradient descent moves the tables by the gradient worked out by hand."""
    rng = np.random.default_rng(0)
    model = SkipGram(6, 3)
    u, v = rng.normal(size=(6, 3)).astype("float32"), rng.normal(size=(6, 3)).astype("float32")
    model.centres.set_weights([u])
    model.contexts.set_weights([v])
    centre, context, negatives = np.array([0, 1, 0]), np.array([2, 3, 4]), np.array([[3, 5], [1, 1], [2, 0]])
    inputs = {"centre": centre, "context": context, "negatives": negatives}

    sigma = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    du, dv, losses = np.zeros((6, 3)), np.zeros((6, 3)), []
    for c, o, drawn in zip(centre, context, negatives, strict=True):
        losses.append(-np.log(sigma(u[c] @ v[o])) - sum(np.log(sigma(-u[c] @ v[k])) for k in drawn))
        for word, label in [(o, 1), *((k, 0) for k in drawn)]:
            error = sigma(u[c] @ v[word]) - label
            du[c] += error * v[word] / len(centre)
            dv[word] += error * u[c] / len(centre)
    logits = model(inputs)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(negative_sampling_loss(None, logits)), losses, rtol=1e-5)

    model.compile(keras.optimizers.SGD(1.0), negative_sampling_loss, jit_compile=False)
    model.train_on_batch(inputs, np.zeros((3, 3), "float32"))
    np.testing.assert_allclose(u - model.centres.get_weights()[0], du, atol=1e-5)
    np.testing.assert_allclose(v - model.contexts.get_weights()[0], dv, atol=1e-5)


def test_pairs_are_neighbours():
    rows = np.array([0, 1, 2, 3], np.int32)
    batches = PairBatches([rows], np.ones(4), window=2, negatives=3, batch_size=100, rng=np.random.default_rng(0))
    seen = set()
    for _ in range(30):
        inputs, _ = batches[0]
        assert inputs["negatives"].shape == (len(inputs["centre"]), 3)
        seen |= set(zip(inputs["centre"].tolist(), inputs["context"].tolist(), strict=True))
        batches.on_epoch_end()
    assert seen == {(a, b) for a in range(4) for b in range(4) if 0 < abs(a - b) <= 2}


def test_nothing_to_learn_from():
    with pytest.raises(InputError, match="two words"):
        train_embeddings(["once"], epochs=1)
