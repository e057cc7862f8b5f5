"""One seed, one result."""

import random

import keras
import numpy as np

from mmrec.seeding import set_seed


def drawn():
    """Random numbers of each library, and the initial weights of a layer."""
    layer = keras.layers.Dense(3)
    layer.build((None, 4))
    return np.array([random.random(), *np.ravel(layer.kernel)])


def test_same_seed_same_draws():
    set_seed(5)
    first = drawn()
    set_seed(5)
    np.testing.assert_array_equal(drawn(), first)
    set_seed(6)
    assert (drawn() != first).all()
