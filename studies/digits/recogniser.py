"""Spoken digits by a network that keeps time; explained in notebooks/11-digits.ipynb.

A recording becomes a small, coarse picture (time across, mel bands up), and three convolutional networks look for
patterns in it. So that they understand people whom they have never heard, their training pictures are bent as voices
differ.

References:
    Jaitly, Hinton (2013), Vocal tract length perturbation improves speech recognition, ICML workshop.
    Park et al. (2019), SpecAugment: a simple data augmentation method for speech recognition, Interspeech.
    Simonyan, Zisserman (2015), Very deep convolutional networks for large-scale image recognition, ICLR.
    Szegedy et al. (2016), Rethinking the inception architecture, CVPR: smoothed labels.
"""

from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import layers, ops

from mmrec.errors import InputError
from mmrec.layers import MelSpectrogram
from mmrec.models.learning import train_on_batches
from mmrec.seeding import set_seed

RATE = 8000
"""Samples a second."""
FRAMES, MELS = 30, 24
"""Size of a picture."""
FRAME_SECONDS = 0.02
"""From one frame to the next. A frame hears 32 ms."""
RANGE = 7.0
"""What is kept below the loudest point, in units of log power (30 decibels)."""
QUIET = 30
"""Decibels below the loudest frame at which a sound begins and ends."""
VIEWS = [(slower, wider) for slower in (1, 1.15, 1.3) for wider in (0.9, 1, 1.1)]
"""How many frames, and how many bands, of a picture each frame and band of a view stands for."""


def pictures(sounds: Sequence[np.ndarray]) -> np.ndarray:
    """Log-mel pictures (n, FRAMES, MELS) float32 in [0, 1] of n sounds, each (T,) at ``RATE``.

    Silence at the ends is cut off and the rest is put in the middle, longer sounds being cut on both sides. The
    loudest point of every sound is 1 and everything ``RANGE`` below it 0: loudness and faint noise say nothing.
    """
    import librosa

    spectrogram = MelSpectrogram(sample_rate=RATE, n_fft=256, hop=round(RATE * FRAME_SECONDS), mels=MELS, fmin=60)
    heard = [librosa.effects.trim(sound, top_db=QUIET, frame_length=256, hop_length=64)[0] for sound in sounds]
    heard = [sound / max(float(np.abs(sound).max()), 1e-9) for sound in heard]  # the 1e-6 in log mel is not scaled
    made = np.zeros((len(sounds), FRAMES, MELS), np.float32)
    order = np.argsort([len(sound) for sound in heard], kind="stable")  # alike in length, so that little is filled up
    for at in range(0, len(order), 256):
        rows = order[at : at + 256]
        lengths = np.array([len(heard[row]) for row in rows])
        block = np.zeros((len(rows), max(256, lengths.max())), np.float32)
        for place, row in enumerate(rows):
            block[place, : lengths[place]] = heard[row]
        frames = np.asarray(spectrogram.frames(lengths))
        for row, log_mel, full in zip(rows, np.asarray(spectrogram(block)), frames, strict=True):
            made[row] = _centred(np.maximum(log_mel[:full] - log_mel[:full].max(), -RANGE) / RANGE + 1)
    return made


