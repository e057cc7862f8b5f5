import keras
import numpy as np

from mmrec.scorer import Scorer


def test_formula():
    f = np.random.default_rng(0).normal(size=(3, 4)).astype("float16")
    bias = np.array([1, 0, -1], "float32")
    layer = Scorer()
    got = keras.ops.convert_to_numpy(layer(f, bias=bias))
    w, b = layer.get_weights()
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-(f.astype("float32") @ w[:, 0] + b + bias))), rtol=1e-5)
    assert Scorer.from_config(Scorer(logits=True).get_config()).logits
