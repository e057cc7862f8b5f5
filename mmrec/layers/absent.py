"""Values in place of an absent modality. Explained in notebooks/05-fusion.ipynb."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mmrec.errors import InputError
from mmrec.layers.fusion_form import present_or_all

METHODS = ("zero", "mean", "learned")


@keras.saving.register_keras_serializable("mmrec")
class FillAbsent(keras.layers.Layer):
    """What stands in an absent block's place.

    Args:
        method: "zero" (left to the mask), "mean" (of the blocks that the layer was adapted to) or "learned"
            (a trainable vector a modality).

    Inputs: list of m blocks (B, d_j); present (B, m).
    Outputs: list of m blocks (B, d_j).

    >>> import numpy as np
    >>> float(FillAbsent("zero")([np.ones((1, 2))], present=np.zeros((1, 1)))[0][0, 0])
    0.0
    """

    def __init__(self, method: str = "zero", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if method not in METHODS:
            raise InputError(f"method {method!r}: choose from {', '.join(METHODS)}")
        self.method = method

    def build(self, input_shape: Any) -> None:
        """Make a vector for each block."""
        self.vectors = [
            self.add_weight(
                shape=(shape[-1],), initializer="zeros", trainable=self.method == "learned", name=f"fill_{j}"
            )
            for j, shape in enumerate(input_shape)
        ]  # m of (d_j,)

    def adapt(self, blocks: Sequence[Any], present: Any) -> None:
        """Take the means of the present rows, for "mean".

        Args:
            blocks: m of (n, d_j), training items.
            present: (n, m).
        """
        for j, (vector, block) in enumerate(zip(self.vectors, blocks, strict=True)):
            if self.method == "mean" and present[:, j].any():
                vector.assign(block[present[:, j] > 0].mean(axis=0))

    def call(self, inputs: Any, present: Any) -> Any:
        """Fill the blocks."""
        here = present_or_all(inputs, present)  # (B, m)
        return [
            ops.where(here[:, j : j + 1] > 0, block, ops.zeros_like(block) + vector)
            for j, (block, vector) in enumerate(zip(inputs, self.vectors, strict=True))
        ]  # m of (B, d_j)

    def compute_output_shape(self, input_shape: Any) -> list:
        return list(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "method": self.method}