def _centred(picture: np.ndarray) -> np.ndarray:
    """(F, mels) -> (FRAMES, mels), cut on both sides or filled with silence, of which there is a frame at each end."""
    kept = picture[max(0, len(picture) - FRAMES + 2) // 2 :][: FRAMES - 2]
    before = (FRAMES - len(kept)) // 2
    return np.pad(kept, ((before, FRAMES - len(kept) - before), (0, 0)))


def warp(images: np.ndarray, time: tuple[Any, Any], bands: tuple[Any, Any]) -> np.ndarray:
    """Pictures stretched and moved: point (t, b) shows what stood at (a t + c, d b + e).

    Beyond the ends the last frame and the last band go on; the last frame of ``pictures`` is silence.

    Args:
        images: (n, F, mels).
        time: a and c, one number or one for each picture (n,).
        bands: d and e, likewise.

    Returns:
        (n, F, mels) float32, between the points by linear interpolation.
    """
    rows = np.zeros((len(images), 8), np.float32)  # x' = r0 x + r1 y + r2, y' = r3 x + r4 y + r5; x counts bands
    rows[:, 0], rows[:, 2] = bands
    rows[:, 4], rows[:, 5] = time
    moved = ops.image.affine_transform(images[..., None], rows, fill_mode="nearest")  # (n, F, mels, 1)
    return np.asarray(ops.squeeze(moved, -1))  # (n, F, mels)


def bend(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pictures (n, F, mels) as others might have said and recorded the same, each in its own way.

    Slower or faster (a factor up to e^.3) and a little earlier or later; a longer or shorter vocal tract (mel bands
    moved and stretched); another microphone (a smooth gain over frequency); a louder background; one span of time
    and one of frequency unheard.
    """
    n, frames, mels = images.shape

    def draw(most: float) -> np.ndarray:
        return rng.uniform(-most, most, (n,))

    squeeze = np.exp(draw(0.3))
    images = warp(images, (squeeze, (1 - squeeze) * frames / 2 + draw(2)), (np.exp(draw(0.12)), draw(1.5)))
    waves = np.cos(np.pi * np.arange(1, 5)[:, None] * (np.arange(mels) + 0.5) / mels)  # (4, mels), slow over frequency
    gain = (rng.normal(0, 0.08, (n, 4)) @ waves)[:, None]  # (n, 1, mels)
    floor = rng.uniform(0, 0.25, (n, 1, 1))
    images = np.where(images > 0, np.maximum(images + gain - floor, 0) / (1 - floor), 0)
    images = images * _heard(n, frames, rng)[:, :, None] * _heard(n, mels, rng)[:, None]
    return (images + rng.normal(0, 0.03, images.shape)).astype(np.float32)


def _heard(n: int, size: int, rng: np.random.Generator, most: int = 3) -> np.ndarray:
    """(n, size), false on a random span of up to ``most`` points."""
    start = rng.integers(0, size - most, (n, 1))
    place = np.arange(size)
    return (place < start) | (place >= start + rng.integers(0, most + 1, (n, 1)))


def make_network(
    classes: int = 10,
    *,
    shape: tuple[int, int] = (FRAMES, MELS),
    widths: Sequence[int] = (16, 32, 64),
    dropout: float = 0.3,
) -> keras.Model:
    """Pictures (B, F, mels) -> chances (B, classes).

    One convolution that halves time and frequency, then pairs of small ones (Simonyan, Zisserman) with maxima of two
    by two points between the pairs, and a mean over the points that remain. That mean knows no order, but each of its
    points has seen a span of time: 31 frames with two pairs, a whole picture.

    Args:
        classes: how many words.
        shape: (F, mels).
        widths: patterns in the first convolution, and in each pair after it.
        dropout: share of the pooled patterns dropped in training.
    """
    inputs = layers.Input(shape)
    x = layers.Reshape((*shape, 1))(inputs)  # (B, F, mels, 1)
    x = _convolution(x, widths[0], size=5, strides=2)  # (B, F / 2, mels / 2, widths[0])
    for place, width in enumerate(widths[1:]):
        x = layers.MaxPooling2D(2)(x) if place else x  # half of the time and of the frequencies
        x = _convolution(_convolution(x, width), width)  # the same points, width patterns
    x = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(x))  # (B, widths[-1])
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))  # (B, classes)


def _convolution(x: Any, width: int, size: int = 3, strides: int = 1) -> Any:
    """(B, t, b, C) -> (B, t / strides, b / strides, width), with batch normalisation."""
    x = layers.Conv2D(width, size, strides=strides, padding="same", use_bias=False)(x)
    return layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))


class _Batches(keras.utils.PyDataset):
    """Bent pictures in a new order and in new ways every epoch; all chance comes from the seed."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, size: int, seed: int) -> None:
        super().__init__()
        self.images, self.labels, self.size = images, labels, min(size, len(labels))
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self.labels) // self.size

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.labels))

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[index * self.size : (index + 1) * self.size]
        return bend(self.images[rows], self.rng), self.labels[rows]  # (B, F, mels), (B, classes)


class DigitClassifier:
    """Learns words from labelled recordings.

    Args:
        epochs, learning_rate, batch_size: of AdamW with a cosine decay.
        smoothing: chance that the labels leave to other words.
        networks: how many are trained, alike but for their seed; their chances are averaged.
        seed: of weights, order and bending.

    Attributes:
        networks_: the fitted ``make_network``s.
        classes_: (C,) the words, in the order of the columns of ``predict_proba``.
    """

    def __init__(
        self,
        epochs: int = 36,
        learning_rate: float = 3e-3,
        batch_size: int = 64,
        smoothing: float = 0.1,
        networks: int = 3,
        seed: int = 0,
    ) -> None:
        self.epochs, self.learning_rate, self.batch_size = epochs, learning_rate, batch_size
        self.smoothing, self.networks, self.seed = smoothing, networks, seed

    def fit(self, images: np.ndarray, labels: np.ndarray) -> Self:
        """Learn from pictures (n, F, mels) and their words (n,).

        Raises:
            InputError: lengths differ, or there are fewer than two words.
        """
        self.classes_, word = np.unique(labels, return_inverse=True)
        if len(images) != len(word) or len(self.classes_) < 2:
            raise InputError(f"{len(images)} pictures and {len(word)} labels: give each one of two or more words")
        chances = np.eye(len(self.classes_), dtype=np.float32)[word]  # (n, C)
        seeds = np.random.SeedSequence(self.seed).generate_state(self.networks).tolist()
        self.networks_ = [self._fit_one(images, chances, seed) for seed in seeds]
        return self

    def _fit_one(self, images: np.ndarray, chances: np.ndarray, seed: int) -> keras.Model:
        set_seed(seed)
        network = make_network(chances.shape[1], shape=images.shape[1:])
        batches = _Batches(images, chances, self.batch_size, seed)
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, self.epochs * len(batches))
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=self.smoothing)
        network.compile(keras.optimizers.AdamW(rate, weight_decay=1e-3), loss, jit_compile=False)
        train_on_batches(network, batches, epochs=self.epochs)
        return network

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        """(n, F, mels) -> (n, C): the mean over the networks and over ``VIEWS`` of each picture."""
        middle = images.shape[1] / 2
        seen = [warp(images, (slower, (1 - slower) * middle), (wider, 0)) for slower, wider in VIEWS]
        chances = [network.predict(view, batch_size=256, verbose=0) for network in self.networks_ for view in seen]
        return np.mean(chances, axis=0)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """(n, F, mels) -> the likeliest word of each (n,)."""
        return self.classes_[self.predict_proba(images).argmax(axis=1)]
