import keras
import librosa
import numpy as np
import pytest
from conftest import DTYPES, SEEDS, assert_every_weight_learns, assert_survives_saving, random_shape

from mmrec.errors import InputError
from mmrec.layers import MFCC, MelPooling, MelSpectrogram, segments


@pytest.mark.parametrize("seed", SEEDS)
def test_mel_agrees_with_librosa(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1 + seed, int(rng.integers(3000, 9000)))).astype("float32")
    rate, mels = (22050, 64) if seed < 2 else (16000, 40)
    got = keras.ops.convert_to_numpy(MelSpectrogram(sample_rate=rate, mels=mels, log=False)(x))
    expected = librosa.feature.melspectrogram(y=x, sr=rate, n_fft=1024, hop_length=512, n_mels=mels, center=False)
    np.testing.assert_allclose(got, expected.transpose(0, 2, 1), rtol=1e-4)
    logged = keras.ops.convert_to_numpy(MelSpectrogram(sample_rate=rate, mels=mels)(x))
    np.testing.assert_allclose(logged, np.log(1e-6 + expected.transpose(0, 2, 1)), atol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_mfcc_agrees_with_librosa(seed):
    """Each sound of the batch as if it were alone; every other one fades below the range that is kept."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1 + seed, int(rng.integers(3000, 9000)))).astype("float32")
    x[::2] *= np.geomspace(1, 1e-7, x.shape[1], dtype="float32")
    rate, mels, count = (22050, 64, 13) if seed < 2 else (8000, 40, 20)
    power = MelSpectrogram(sample_rate=rate, mels=mels, log=False)(x)
    got = keras.ops.convert_to_numpy(MFCC(count)(power))
    for wave, mine in zip(x, got, strict=True):
        expected = librosa.feature.mfcc(
            y=wave, sr=rate, n_mfcc=count, n_fft=1024, hop_length=512, n_mels=mels, center=False
        )
        np.testing.assert_allclose(mine, expected.T, rtol=1e-4, atol=1e-3)


def test_more_coefficients_than_bands_is_an_error():
    with pytest.raises(InputError, match="ask for fewer"):
        MFCC(13)(np.ones((1, 4, 10), "float32"))


def test_half_precision_samples_are_computed_in_single():
    x = np.random.default_rng(0).normal(size=(2, 3000)).astype("float16")
    layer = MelSpectrogram()
    got, expected = (keras.ops.convert_to_numpy(layer(wave)) for wave in (x, x.astype("float32")))
    np.testing.assert_array_equal(got, expected)


def test_a_short_sound_is_filled_up_with_silence():
    x = np.random.default_rng(0).normal(size=(1, 300)).astype("float32")
    layer = MelSpectrogram()
    filled = np.concatenate([x, np.zeros((1, 724), "float32")], axis=1)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(x)), keras.ops.convert_to_numpy(layer(filled)))


def test_frames_that_hold_sound():
    frames = keras.ops.convert_to_numpy(MelSpectrogram().frames(np.array([0, 100, 1024, 1535, 1536])))
    assert frames.tolist() == [0, 1, 1, 1, 2]


@pytest.mark.parametrize("seed", SEEDS)
def test_segments(seed):
    """Means over spans, computed on a spectrogram whose frames are cut into n parts each."""
    batch, total, mels = random_shape(seed, 4, 9, 6)
    rng = np.random.default_rng(seed)
    s, n = rng.random((batch, total, mels), "float32"), int(rng.integers(1, 6))
    frames = rng.integers(0, total + 1, batch)
    a = keras.ops.convert_to_numpy(segments(keras.ops.convert_to_tensor(s), n, frames))
    for b in range(batch):
        if frames[b] == 0:
            assert not a[b].any()
            continue
        fine = s[b, : frames[b]].repeat(n, axis=0)  # n * frames rows, so that n divides them
        np.testing.assert_allclose(a[b], fine.reshape(n, frames[b], mels).mean(1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weighting", ["uniform", "energy", "learned"])
def test_formula(seed, weighting, dtype):
    rng = np.random.default_rng(seed)
    a = rng.random(random_shape(seed, 5, 6, 8)).astype(dtype)
    mask = rng.random(a.shape[:2]) < 0.7
    mask[-1] = False  # no sound at all
    layer = MelPooling(weighting)
    layer.build(a.shape)
    v = rng.normal(size=a.shape[2]).astype("float32")
    if weighting == "learned":
        layer.query.assign(v)
    expected = np.zeros((len(a), a.shape[2]))
    for b in range(len(a)):
        rows = np.flatnonzero(mask[b])
        exact = a[b].astype("float64")
        raw = {"uniform": np.ones(len(exact)), "energy": np.exp(exact.mean(1)), "learned": np.exp(exact @ v)}[weighting]
        for i in rows:
            expected[b] += exact[i] * raw[i] / raw[rows].sum()
    got = keras.ops.convert_to_numpy(layer(a, mask=mask))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    assert not got[-1].any()


def test_saving_and_learning(tmp_path):
    inputs = keras.Input((4000,))
    spectrum = MelSpectrogram(mels=16)(inputs)
    model = keras.Model(inputs, MelPooling("learned")(spectrum))
    x = np.random.default_rng(0).normal(size=(3, 4000)).astype("float32")
    assert_survives_saving(model, x, tmp_path / "m.keras")
    assert_every_weight_learns(model, x, np.ones((3, 16)))


def test_what_cannot_be():
    with pytest.raises(InputError, match="uniform, energy, learned"):
        MelPooling("loudest")
