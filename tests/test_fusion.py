import keras
import numpy as np
import pytest
from conftest import DTYPES, SEEDS, assert_every_weight_learns, assert_survives_saving, random_shape

from mmrec.errors import InputError
from mmrec.fusion import Concatenation, FusionNetwork

TWO = ("text", "image")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("indicators", [True, False])
def test_concatenation(seed, indicators, dtype):
    rng = np.random.default_rng(seed)
    batch, first, second = random_shape(seed, 5, 6, 4)
    blocks = [rng.normal(size=(batch, width)).astype(dtype) for width in (first, second)]
    present = rng.random((batch, 2)) < 0.6
    present[0] = False  # nothing is there
    for column, block in enumerate(blocks):
        block[~present[:, column]] = np.nan  # what stands in an absent block must not matter
    expected = np.zeros((batch, first + second + 2 * indicators))
    for row in range(batch):
        if present[row, 0]:
            expected[row, :first] = blocks[0][row]
        if present[row, 1]:
            expected[row, first : first + second] = blocks[1][row]
        if indicators:
            expected[row, -2:] = present[row]
    got = keras.ops.convert_to_numpy(Concatenation(indicators)(blocks, present=present))
    np.testing.assert_array_equal(got, expected.astype(got.dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("hidden", [(), (3,), (4, 2)])
def test_formula(seed, hidden, dtype):
    f = np.random.default_rng(seed).normal(size=random_shape(seed, 5, 7)).astype(dtype)
    layer = FusionNetwork(2, hidden)
    got = keras.ops.convert_to_numpy(layer(f))
    expected, weights = f.astype("float64"), layer.get_weights()
    for w, b in zip(weights[::2], weights[1::2], strict=True):
        expected = sigmoid(expected @ w + b)
    np.testing.assert_allclose(got, expected, rtol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_several_inputs_and_outputs(seed):
    rng = np.random.default_rng(seed)
    batch, first, second = random_shape(seed, 4, 5, 3)
    blocks = [rng.normal(size=(batch, width)).astype("float32") for width in (first, second)]
    present = rng.random((batch, 2)) < 0.6
    layer = FusionNetwork(3, auxiliary_units=2, modalities=TWO)
    got = {name: keras.ops.convert_to_numpy(value) for name, value in layer(blocks, present=present).items()}
    concat = np.concatenate([*(b * present[:, [j]] for j, b in enumerate(blocks)), present], axis=1)
    w, b = (keras.ops.convert_to_numpy(value) for value in layer.layers[0].weights)
    np.testing.assert_allclose(got["fusion"], sigmoid(concat @ w + b), rtol=1e-4)
    for head, block in zip(layer.heads, blocks, strict=True):
        w, b = (keras.ops.convert_to_numpy(value) for value in head.weights)
        np.testing.assert_allclose(got[head.name], block @ w + b, rtol=1e-4, atol=1e-6)


def test_dropout_acts_in_training_only():
    f = np.ones((50, 40), "float32")
    layer = FusionNetwork(3, dropout=0.5)
    calm, again = (keras.ops.convert_to_numpy(layer(f)) for _ in range(2))
    np.testing.assert_array_equal(calm, again)
    assert not np.array_equal(calm, keras.ops.convert_to_numpy(layer(f, training=True)))


def test_saving_and_learning(tmp_path):
    inputs = [keras.Input((d,)) for d in (2, 3)]
    x = [np.random.default_rng(d).normal(size=(4, d)).astype("float32") for d in (2, 3)]
    several = keras.Model(inputs, FusionNetwork(4, (5,), auxiliary_units=1, modalities=TWO)(inputs))
    assert_survives_saving(several, x, tmp_path / "several.keras")
    plain = keras.Model(inputs, FusionNetwork(4, (5,), dropout=0.1)(Concatenation()(inputs)))
    assert_survives_saving(plain, x, tmp_path / "plain.keras")
    assert_every_weight_learns(keras.Model(inputs, FusionNetwork(4, (5,))(Concatenation()(inputs))), x, np.ones((4, 4)))


def test_an_input_for_each_modality():
    with pytest.raises(InputError, match="text, image, audio"):
        FusionNetwork(4, auxiliary_units=1)([np.ones((2, 3), "float32")])
