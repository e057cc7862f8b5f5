import keras
import numpy as np

from mmrec.fusion import Concatenation, FusionNetwork


def test_concatenation():
    x, o = np.ones((2, 2), "float32"), np.array([[3.0], [np.nan]], "float32")
    got = keras.ops.convert_to_numpy(Concatenation()([x, o], present=np.array([[False, True], [True, False]])))
    np.testing.assert_array_equal(got, [[0, 0, 3, 0, 1], [1, 1, 0, 1, 0]])


def test_fusion_formula():
    f = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    layer = FusionNetwork(2)
    got = keras.ops.convert_to_numpy(layer(f))
    w, b = layer.get_weights()
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-(f @ w + b))), rtol=1e-5)


def test_multi_output_saves(tmp_path):
    inputs = [keras.Input((d,)) for d in (2, 3)]
    model = keras.Model(inputs, FusionNetwork(4, (5,), auxiliary_units=1, modalities=("text", "image"))(inputs))
    x = [np.ones((2, d), "float32") for d in (2, 3)]
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras").predict(x, verbose=0)
    assert set(again) == {"fusion", "text", "image"}
    for name, value in model.predict(x, verbose=0).items():
        np.testing.assert_allclose(value, again[name], rtol=1e-5)
