r"""Formula (3), section 4.2: $M = \sum_{i=1}^{n} A_i \cdot w_i$. Explained in notebooks/04-audio.ipynb."""

from typing import Any

import keras
from keras import ops

from mmrec.errors import InputError


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
