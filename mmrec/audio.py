r"""Formula (3), section 4.2: $M = \sum_{i=1}^{n} A_i \cdot w_i$. Explained in notebooks/04-audio.ipynb."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mmrec.errors import InputError


@keras.saving.register_keras_serializable("mmrec")
class MelSpectrogram(keras.layers.Layer):
    """log(1e-6 + mel |STFT|^2): the features A of formula (3), section 4.2; notebooks/04-audio.ipynb.

    Frames are not centred (librosa's ``center=False``): frame t covers samples t * hop to t * hop + n_fft, and
    nothing is invented beyond the ends. A batch shorter than one frame is filled with silence.

    Args:
        sample_rate: samples a second.
        n_fft: samples in a frame.
        hop: samples between frames.
        mels: number of mel bands.
        fmin: lowest frequency, Hz.
        fmax: highest frequency, Hz; half the sample rate when None.
        log: take the logarithm.

    Inputs: samples (B, T).
    Outputs: (B, frames, mels), frames = 1 + (T - n_fft) // hop.

    >>> MelSpectrogram()(np.zeros((1, 2048), "float32")).shape[-1]
    64

    References: Stevens, Volkmann and Newman (1937), A scale for the measurement of the psychological magnitude pitch.
    """

    def __init__(
        self,
        sample_rate: int = 22050,
        n_fft: int = 1024,
        hop: int = 512,
        mels: int = 64,
        fmin: float = 0,
        fmax: float | None = None,
        log: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        import librosa
        from scipy.signal import get_window

        self.sample_rate, self.n_fft, self.hop, self.mels = sample_rate, n_fft, hop, mels
        self.fmin, self.fmax, self.log = fmin, fmax, log
        filters = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=mels, fmin=fmin, fmax=fmax)
        self.filters = filters.T.astype(np.float32)  # (1 + n_fft / 2, mels)
        self.window = get_window("hann", n_fft).astype(np.float32)  # (n_fft,)

    def call(self, inputs: Any) -> Any:
        """Transform the samples."""
        if inputs.shape[1] is not None and inputs.shape[1] < self.n_fft:
            inputs = ops.pad(inputs, ((0, 0), (0, self.n_fft - inputs.shape[1])))  # (B, n_fft)
        window = ops.cast(self.window, inputs.dtype)  # (n_fft,)
        real, imaginary = ops.stft(inputs, self.n_fft, self.hop, self.n_fft, window=window, center=False)
        power = real**2 + imaginary**2  # (B, frames, 1 + n_fft / 2)
        mel = ops.matmul(power, ops.cast(self.filters, power.dtype))  # (B, frames, mels)
        return ops.log(1e-6 + mel) if self.log else mel  # (B, frames, mels)

    def frames(self, lengths: Any) -> Any:
        """Frames that hold sound, (B,), of sounds of these lengths in samples, (B,); 0 for no sound."""
        full = 1 + (ops.maximum(lengths, self.n_fft) - self.n_fft) // self.hop  # (B,)
        return ops.where(lengths > 0, full, ops.zeros_like(full))  # (B,)

    def get_config(self) -> dict[str, Any]:
        names = ("sample_rate", "n_fft", "hop", "mels", "fmin", "fmax", "log")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("mmrec")
class MFCC(keras.layers.Layer):
    r"""Mel-frequency cepstral coefficients, the other features A that section 4.2 names; notebooks/04-audio.ipynb.

    $c_k = a_k \sum_m L_m \cos(\pi k (m + 1/2) / \text{mels})$ with $a_0 = \sqrt{1 / \text{mels}}$ and
    $a_k = \sqrt{2 / \text{mels}}$ otherwise; L are decibels, at most ``top_db`` below the loudest of the same sound.

    Args:
        coefficients: how many c_k, from k = 0 (loudness) on.
        top_db: range of loudness that is kept, decibels.

    Inputs: mel power S (B, F, mels), from ``MelSpectrogram(log=False)``.
    Outputs: (B, F, coefficients).

    >>> MFCC()(np.ones((1, 5, 64), "float32")).shape[-1]
    13

    Reference: Davis and Mermelstein (1980), Comparison of parametric representations for monosyllabic word recognition.
    """

    def __init__(self, coefficients: int = 13, top_db: float = 80.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.coefficients, self.top_db = coefficients, top_db

    def build(self, input_shape: Any) -> None:
        """Make the cosine transform."""
        from scipy.fft import dct

        if input_shape[-1] < self.coefficients:
            raise InputError(f"{self.coefficients} coefficients of {input_shape[-1]} mel bands: ask for fewer")
        transform = dct(np.eye(input_shape[-1]), norm="ortho")[:, : self.coefficients]
        self.transform = transform.astype(np.float32)  # (mels, coefficients)

    def call(self, inputs: Any) -> Any:
        """Transform the bands."""
        decibels = 10 * ops.log10(ops.maximum(inputs, 1e-10))  # (B, F, mels)
        loudest = ops.max(decibels, axis=(1, 2), keepdims=True)  # (B, 1, 1)
        decibels = ops.maximum(decibels, loudest - self.top_db)  # (B, F, mels)
        return ops.matmul(decibels, ops.cast(self.transform, decibels.dtype))  # (B, F, coefficients)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "coefficients": self.coefficients, "top_db": self.top_db}


def segments(spectrogram: Any, n: int, frames: Any = None) -> Any:
    """Segments A_i of formula (3), section 4.2: means over n equal spans of each sound's own time.

    A frame on a border counts by its share in each span, so no span is empty however short the sound.

    Args:
        spectrogram: (B, F, mels).
        n: number of segments.
        frames: (B,) frames that hold sound (``MelSpectrogram.frames``); all F when None.

    Returns:
        A (B, n, mels); zeros for a sound without frames (mask those with ``frames > 0``).
    """
    dtype, total = spectrogram.dtype, ops.shape(spectrogram)[1]
    frames = ops.ones_like(spectrogram[:, 0, 0]) * total if frames is None else ops.cast(frames, dtype)  # (B,)
    width = frames[:, None, None] / n  # (B, 1, 1)
    span = ops.cast(ops.arange(n), dtype)[None, :, None]  # (1, n, 1)
    frame = ops.cast(ops.arange(total), dtype)[None, None, :]  # (1, 1, F)
    share = ops.minimum(frame + 1, (span + 1) * width) - ops.maximum(frame, span * width)  # (B, n, F)
    share = ops.maximum(share, 0) / ops.maximum(width, 1e-6)  # (B, n, F)
    return ops.matmul(share, spectrogram)  # (B, n, mels)


@keras.saving.register_keras_serializable("mmrec")
class MelPooling(keras.layers.Layer):
    r"""$M = \sum_i A_i w_i$: section 4.2, formula (3); notebooks/04-audio.ipynb.

    Args:
        weighting: "uniform" (1 / number of present segments), "energy" (softmax of a segment's mean log mel:
            loud segments count more) or "learned" (softmax of A_i . v, with v trainable).

    Inputs: A (B, n, mels), optional mask (B, n), true where there is a segment.
    Outputs: M (B, mels); zeros where no segment is present.

    >>> MelPooling()(np.ones((2, 3, 4), "float32")).shape[-1]
    4
    """

    def __init__(self, weighting: str = "uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if weighting not in ("uniform", "energy", "learned"):
            raise InputError(f"weighting {weighting!r}: choose from uniform, energy, learned")
        self.weighting = weighting

    def build(self, input_shape: Any) -> None:
        """Make v, when the weights are learned."""
        if self.weighting == "learned":
            self.query = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="query")  # (mels,)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Pool the segments."""
        here = ops.ones_like(inputs[..., 0]) if mask is None else ops.cast(mask, inputs.dtype)  # (B, n)
        logits = ops.zeros_like(here)  # (B, n)
        if self.weighting == "energy":
            logits = ops.mean(inputs, axis=-1)  # (B, n)
        elif self.weighting == "learned":
            logits = ops.matmul(inputs, self.query)  # (B, n)
        w = ops.softmax(logits - 1e4 * (1 - here), axis=1) * here  # (B, n)
        return ops.einsum("bnm,bn->bm", inputs, w)  # (B, mels)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """The segments are summed away, and their mask with them."""

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weighting": self.weighting}
