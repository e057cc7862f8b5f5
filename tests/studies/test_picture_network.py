"""The convolutional network learns, repeats itself, and looks where the object is."""

import keras
import numpy as np
import pytest

from mmrec.errors import InputError, MmrecError
from mmrec.features.pretrained.imagenet import best_classes, class_names
from studies.image.picture_network import feature_maps, grad_cam, make_network, train_network

SIDE = 24


def shapes(n=120, seed=0):
    """Red squares (class 0) and blue discs (class 1) on noisy grey; the centre of each."""
    rng = np.random.default_rng(seed)
    pictures = (0.5 + 0.05 * rng.normal(size=(n, SIDE, SIDE, 3))).astype("float32")
    labels, centres = rng.integers(0, 2, n), rng.integers(5, SIDE - 5, (n, 2))
    y, x = np.mgrid[:SIDE, :SIDE]
    for picture, label, (row, column) in zip(pictures, labels, centres, strict=True):
        square = np.maximum(abs(y - row), abs(x - column)) < 4
        disc = (y - row) ** 2 + (x - column) ** 2 < 16
        picture[disc if label else square] = (0.1, 0.1, 0.9) if label else (0.9, 0.1, 0.1)
    return pictures, labels, centres


@pytest.fixture(scope="module")
def trained():
    pictures, labels, _ = shapes()
    model = make_network(2, SIDE, SIDE, filters=(8, 16))
    return model, train_network(model, pictures, labels, epochs=8, learning_rate=1e-2)


def test_learns_to_tell_shapes(trained):
    model, losses = trained
    pictures, labels, _ = shapes(100, seed=1)
    logits = model.predict(pictures, verbose=0)
    assert logits.shape == (100, 2)
    assert losses[-1] < losses[0] / 3
    assert (logits.argmax(axis=1) == labels).mean() > 0.95


def test_the_same_seed_gives_the_same_bits():
    pictures, labels, _ = shapes(40)

    def weights(seed):
        model = make_network(2, SIDE, SIDE, filters=(4, 4), seed=seed)
        train_network(model, pictures, labels, epochs=2, seed=seed)
        return np.concatenate([weight.ravel() for weight in model.get_weights()])

    np.testing.assert_array_equal(weights(0), weights(0))
    assert np.abs(weights(0) - weights(1)).max() > 1e-3


def test_training_leaves_the_pictures_alone():
    pictures, labels, _ = shapes(10)
    before = pictures.copy()
    train_network(make_network(2, SIDE, SIDE, filters=(4,)), pictures, labels, epochs=1)
    np.testing.assert_array_equal(pictures, before)


def test_feature_maps_are_the_formula(trained):
    """The first layer by hand: sigma(W * F + b) with zeros around the picture."""
    model, _ = trained
    picture = shapes(1, seed=3)[0][0]
    maps = feature_maps(model, picture)
    assert {name: value.shape for name, value in maps.items()} == {
        "conv_1": (SIDE, SIDE, 8),
        "conv_2": (SIDE // 2, SIDE // 2, 16),
    }
    w, b = model.get_layer("conv_1").get_weights()
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)))
    for row, column in ((0, 0), (7, 11), (SIDE - 1, 3)):
        patch = padded[row : row + 3, column : column + 3]
        expected = np.maximum(np.einsum("ijc,ijcf->f", patch, w) + b, 0)
        np.testing.assert_allclose(maps["conv_1"][row, column], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients are TensorFlow's here")
def test_grad_cam_looks_at_the_object(trained):
    model, _ = trained
    pictures, labels, centres = shapes(20, seed=2)
    y, x = np.mgrid[:SIDE, :SIDE]
    for picture, label, (row, column) in zip(pictures, labels, centres, strict=True):
        heat = grad_cam(model, picture, int(label))
        near = np.maximum(abs(y - row), abs(x - column)) < 4
        assert heat.shape == (SIDE, SIDE)
        assert heat.dtype == np.float32
        assert heat.min() >= 0
        assert heat.max() == pytest.approx(1)
        assert heat[near].mean() > 2 * heat[~near].mean()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="gradients are TensorFlow's here")
def test_grad_cam_against_the_dense_layer(trained):
    """Behind a mean over space, alpha is the weight of the dense layer, but for a factor."""
    model, _ = trained
    pooled = keras.layers.GlobalAveragePooling2D()(model.get_layer("conv_2").output)
    dense = keras.layers.Dense(2)
    plain = keras.Model(model.inputs, dense(pooled))
    picture = shapes(1, seed=4)[0][0]
    alpha = dense.get_weights()[0][:, 1]
    heat = np.maximum(feature_maps(plain, picture)["conv_2"] @ alpha, 0)
    got = grad_cam(plain, picture, 1)
    assert got.max() == pytest.approx(1 if heat.any() else 0)
    inner = got.reshape(SIDE // 2, 2, SIDE // 2, 2).mean((1, 3))  # enlarging keeps what is bright and what is dark
    assert np.corrcoef(inner.ravel(), heat.ravel())[0, 1] > 0.95


def test_what_cannot_be(trained, monkeypatch):
    model, _ = trained
    with pytest.raises(InputError, match="halved"):
        make_network(2, 4, 4)
    picture = np.zeros((SIDE, SIDE, 3), "float32")
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(InputError, match="class 2"):
        grad_cam(model, picture, 2)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(MmrecError, match="jax"):
        grad_cam(model, picture, 0)


def test_names_of_imagenet():
    names = class_names()
    assert len(set(names)) == 1000
    assert (names[0], names[281], names[999]) == ("tench", "tabby", "toilet tissue")
    logits = np.zeros((1, 1000))
    logits[0, [281, 0]] = np.log(1000), np.log(500)
    (best,) = best_classes(logits, 2)
    assert [name for name, _ in best] == ["tabby", "tench"]
    assert best[0][1] == pytest.approx(1000 / (998 + 1500))
