"""Mel-frequency cepstral coefficients: other features A of formula (3). Explained in notebooks/04-audio.ipynb."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mmrec.errors import InputError


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
