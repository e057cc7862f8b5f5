"""Encoders of sounds: threads read samples, and one compiled model describes each sound in its own length."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from mmrec.features.encoders import Source, compiled, register


class SoundEncoder:
    """What the encoders of sounds share: reading, and one call of a compiled model for each sound.

    A sound is filled up with silence to whole seconds, which its number of frames then leaves out of account:
    that bounds the shapes for which a backend compiles, and a row depends on the length of its own sound alone.
    """

    name: str
    modality = "audio"
    version = "2"
    LAYER: ClassVar[dict[str, Any]] = {"n_fft": 1024, "hop": 512}
    LOG = False
    parameters: dict[str, Any]
    size: int

    def load(self, source: Source) -> np.ndarray:
        from mmrec.data.media import read_audio

        samples, _ = read_audio(source, self.parameters["sample_rate"], self.parameters["seconds"])
        return samples  # (T,)

    def encode(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([self._encode_one(samples) for samples in batch])  # (B, d)

    def describe(self, spectrum: Any, frames: Any) -> Any:
        """Mel spectrum (B, F, mels), of which ``frames`` (B,) hold sound -> rows (B, d)."""
        raise NotImplementedError

    def _encode_one(self, samples: np.ndarray) -> np.ndarray:
        rate = self.parameters["sample_rate"]
        filled = np.zeros((1, -(-len(samples) // rate) * rate), np.float32)  # (1, whole seconds)
        filled[0, : len(samples)] = samples
        model = compiled(self, self._compile)
        return np.asarray(model.predict_on_batch((filled, np.array([len(samples)], np.int32))))  # (1, d)

    def _compile(self) -> Any:
        import keras

        from mmrec.layers import MelSpectrogram

        chosen = {name: self.parameters[name] for name in ("sample_rate", "mels")}
        spectrogram = MelSpectrogram(log=self.LOG, **chosen, **self.LAYER)
        describe = self.describe

        class Description(keras.Model):
            """Samples (B, T) and lengths (B,) -> rows (B, d)."""

            def call(self, inputs: Any) -> Any:
                samples, lengths = inputs
                return describe(spectrogram(samples), spectrogram.frames(lengths))

        model = Description()
        model.compile(jit_compile=False)
        for seconds in (1, 2):  # TensorFlow compiles for one length, then for all: what it ran first must not matter
            one = np.zeros((1, seconds * chosen["sample_rate"]), np.float32)
            model.predict_on_batch((one, np.array([one.size], np.int32)))
        return model


@register("audio", "mel")
class MelSoundEncoder(SoundEncoder):
    """M of formula (3), section 4.2: log-mel segments, pooled with equal weights.

    Args:
        sample_rate: samples a second to which every sound is brought.
        mels: bands, hence the length of a row.
        parts: segments A_i that a sound is split into.
        seconds: how much of a sound is used at most.
    """

    name = "mel"
    LOG = True

    def __init__(self, sample_rate: int = 22050, mels: int = 64, parts: int = 8, seconds: float = 30.0) -> None:
        self.parameters = {"sample_rate": sample_rate, "mels": mels, "parts": parts, "seconds": seconds, **self.LAYER}
        self.size = mels

    @cached_property
    def pooling(self) -> Any:
        """Formula (3), made when there is something to encode."""
        from mmrec.layers import MelPooling

        return MelPooling("uniform")

    def describe(self, spectrum: Any, frames: Any) -> Any:
        from mmrec.layers import segments

        return self.pooling(segments(spectrum, self.parameters["parts"], frames))  # (B, mels)


@register("audio", "mfcc")
class CepstrumSoundEncoder(SoundEncoder):
    """The feature of the listing in section 5: the mean over time of 13 mel-frequency cepstral coefficients.

    Args:
        sample_rate: samples a second to which every sound is brought.
        mels: bands that the coefficients are taken of.
        coefficients: how many.
        seconds: how much of a sound is used at most.
    """

    name = "mfcc"

    def __init__(self, sample_rate: int = 22050, mels: int = 64, coefficients: int = 13, seconds: float = 30.0) -> None:
        self.parameters = {"sample_rate": sample_rate, "mels": mels, "coefficients": coefficients, "seconds": seconds}
        self.parameters |= self.LAYER
        self.size = coefficients

    @cached_property
    def transform(self) -> Any:
        """From mel power to cepstral coefficients, made when there is something to encode."""
        from mmrec.layers import MFCC

        return MFCC(self.parameters["coefficients"])

    def cepstrum(self, spectrum: Any, frames: Any) -> Any:
        """Mel power (B, F, mels) -> coefficients (B, F, c); frames without sound set no loudness."""
        from keras import ops

        here = ops.arange(ops.shape(spectrum)[1])[None, :] < frames[:, None]  # (B, F)
        return self.transform(spectrum * ops.cast(here, spectrum.dtype)[..., None])  # (B, F, c)

    def describe(self, spectrum: Any, frames: Any) -> Any:
        from mmrec.layers import segments

        return segments(self.cepstrum(spectrum, frames), 1, frames)[:, 0]  # (B, c)


@register("audio", "mfcc-time")
class CepstrumInTimeEncoder(CepstrumSoundEncoder):
    """What a single mean forgets: mean and deviation over time of the coefficients, and their means over four spans."""

    name = "mfcc-time"
    SPANS = 4

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.parameters["spans"] = self.SPANS
        self.size = self.parameters["coefficients"] * (2 + self.SPANS)

    def describe(self, spectrum: Any, frames: Any) -> Any:
        from keras import ops

        from mmrec.layers import segments

        cepstrum = self.cepstrum(spectrum, frames)  # (B, F, c)
        mean = segments(cepstrum, 1, frames)  # (B, 1, c)
        deviation = ops.sqrt(segments((cepstrum - mean) ** 2, 1, frames))  # (B, 1, c)
        spans = segments(cepstrum, self.SPANS, frames)  # (B, 4, c)
        rows = ops.concatenate([mean, deviation, spans], axis=1)  # (B, 6, c)
        return ops.reshape(rows, (-1, self.size))  # (B, 6 c)
