import keras
import numpy as np
import pytest
from conftest import DTYPES, SEEDS, random_shape

from mmrec.layers import Concatenation


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
