"""The network that keeps time, on tones that only their order in time tells apart."""

import keras
import numpy as np
import pytest
from conftest import assert_survives_saving

from mmrec.errors import InputError
from studies.digits.recogniser import FRAMES, MELS, RATE, DigitClassifier, bend, make_network, pictures, warp


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


def test_warping_is_linear_interpolation_along_each_axis():
    rng = np.random.default_rng(0)
    images = rng.random((3, 7, 5)).astype(np.float32)
    slower, later, wider, higher = (rng.uniform(low, high, 3) for low, high in ((0.5, 2), (-3, 3), (0.5, 2), (-3, 3)))
    found = warp(images, (slower, later), (wider, higher))
    assert found.dtype == np.float32
    for row, image in enumerate(images):
        times, bands = np.arange(7) * slower[row] + later[row], np.arange(5) * wider[row] + higher[row]
        in_time = np.array([np.interp(times, np.arange(7), column) for column in image.T]).T  # the ends go on
        expected = [np.interp(bands, np.arange(5), line) for line in in_time]
        np.testing.assert_allclose(found[row], expected, atol=1e-5)
    assert np.array_equal(warp(images, (1, 0), (1, 0)), images)


def test_a_word_moved_in_time_leaves_silence_behind():
    long = np.sin(np.arange(2 * RATE) * 1.5).astype(np.float32)
    image = pictures([long])
    assert not image[:, [0, -1]].any()
    assert image[:, 1:-1].any(axis=2).all()
    assert not warp(image, (1, 8), (1, 0))[:, -8:].any()
    assert not warp(image, (1, -8), (1, 0))[:, :8].any()


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
    fitted = DigitClassifier(epochs=12, batch_size=16, networks=1, seed=0).fit(pictures(sounds), labels)
    assert sum(network.count_params() for network in fitted.networks_) < 200_000
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
        DigitClassifier(epochs=1, networks=1, seed=seed).fit(images, words).predict_proba(images) for seed in (0, 0, 1)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_the_chances_are_the_mean_of_networks_that_differ():
    sounds, labels = chirps(32, 0)
    images = pictures(sounds)
    fitted = DigitClassifier(epochs=1, networks=2, seed=0).fit(images, labels)
    together, each = fitted.predict_proba(images), fitted.networks_
    assert len(each) == 2
    alone = []
    for network in each:
        fitted.networks_ = [network]
        alone.append(fitted.predict_proba(images))
    assert not np.allclose(*alone)
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-6)


def test_labels_must_fit():
    images = np.zeros((4, FRAMES, MELS), np.float32)
    for labels in (np.zeros(4), np.arange(3)):
        with pytest.raises(InputError, match="two or more words"):
            DigitClassifier().fit(images, labels)


def test_a_point_before_the_mean_has_seen_31_frames():
    images = np.random.default_rng(0).random((8, 64, MELS)).astype(np.float32)
    network = make_network(shape=images.shape[1:])
    pooling = next(layer for layer in network.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    points = keras.Model(network.input, pooling.input)
    before = points.predict(images, verbose=0)  # (8, 16, mels / 4, width)
    seen = []
    for frame in range(64):
        other = images.copy()
        other[:, frame] += 1
        seen.append(np.abs(points.predict(other, verbose=0) - before)[:, 8].max() > 1e-6)
    # point 8: convolutions 6-10, pooling 12-21, convolutions 10-23, then stride 2, one frame before and three after
    assert np.array_equal(np.flatnonzero(seen), np.arange(19, 50))


def test_network_survives_saving(tmp_path):
    images = np.random.default_rng(0).random((2, 24, 16)).astype(np.float32)
    network = make_network(3, shape=(24, 16), widths=(4, 8))
    assert network.output_shape == (None, 3)
    assert_survives_saving(network, images, tmp_path / "network.keras")
