"""Low-rank bilinear fusion: products of modalities. Explained in notebooks/05-fusion.ipynb."""

from typing import Any

import keras
from keras import ops

from mmrec.layers.fusion_form import FusionForm, masked_blocks, present_or_all


@keras.saving.register_keras_serializable("mmrec")
class LowRankBilinear(FusionForm):
    r"""$F = \sigma(\frac{1}{R} \sum_{r=1}^{R} \bigodot_j (W_j^r x_j + b_j^r) - 1)$.

    All products of one number from each modality, at low rank. An absent modality's factor is 1, so that the
    products of the others remain; b starts at 1, and the 1 that products of b alone would give is taken off.

    Args:
        units: length of F.
        rank: number R of terms.
        activation: sigma.
        kernel_regularizer: penalty on W.

    Inputs: list of m blocks (B, d_j); optional present (B, m).
    Outputs: F (B, units).

    >>> import numpy as np
    >>> tuple(LowRankBilinear(5)([np.ones((2, 3)), np.ones((2, 4))]).shape)
    (2, 5)

    Reference: Liu et al. (2018), Efficient low-rank multimodal fusion with modality-specific factors.
    """

    def __init__(self, units: int, rank: int = 4, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.rank = rank

    def build(self, input_shape: Any) -> None:
        """Make the factors."""
        self.factors = [
            keras.layers.Dense(
                self.rank * self.units,
                bias_initializer="ones",
                kernel_regularizer=self.kernel_regularizer,
                name=f"factor_{j}",
            )
            for j in range(len(input_shape))
        ]
        for layer, shape in zip(self.factors, input_shape, strict=True):
            layer.build(shape)

    def call(self, inputs: Any, present: Any = None) -> Any:
        """Fuse the blocks."""
        here = present_or_all(inputs, present)  # (B, m)
        product: Any = None
        for j, (layer, block) in enumerate(zip(self.factors, masked_blocks(inputs, here), strict=True)):
            factor = layer(block)  # (B, rank * units)
            factor = ops.where(here[:, j : j + 1] > 0, factor, ops.ones_like(factor))  # (B, rank * units)
            product = factor if product is None else product * factor  # (B, rank * units)
        product = ops.reshape(product, (-1, self.rank, self.units))  # (B, R, units)
        return self.activation(ops.mean(product, axis=1) - 1)  # (B, units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rank": self.rank}
