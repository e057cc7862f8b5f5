import keras
import numpy as np

from mmrec.image import ConvEncoder, filter_bank


def test_formula():
    f = np.random.default_rng(0).random((2, 6, 4, 3), "float32")
    w, b = filter_bank(3)
    padded = np.pad(f, ((0, 0), (1, 1), (1, 1), (0, 0)))
    o = np.zeros((2, 6, 4, 48))
    for y in range(6):
        for x in range(4):
            o[:, y, x] = np.maximum(np.einsum("bijc,ijcf->bf", padded[:, y : y + 3, x : x + 3], w) + b, 0)
    expected = o.reshape(2, 3, 2, 2, 2, 48).mean((2, 4)).reshape(2, -1)
    layer = ConvEncoder(kernel_size=3, strides=1)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(f)), expected, rtol=1e-4, atol=1e-5)
    masked = keras.ops.convert_to_numpy(layer(f, mask=np.array([True, False])))
    assert masked[0].any()
    assert not masked[1].any()


def test_save_and_train(tmp_path):
    inputs = keras.Input((12, 8, 3))
    model = keras.Model(inputs, ConvEncoder(kernel_size=3)(inputs))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).random((2, 12, 8, 3), "float32")
    before = model.get_weights()[0]
    model.train_on_batch(x, np.ones((2, 288)))
    assert not np.array_equal(before, model.get_weights()[0])
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(model.predict(x, verbose=0), again.predict(x, verbose=0), rtol=1e-5)
