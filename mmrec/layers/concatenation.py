"""Formula (4), section 4.2: F_concat = [X; O; M]. Explained in notebooks/05-fusion.ipynb."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("mmrec")
class Concatenation(keras.layers.Layer):
    """F_concat = [X; O; M]: section 4.2, formula (4); notebooks/05-fusion.ipynb.

    Args:
        indicators: append the mask as columns, so that an absent block is not taken for a block of zeros.

    Inputs: list of m blocks (B, d_j); optional present (B, m), true where item and modality meet.
    Outputs: F_concat (B, sum of d_j, + m with indicators); absent blocks are zeros.

    >>> import numpy as np
    >>> tuple(Concatenation()([np.ones((2, 3)), np.ones((2, 4))]).shape)
    (2, 9)
    """

    def __init__(self, indicators: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.indicators = indicators

    def call(self, inputs: Any, present: Any = None) -> Any:
        """Join the blocks."""
        blocks = list(inputs)
        dtype = blocks[0].dtype
        here = ops.ones_like(blocks[0][:, :1]) if present is None else ops.cast(present, dtype)  # (B, 1 or m)
        here = ops.repeat(here, len(blocks), axis=1) if present is None else here  # (B, m)
        seen = [
            ops.where(here[:, j : j + 1] > 0, block, ops.zeros_like(block)) for j, block in enumerate(blocks)
        ]  # m of (B, d_j); where, not times, so that a NaN in an absent block does not get through
        return ops.concatenate([*seen, here] if self.indicators else seen, axis=-1)  # (B, sum d_j [+ m])

    def compute_output_shape(self, input_shape: Any) -> tuple:
        width = sum(shape[-1] for shape in input_shape) + len(input_shape) * self.indicators
        return (input_shape[0][0], width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "indicators": self.indicators}
