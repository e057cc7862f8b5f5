"""Spoken digits by a network that keeps time; explained in notebooks/11-digits.ipynb.

A recording becomes a small picture (time across, mel bands up), and a convolutional network looks for patterns in
it. So that it understands people whom it has never heard, its training pictures are bent as voices differ.

References:
    Jaitly, Hinton (2013), Vocal tract length perturbation improves speech recognition, ICML workshop.
    Park et al. (2019), SpecAugment: a simple data augmentation method for speech recognition, Interspeech.
    Szegedy et al. (2016), Rethinking the inception architecture, CVPR: smoothed labels.
"""

from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import layers

from mmrec.audio import MelSpectrogram
from mmrec.errors import InputError
from mmrec.models.networks import fix_chance

RATE = 8000
"""Samples a second."""
FRAMES, MELS = 56, 40
"""Size of a picture: a frame lasts 10 ms."""
RANGE = 7.0
"""What is kept below the loudest point, in units of log power (30 decibels)."""
QUIET = 30
"""Decibels below the loudest frame at which a sound begins and ends."""


def pictures(sounds: Sequence[np.ndarray]) -> np.ndarray:
    """Log-mel pictures (n, FRAMES, MELS) float32 in [0, 1] of n sounds, each (T,) at ``RATE``.

    Silence at the ends is cut off and the rest is put in the middle, longer sounds being cut on both sides. The
    loudest point of every sound is 1 and everything ``RANGE`` below it 0: loudness and faint noise say nothing.
    """
    import librosa

    spectrogram = MelSpectrogram(sample_rate=RATE, n_fft=256, hop=80, mels=MELS, fmin=60)
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
    """(F, mels) -> (FRAMES, mels), filled with zeros or cut on both sides."""
    extra = FRAMES - len(picture)
    if extra < 0:
        return picture[-extra // 2 :][:FRAMES]
    return np.pad(picture, ((extra // 2, extra - extra // 2), (0, 0)))


def sample(images: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Values between the points of one axis, by linear interpolation.

    Args:
        images: (n, F, mels).
        places: (n, k) positions along the axis. Beyond the ends of time there is silence; beyond the ends of
            frequency the last band goes on.
        axis: 1 for time, 2 for frequency.

    Returns:
        (n, k, mels) or (n, F, k).
    """
    low = np.floor(places).astype(int)  # (n, k)
    share = np.expand_dims((places - low).astype(np.float32), 3 - axis)  # (n, k, 1) or (n, 1, k)

    def at(index: np.ndarray) -> np.ndarray:
        inside = np.clip(index, 0, images.shape[axis] - 1)
        values = np.take_along_axis(images, np.expand_dims(inside, 3 - axis), axis)
        return values * np.expand_dims(inside == index, 3 - axis) if axis == 1 else values

    return (1 - share) * at(low) + share * at(low + 1)


def bend(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pictures (n, F, mels) as others might have said and recorded the same, each in its own way.

    Slower or faster (a factor up to e^.3) and a little earlier or later; a longer or shorter vocal tract (mel bands
    moved and stretched); another microphone (a smooth gain over frequency); a louder background; one span of time
    and one of frequency unheard.
    """
    n, frames, mels = images.shape
    time, band = np.arange(frames) - frames / 2, np.arange(mels)

    def draw(most: float) -> np.ndarray:
        return rng.uniform(-most, most, (n, 1))

    images = sample(images, time * np.exp(draw(0.3)) + frames / 2 + draw(4), 1)  # (n, F, mels)
    images = sample(images, band * np.exp(draw(0.12)) + draw(2.5), 2)  # (n, F, mels)
    knots = rng.normal(0, 0.08, (n, 1, 5))
    gain = sample(knots, np.broadcast_to(np.linspace(0, 4, mels), (n, mels)), 2)  # (n, 1, mels)
    floor = rng.uniform(0, 0.25, (n, 1, 1))
    images = np.where(images > 0, np.maximum(images + gain - floor, 0) / (1 - floor), 0)
    images = images * _unheard(n, frames, rng)[:, :, None] * _unheard(n, mels, rng)[:, None]
    return (images + rng.normal(0, 0.03, images.shape)).astype(np.float32)


def _unheard(n: int, size: int, rng: np.random.Generator, most: int = 6) -> np.ndarray:
    """(n, size), false on a random span of up to ``most`` points."""
    start = rng.integers(0, size - most, (n, 1))
    stop = start + rng.integers(0, most + 1, (n, 1))
    return (np.arange(size) < start) | (np.arange(size) >= stop)


def make_network(
    classes: int = 10,
    *,
    shape: tuple[int, int] = (FRAMES, MELS),
    widths: Sequence[int] = (32, 64, 96),
    dropout: float = 0.3,
) -> keras.Model:
    """Pictures (B, F, mels) -> chances (B, classes).

    Convolutions with batch normalisation, each of which halves time and frequency, and a mean over the points that
    remain. That mean knows no order, but each of its points has seen a span of time: 17 frames with three layers.

    Args:
        classes: how many words.
        shape: (F, mels).
        widths: patterns in each layer of convolutions.
        dropout: share of the pooled patterns dropped in training.
    """
    inputs = layers.Input(shape)
    x = layers.Reshape((*shape, 1))(inputs)  # (B, F, mels, 1)
    for place, width in enumerate(widths):
        size = 3 if place else 5
        x = layers.Conv2D(width, size, strides=2, padding="same", use_bias=False)(x)  # (B, F / 2, mels / 2, width)
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))  # the same shape
    x = layers.Dropout(dropout)(layers.GlobalAveragePooling2D()(x))  # (B, widths[-1])
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))  # (B, classes)


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
        seed: of weights, order and bending.

    Attributes:
        network: the fitted ``make_network``.
        classes_: (C,) the words, in the order of the columns of ``predict_proba``.
    """

    def __init__(
        self,
        epochs: int = 25,
        learning_rate: float = 3e-3,
        batch_size: int = 64,
        smoothing: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.epochs, self.learning_rate, self.batch_size = epochs, learning_rate, batch_size
        self.smoothing, self.seed = smoothing, seed

    def fit(self, images: np.ndarray, labels: np.ndarray) -> Self:
        """Learn from pictures (n, F, mels) and their words (n,).

        Raises:
            InputError: lengths differ, or there are fewer than two words.
        """
        self.classes_, word = np.unique(labels, return_inverse=True)
        if len(images) != len(word) or len(self.classes_) < 2:
            raise InputError(f"{len(images)} pictures and {len(word)} labels: give each one of two or more words")
        fix_chance(self.seed)
        self.network = make_network(len(self.classes_), shape=images.shape[1:])
        batches = _Batches(images, np.eye(len(self.classes_), dtype=np.float32)[word], self.batch_size, self.seed)
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, self.epochs * len(batches))
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=self.smoothing)
        self.network.compile(keras.optimizers.AdamW(rate, weight_decay=1e-3), loss, jit_compile=False)
        self.network.fit(batches, epochs=self.epochs, verbose=0, shuffle=False)
        return self

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        """(n, F, mels) -> (n, C): the mean over nine views of each picture, squeezed in time and stretched in bands."""
        n, frames, mels = images.shape
        chances: list[Any] = []
        for squeeze in (1, 1.15, 1.3):
            time = np.broadcast_to((np.arange(frames) - frames / 2) * squeeze + frames / 2, (n, frames))
            for stretch in (0.9, 1, 1.1):
                seen = sample(sample(images, time, 1), np.broadcast_to(np.arange(mels) * stretch, (n, mels)), 2)
                chances.append(self.network.predict(seen.astype(np.float32), batch_size=256, verbose=0))  # (n, C)
        return np.mean(chances, axis=0)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """(n, F, mels) -> the likeliest word of each (n,)."""
        return self.classes_[self.predict_proba(images).argmax(axis=1)]
