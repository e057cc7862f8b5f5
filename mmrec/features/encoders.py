"""Encoders turn one text, picture or sound into a row of numbers; they are found by name in a registry.

An encoder reads its input in a worker thread (``load``) and turns a batch of loaded inputs into rows in
the calling thread (``encode``). Its name, version and parameters name its results in the cache: change
one of them whenever the rows would change. A row must depend on its own input alone, never on its batch.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from mmrec.errors import InputError

Source = str | Path
"""What an encoder loads: the text itself, or the path of a picture or sound."""


class Encoder(Protocol):
    """What extraction needs of an encoder."""

    @property
    def name(self) -> str:
        """Name by which users choose it."""

    @property
    def modality(self) -> str:
        """One of ``MODALITIES``."""

    @property
    def version(self) -> str:
        """Raised whenever the same input and parameters give other rows."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON values that the rows depend on."""

    @property
    def size(self) -> int:
        """Length d of a row."""

    def load(self, source: Source) -> Any:
        """Read one input (called in a worker thread); raises ``MediaError`` naming a file that cannot be decoded."""

    def encode(self, batch: Sequence[Any]) -> np.ndarray:
        """(B, d) float32, one row for each loaded input."""


REGISTRY: dict[str, dict[str, Callable[[], Encoder]]] = {"text": {}, "image": {}, "audio": {}}
DEFAULT_ENCODERS = {"text": "bow", "image": "conv", "audio": "mel"}


def register(modality: str, name: str) -> Callable[[Callable[[], Encoder]], Callable[[], Encoder]]:
    """Decorator that makes an encoder known as ``--encoder MODALITY=NAME``; the factory is called without arguments."""

    def add(factory: Callable[[], Encoder]) -> Callable[[], Encoder]:
        REGISTRY[modality][name] = factory
        return factory

    return add


def make_encoder(modality: str, name: str | None = None) -> Encoder:
    """The encoder of that name with its default parameters; without a name, the modality's default one.

    Raises:
        InputError: no such encoder; the message lists the choices.
    """
    name = name or DEFAULT_ENCODERS[modality]
    if name not in REGISTRY[modality]:
        raise InputError(f"no {modality} encoder {name!r}: choose from {', '.join(sorted(REGISTRY[modality]))}")
    return REGISTRY[modality][name]()


@register("text", "bow")
class BagOfWordsEncoder:
    """Word counts f(d) of formula (1), section 4.2, in a hashed vocabulary, so that no vocabulary is fitted.

    Args:
        vocabulary_size: V, length of a row.
    """

    name = "bow"
    modality = "text"
    version = "1"

    def __init__(self, vocabulary_size: int = 4096) -> None:
        self.parameters = {"vocabulary_size": vocabulary_size}
        self.size = vocabulary_size

    def load(self, source: Source) -> str:
        return str(source)

    def encode(self, batch: Sequence[str]) -> np.ndarray:
        from mmrec.text import count_words

        return count_words(batch, self.size).toarray().astype(np.float32)  # (B, V)


@register("image", "conv")
class ConvPictureEncoder:
    """O of formula (2), section 4.2, with the fixed filter bank: colours and edges, nothing trained.

    Args:
        height, width: size to which every picture is scaled.
        grid: cells, down and across, in which the feature maps are averaged.
        rows: pictures encoded at once; smaller batches are filled up, so that a row does not depend on its batch.
    """

    name = "conv"
    modality = "image"
    version = "1"
    LAYER: ClassVar[dict[str, Any]] = {"initializer": "bank", "kernel_size": 7, "strides": 2, "activation": "relu"}
    FILTERS = 48

    def __init__(self, height: int = 96, width: int = 64, grid: tuple[int, int] = (3, 2), rows: int = 32) -> None:
        self.rows = rows
        self.parameters: dict[str, Any] = {"height": height, "width": width, "grid": list(grid), **self.LAYER}
        self.size = grid[0] * grid[1] * self.FILTERS

    @cached_property
    def layer(self) -> Any:
        """The formula layer, made when there is something to encode (Keras takes seconds to import)."""
        from mmrec.image import ConvEncoder

        return ConvEncoder(grid=tuple(self.parameters["grid"]), **self.LAYER, trainable=False)

    def load(self, source: Source) -> np.ndarray:
        import cv2

        from mmrec.data.media import read_image

        size = (self.parameters["width"], self.parameters["height"])
        return cv2.resize(read_image(source), size, interpolation=cv2.INTER_AREA)  # (H, W, 3) uint8

    def encode(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        pictures = np.zeros((self.rows, *batch[0].shape), np.float32)  # (rows, H, W, 3)
        pictures[: len(batch)] = np.stack(batch) / np.float32(255)
        return np.asarray(self.layer(pictures), np.float32)[: len(batch)]  # (B, p)


@register("audio", "mel")
class MelSoundEncoder:
    """M of formula (3), section 4.2: log-mel segments, pooled with equal weights.

    Args:
        sample_rate: samples a second to which every sound is brought.
        mels: bands, hence the length of a row.
        parts: segments A_i that a sound is cut into.
        seconds: how much of a sound is heard at most.
    """

    name = "mel"
    modality = "audio"
    version = "1"
    LAYER: ClassVar[dict[str, Any]] = {"n_fft": 1024, "hop": 512}

    def __init__(self, sample_rate: int = 22050, mels: int = 64, parts: int = 8, seconds: float = 30.0) -> None:
        self.parameters: dict[str, Any] = {"sample_rate": sample_rate, "mels": mels, "parts": parts, "seconds": seconds}
        self.parameters |= self.LAYER
        self.size = mels

    @cached_property
    def spectrogram(self) -> Any:
        """The spectrogram layer, made when there is something to encode."""
        from mmrec.audio import MelSpectrogram

        return MelSpectrogram(sample_rate=self.parameters["sample_rate"], mels=self.size, **self.LAYER)

    @cached_property
    def pooling(self) -> Any:
        """Formula (3), made when there is something to encode."""
        from mmrec.audio import MelPooling

        return MelPooling("uniform")

    def load(self, source: Source) -> np.ndarray:
        from mmrec.data.media import read_audio

        samples, _ = read_audio(source, self.parameters["sample_rate"], self.parameters["seconds"])
        return samples  # (T,)

    def encode(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        # one sound at a time, each in its own length: filling up to a common one costs more than it saves
        return np.concatenate([self._encode_one(samples) for samples in batch])  # (B, mels)

    def _encode_one(self, samples: np.ndarray) -> np.ndarray:
        from mmrec.audio import segments

        spectrum = self.spectrogram(samples[None])  # (1, F, mels)
        return np.asarray(self.pooling(segments(spectrum, self.parameters["parts"])), np.float32)  # (1, mels)
