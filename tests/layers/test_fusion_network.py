import keras
import numpy as np
import pytest
from conftest import DTYPES, SEEDS, assert_every_weight_learns, assert_survives_saving, random_shape

from mmrec.layers import Concatenation, FusionNetwork


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


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


def test_dropout_acts_in_training_only():
    f = np.ones((50, 40), "float32")
    layer = FusionNetwork(3, dropout=0.5)
    calm, again = (keras.ops.convert_to_numpy(layer(f)) for _ in range(2))
    np.testing.assert_array_equal(calm, again)
    assert not np.array_equal(calm, keras.ops.convert_to_numpy(layer(f, training=True)))


def test_saving_and_learning(tmp_path):
    inputs = [keras.Input((d,)) for d in (2, 3)]
    x = [np.random.default_rng(d).normal(size=(4, d)).astype("float32") for d in (2, 3)]
    plain = keras.Model(inputs, FusionNetwork(4, (5,), dropout=0.1)(Concatenation()(inputs)))
    assert_survives_saving(plain, x, tmp_path / "plain.keras")
    assert_every_weight_learns(keras.Model(inputs, FusionNetwork(4, (5,))(Concatenation()(inputs))), x, np.ones((4, 4)))
