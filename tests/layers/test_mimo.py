import keras
import numpy as np
import pytest
from conftest import SEEDS, assert_survives_saving, random_shape

from mmrec.errors import InputError
from mmrec.layers import MIMO

TWO = ("text", "image")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("seed", SEEDS)
def test_several_inputs_and_outputs(seed):
    rng = np.random.default_rng(seed)
    batch, first, second = random_shape(seed, 4, 5, 3)
    blocks = [rng.normal(size=(batch, width)).astype("float32") for width in (first, second)]
    present = rng.random((batch, 2)) < 0.6
    layer = MIMO(3, auxiliary_units=2, modalities=TWO)
    got = {name: keras.ops.convert_to_numpy(value) for name, value in layer(blocks, present=present).items()}
    concat = np.concatenate([*(b * present[:, [j]] for j, b in enumerate(blocks)), present], axis=1)
    w, b = (keras.ops.convert_to_numpy(value) for value in layer.network.layers[0].weights)
    np.testing.assert_allclose(got["fusion"], sigmoid(concat @ w + b), rtol=1e-4)
    for head, block in zip(layer.heads, blocks, strict=True):
        w, b = (keras.ops.convert_to_numpy(value) for value in head.weights)
        np.testing.assert_allclose(got[head.name], block @ w + b, rtol=1e-4, atol=1e-6)


def test_saving(tmp_path):
    inputs = [keras.Input((d,)) for d in (2, 3)]
    x = [np.random.default_rng(d).normal(size=(4, d)).astype("float32") for d in (2, 3)]
    several = keras.Model(inputs, MIMO(4, hidden_units=(5,), modalities=TWO)(inputs))
    assert_survives_saving(several, x, tmp_path / "several.keras")


def test_an_input_for_each_modality():
    with pytest.raises(InputError, match="text, image, audio"):
        MIMO(4)([np.ones((2, 3), "float32")])
