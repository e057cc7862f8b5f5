"""The network that keeps time, on tones that only their order in time tells apart."""

import numpy as np
import pytest
from conftest import assert_survives_saving

from mmrec.digits import FRAMES, MELS, RATE, DigitClassifier, bend, make_network, pictures, sample
from mmrec.errors import InputError


def chirps(n: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Tones that rise (1) or fall (0) between the same two frequencies, of different lengths and loudness."""
    rng = np.random.default_rng(seed)
    sounds, labels = [], np.arange(n) % 2
    for rising in labels:
        hertz = np.linspace(rng.uniform(300, 500), rng.uniform(2000, 2500), int(rng.uniform(0.3, 0.5) * RATE))
        phase = 2 * np.pi * np.cumsum(hertz if rising else hertz[::-1]) / RATE
        sounds.append((rng.uniform(0.05, 0.9) * np.sin(phase)).astype(np.float32))
    return sounds, labels


def test_pictures_have_one_size_and_know_no_loudness():
    sounds, _ = chirps(4, 0)
    sounds.append(np.tile(sounds[0], 4))  # longer than a picture
    sounds.append(np.zeros(5, np.float32))  # shorter than a frame, and silent
    images = pictures(sounds)
    assert (images.shape, images.dtype) == ((6, FRAMES, MELS), np.float32)
    assert np.isfinite(images).all()
    assert images.min() >= 0
    assert images[[0, 1, 2, 3, 5]].max(axis=(1, 2)) == pytest.approx(np.ones(5))  # the fifth is cut, maybe at its peak
    np.testing.assert_allclose(pictures([sounds[0] / 4])[0], images[0], atol=0.05)
    alone = np.concatenate([pictures([sound]) for sound in sounds])
    np.testing.assert_allclose(images, alone, atol=1e-5)  # a picture depends on its own sound


def test_silence_at_the_ends_does_not_matter():
    sound = chirps(1, 1)[0][0]
    rest = np.zeros(8 * 64, np.float32)
    padded = pictures([np.concatenate([rest, sound, rest, rest])])[0]
    assert np.abs(padded - pictures([sound])[0]).mean() < 0.05


@pytest.mark.parametrize("axis", [1, 2])
def test_sampling_is_linear_interpolation(axis):
    rng = np.random.default_rng(0)
    images, places = rng.random((3, 7, 5)).astype(np.float32), rng.uniform(0, 4, (3, 6))
    found = sample(images, places, axis)
    for row in range(3):
        lines = images[row].T if axis == 1 else images[row]
        expected = [np.interp(places[row], np.arange(len(line)), line) for line in lines]
        np.testing.assert_allclose(found[row].T if axis == 1 else found[row], expected, atol=1e-5)
    beyond = sample(images, np.full((3, 1), 50.0), axis)
    expected = np.zeros((3, 1, 5)) if axis == 1 else images[:, :, -1:]
    assert np.array_equal(beyond, expected)


def test_bending_keeps_the_shape_and_repeats_itself():
    images = pictures(chirps(6, 0)[0])
    once, again, other = (bend(images, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert (once.shape, once.dtype) == (images.shape, np.float32)
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    many = bend(np.repeat(images, 20, axis=0), np.random.default_rng(2)).reshape(6, 20, *images.shape[1:]).mean(axis=1)
    assert (
        (many * images).sum(axis=(1, 2)) > (many * images[:, ::-1]).sum(axis=(1, 2))
    ).all()  # bent, not turned round


def test_what_a_mean_cannot_tell_the_network_learns():
    sounds, labels = chirps(128, 0)
    new, truth = chirps(60, 1)
    fitted = DigitClassifier(epochs=12, batch_size=16, seed=0).fit(pictures(sounds), labels)
    assert fitted.network.count_params() < 200_000
    chances = fitted.predict_proba(pictures(new))
    assert chances.shape == (60, 2)
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-5)
    assert (fitted.predict(pictures(new)) == truth).mean() > 0.95
    rising, falling = pictures([sounds[1], sounds[1][::-1].copy()]).mean(axis=1)  # (mels,) each
    assert np.abs(rising - falling).mean() < 0.05  # a mean over time sees the same


def test_the_same_seed_gives_the_same_network():
    sounds, labels = chirps(32, 0)
    images = pictures(sounds)
    words = np.array(["fall", "rise"])[labels]
    once, again, other = (
        DigitClassifier(epochs=1, seed=seed).fit(images, words).predict_proba(images) for seed in (0, 0, 1)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_labels_must_fit():
    images = np.zeros((4, FRAMES, MELS), np.float32)
    for labels in (np.zeros(4), np.arange(3)):
        with pytest.raises(InputError, match="two or more words"):
            DigitClassifier().fit(images, labels)


def test_network_survives_saving(tmp_path):
    images = np.random.default_rng(0).random((2, 24, 16)).astype(np.float32)
    network = make_network(3, shape=(24, 16), widths=(4, 8))
    assert network.output_shape == (None, 3)
    assert_survives_saving(network, images, tmp_path / "network.keras")
