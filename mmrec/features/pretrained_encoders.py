"""Encoders with pre-trained weights: optional, small, and each behind the same interface as those without any.

All but ``vgg16`` need ``mmrec fetch encoders --to DIR`` and ``MMREC_ENCODERS=DIR``, and say so when they are made.
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mmrec.environment import VGG16, variable
from mmrec.errors import InputError
from mmrec.features.encoders import Source, register
from mmrec.features.pretrained import packages
from mmrec.files import sha256_file


class PackagedEncoder:
    """What encoders share whose weights come in one of ``mmrec.features.pretrained.packages``.

    Raises:
        MissingDataError: the weights are not there; the message says how to get them.
        IntegrityError: they are not the recorded ones.
    """

    version = "1"
    package: ClassVar[str]

    def __init__(self, **settings: Any) -> None:
        self.folder = packages.locate(self.package)
        self.parameters: dict[str, Any] = {**packages.weights_of(self.package), **settings}

    @classmethod
    def available(cls) -> bool:
        """Whether the weights are there."""
        return packages.available(cls.package)


@register("image", "lite0")
class Lite0PictureEncoder(PackagedEncoder):
    """EfficientNet-Lite0 without its classes: the mean over space of its last 1,280 feature maps.

    Args:
        rows: pictures encoded at once; smaller batches are filled up, so that a row does not depend on its batch.
    """

    name, modality, size = "lite0", "image", 1280
    package = packages.LITE0

    def __init__(self, rows: int = 32) -> None:
        super().__init__()
        self.rows = rows

    @cached_property
    def _model(self) -> Any:
        from mmrec.features.pretrained.lite0 import lite0

        (weights,) = packages.REGISTRY[self.package].files
        return lite0(self.folder / weights)

    def load(self, source: Source) -> np.ndarray:
        from mmrec.data.media import read_image
        from mmrec.features.pretrained.lite0 import square

        return square(read_image(source))  # (224, 224, 3) uint8

    def encode(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        from mmrec.features.pretrained.lite0 import normalise

        pictures = np.zeros((self.rows, *batch[0].shape), np.float32)  # (rows, 224, 224, 3)
        rows = []
        for start in range(0, len(batch), self.rows):
            part = batch[start : start + self.rows]
            pictures[: len(part)] = normalise(np.stack(part))
            rows.append(np.asarray(self._model.predict_on_batch(pictures)[0])[: len(part)])
        return np.concatenate(rows)  # (B, 1280)


@register("image", "vgg16")
class Vgg16PictureEncoder:
    """VGG16, the network of the listing in section 5, without its classes: 512 means over space.

    Each picture goes through it alone, one on every processor, by ``pretrained.winograd.FastConvolutions``:
    rows equal Keras's up to rounding, and one another to the bit whatever their batch.

    The weights are the file ``$MMREC_VGG16``; else those for ImageNet, which Keras downloads once; else random ones,
    with a warning. ``parameters`` says which, so that the cache keeps their rows apart.

    Raises:
        InputError: ``$MMREC_VGG16`` is not a file, or not one with weights of this network.
    """

    name, modality, version, size = "vgg16", "image", "2", 512
    SIDE, SEED = 224, 0

    def __init__(self) -> None:
        self.path = variable(VGG16)
        if self.path and not Path(self.path).is_file():
            raise InputError(f"MMREC_VGG16 is {self.path}, where no file is: give the weights of VGG16, or unset it")

    @staticmethod
    def available() -> bool:
        """Whether there are weights without a download."""
        return Path(variable(VGG16)).is_file()

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """Known only when the weights are: the first look may download them."""
        return {"side": self.SIDE, "weights": sha256_file(self.path) if self.path else self._network[1]}

    @cached_property
    def _network(self) -> tuple[Any, str]:
        """The network in Keras, and what its weights are."""
        import keras

        def build(weights: str | None) -> Any:
            shape = (self.SIDE, self.SIDE, 3)
            model = keras.applications.VGG16(include_top=False, pooling="avg", weights=weights, input_shape=shape)
            model.compile(jit_compile=False)
            return model

        if self.path:
            try:
                return build(self.path), "file"
            except Exception as error:  # Keras and h5py raise whatever they like
                reason = str(error).strip().partition("\n")[0]
                raise InputError(
                    f"MMREC_VGG16 is {self.path}, not the weights of VGG16 without its classes ({reason})"
                ) from error
        try:
            return build("imagenet"), "imagenet"
        except Exception:  # no network: Keras raises a bare Exception
            warnings.warn(
                "the ImageNet weights of VGG16 cannot be downloaded: its weights are RANDOM; set MMREC_VGG16 to a file",
                stacklevel=2,
            )
        model, rng = build(None), np.random.default_rng(self.SEED)
        for layer in model.layers:
            if layer.weights:
                kernel, bias = (tuple(weight.shape) for weight in layer.weights)  # (3, 3, in, out), (out,)
                spread = np.sqrt(
                    2 / np.prod(kernel[:-1])
                )  # keeps the size of the signal through ReLU (He et al., 2015)
                layer.set_weights([(rng.standard_normal(kernel) * spread).astype(np.float32), np.zeros(bias)])
        return model, f"random, seed {self.SEED}"

    def load(self, source: Source) -> np.ndarray:
        import cv2

        from mmrec.data.media import read_image

        return cv2.resize(read_image(source), (self.SIDE, self.SIDE), interpolation=cv2.INTER_AREA)  # (224, 224, 3)

    @cached_property
    def _convolutions(self) -> Any:
        """The network's convolutions, compiled."""
        from mmrec.features.pretrained.winograd import FastConvolutions

        return FastConvolutions(self._network[0])

    def encode(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        from keras.applications.vgg16 import preprocess_input
        from threadpoolctl import threadpool_limits

        pictures = preprocess_input(np.stack(batch).astype(np.float32))  # (B, 224, 224, 3)
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:  # a thread a picture
            return np.stack(list(pool.map(self._convolutions, pictures)))  # (B, 512)


@register("audio", "musicnn")
class MusicnnSoundEncoder(PackagedEncoder):
    """musicnn without its tags: the mean of 200 features over pieces of three seconds.

    What is left beyond the last whole piece is not used; a sound shorter than one piece is repeated to fill it.

    Args:
        seconds: how much of a sound is used at most.
    """

    name, modality, size = "musicnn", "audio", 200
    package = packages.MUSICNN

    def __init__(self, seconds: float = 30.0) -> None:
        super().__init__(seconds=seconds)

    @cached_property
    def _model(self) -> Any:
        from mmrec.features.pretrained.musicnn import listener

        return listener(self.folder / "musicnn" / "MTT_musicnn")

    def load(self, source: Source) -> np.ndarray:
        from mmrec.data.media import read_audio
        from mmrec.features.pretrained.musicnn import SAMPLE_RATE, pieces

        samples, _ = read_audio(source, SAMPLE_RATE, self.parameters["seconds"])
        return pieces(samples)  # (n, 48128)

    def encode(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack([self._hear(sound, 0) for sound in batch])  # (B, 200)

    def tags(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities of ``pretrained.musicnn.TAGS`` for loaded sounds, means over their pieces: (B, 50)."""
        return np.stack([self._hear(sound, 1) for sound in batch])  # (B, 50)

    def _hear(self, sound: np.ndarray, output: int) -> np.ndarray:
        # one piece at a time: in a batch, the last bits of this network depend on the place
        rows = [np.asarray(self._model.predict_on_batch(piece[None])[output]) for piece in sound]
        return np.concatenate(rows).mean(axis=0)  # (200,) or (50,)


class SentenceEncoder(PackagedEncoder):
    """What encoders of sentences share.

    Class attributes:
        loader: the function of ``pretrained.sentence`` that loads the network.
    """

    modality = "text"
    loader: ClassVar[str]

    def load(self, source: Source) -> str:
        return str(source)

    def encode(self, batch: Sequence[str]) -> np.ndarray:
        return self._model.encode(batch)  # (B, d)

    @cached_property
    def _model(self) -> Any:
        from mmrec.features.pretrained import sentence

        return getattr(sentence, self.loader)()


@register("text", "sentence")
class UniversalTextEncoder(SentenceEncoder):
    """Universal Sentence Encoder, multilingual v3: a Chinese text and its translation are neighbours."""

    name, size, loader = "sentence", 512, "universal"
    package = packages.UNIVERSAL


@register("text", "minilm")
class MiniLMTextEncoder(SentenceEncoder):
    """all-MiniLM-L6-v2, a small transformer for English."""

    name, size, loader = "minilm", 384, "minilm"
    package = packages.MINILM
