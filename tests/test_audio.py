import keras
import librosa
import numpy as np

from mmrec.audio import MelPooling, MelSpectrogram, segments


def test_mel_agrees_with_librosa():
    x = np.random.default_rng(0).normal(size=(2, 8000)).astype("float32")
    got = keras.ops.convert_to_numpy(MelSpectrogram(log=False)(x))
    expected = librosa.feature.melspectrogram(y=x, sr=22050, n_fft=1024, hop_length=512, n_mels=64, center=False)
    np.testing.assert_allclose(got, expected.transpose(0, 2, 1), rtol=1e-4)


def test_segments():
    s = np.random.default_rng(1).random((3, 8, 5), "float32")
    a = keras.ops.convert_to_numpy(segments(keras.ops.convert_to_tensor(s), 4, np.array([8, 4, 0])))
    np.testing.assert_allclose(a[0], s[0].reshape(4, 2, 5).mean(1), rtol=1e-5)
    np.testing.assert_allclose(a[1], s[1, :4], rtol=1e-5)
    assert not a[2].any()


def test_pooling():
    a = np.random.default_rng(2).random((2, 3, 5), "float32")
    mask = np.array([[True, True, False], [False] * 3])
    for weighting in ("uniform", "energy"):
        w = np.exp(a[0, :2].mean(1)) if weighting == "energy" else np.ones(2)
        m = keras.ops.convert_to_numpy(MelPooling(weighting)(a, mask=mask))
        np.testing.assert_allclose(m[0], (w / w.sum()) @ a[0, :2], rtol=1e-5)
        assert not m[1].any()
