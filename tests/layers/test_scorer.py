import keras
import numpy as np
import pytest
from conftest import DTYPES, SEEDS, assert_every_weight_learns, assert_survives_saving, random_shape

from mmrec.layers import Scorer


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("logits", [True, False])
def test_formula(seed, logits, dtype):
    rng = np.random.default_rng(seed)
    f = rng.normal(size=random_shape(seed, 6, 9)).astype(dtype)
    bias = rng.normal(size=len(f)).astype("float32")
    layer = Scorer(logits=logits)
    for given, extra in (({}, 0), ({"bias": bias}, bias)):
        got = keras.ops.convert_to_numpy(layer(f, **given))
        w, b = layer.get_weights()
        r = np.array([sum(f[row].astype("float64") * w[:, 0]) for row in range(len(f))]) + b[0] + extra
        np.testing.assert_allclose(got, r if logits else 1 / (1 + np.exp(-r)), rtol=1e-4, atol=1e-6)


def test_saving_and_learning(tmp_path):
    inputs = keras.Input((5,))
    model = keras.Model(inputs, Scorer(logits=True, kernel_regularizer="l2")(inputs))
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    assert_survives_saving(model, x, tmp_path / "m.keras")
    assert_every_weight_learns(model, x, np.ones(4))


def test_config_goes_round():
    assert Scorer.from_config(Scorer(logits=True).get_config()).logits
