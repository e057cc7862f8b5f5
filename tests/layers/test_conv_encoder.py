import keras
import numpy as np
import pytest
from conftest import DTYPES, SEEDS, assert_every_weight_learns, assert_survives_saving

from mmrec.errors import InputError
from mmrec.layers import ConvEncoder
from mmrec.layers.filter_bank import filter_bank


def convolve(f, w, b):
    """sigma(W * F + b) with zeros around the picture, pixel by pixel."""
    k, (height, width) = len(w), f.shape[1:3]
    padded = np.pad(f, ((0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)))
    o = np.zeros((len(f), height, width, w.shape[-1]))
    for y in range(height):
        for x in range(width):
            o[:, y, x] = np.maximum(np.einsum("bijc,ijcf->bf", padded[:, y : y + k, x : x + k], w) + b, 0)
    return o


def mean_of_cells(o, grid):
    """Means over equal spans, a pixel on a border counting by its share: on a picture blown up by the grid."""
    fine = o.repeat(grid[0], axis=1).repeat(grid[1], axis=2)
    batch, height, width, filters = o.shape
    return fine.reshape(batch, grid[0], height, grid[1], width, filters).mean((2, 4)).reshape(batch, -1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("initializer", ["bank", "glorot_uniform"])
def test_formula(seed, initializer, dtype):
    rng = np.random.default_rng(seed)
    batch, height, width = (
        (1 if seed == 0 else int(rng.integers(2, 4))),
        int(rng.integers(5, 9)),
        int(rng.integers(4, 8)),
    )
    f = rng.random((batch, height, width, 3)).astype(dtype)
    grid = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))  # need not divide the picture
    layer = ConvEncoder(
        None if initializer == "bank" else 5, kernel_size=3, strides=1, grid=grid, initializer=initializer
    )
    got = keras.ops.convert_to_numpy(layer(f))
    w, b = layer.get_weights()
    if initializer == "bank":
        np.testing.assert_array_equal(w, filter_bank(3)[0])
    np.testing.assert_allclose(got, mean_of_cells(convolve(f.astype("float64"), w, b), grid), rtol=1e-3, atol=1e-5)
    assert not keras.ops.convert_to_numpy(layer(f, mask=np.zeros(batch, bool))).any()
    mask = np.arange(batch) % 2 == 0
    masked = keras.ops.convert_to_numpy(layer(f, mask=mask))
    np.testing.assert_array_equal(masked[mask], got[mask])
    assert not masked[~mask].any()


def test_saving_and_learning(tmp_path):
    inputs = keras.Input((12, 8, 3))
    model = keras.Model(inputs, ConvEncoder(kernel_size=3)(inputs))
    x = np.random.default_rng(0).random((2, 12, 8, 3), "float32")
    assert_survives_saving(model, x, tmp_path / "m.keras")
    assert_every_weight_learns(model, x, np.ones((2, 288)))


def test_edges_are_blind_to_even_brightness():
    w, _ = filter_bank(7)
    np.testing.assert_allclose(w[..., -24:].sum((0, 1)), 0, atol=1e-5)


@pytest.mark.parametrize("bad", [{"initializer": "magic"}, {"filters": 7}])
def test_what_cannot_be(bad):
    with pytest.raises(InputError):
        ConvEncoder(**bad)
