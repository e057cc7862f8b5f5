"""Log mel spectrogram: the features A of formula (3), section 4.2. Explained in notebooks/04-audio.ipynb."""

from typing import Any

import keras
import numpy as np
from keras import ops


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
