"""Gated fusion: a gate per modality and unit. Explained in notebooks/05-fusion.ipynb."""

from typing import Any

import keras
from keras import ops

from mmrec.layers.fusion_form import FusionForm, masked_blocks, present_or_all


@keras.saving.register_keras_serializable("mmrec")
class GatedFusion(FusionForm):
    r"""$F = \sum_j g_j \odot \sigma(W_j x_j + b_j)$, $g = \text{softmax}_j(V_j [x_1; ...; x_m] + c_j)$.

    A gate decides for each number of F how much each modality has to say about it. An absent modality's gate is 0.

    Args:
        units: length of F.
        activation: sigma.
        kernel_regularizer: penalty on W and V.

    Inputs: list of m blocks (B, d_j); optional present (B, m).
    Outputs: F (B, units); zeros where nothing is present.

    >>> import numpy as np
    >>> tuple(GatedFusion(5)([np.ones((2, 3)), np.ones((2, 4))]).shape)
    (2, 5)

    Reference: Arevalo et al. (2017), Gated multimodal units for information fusion.
    """

    def build(self, input_shape: Any) -> None:
        """Make a layer for each block, and the gates."""
        self.hidden = [self.dense(self.units, f"hidden_{j}", self.activation) for j in range(len(input_shape))]
        for layer, shape in zip(self.hidden, input_shape, strict=True):
            layer.build(shape)
        self.gate = self.dense(self.units * len(input_shape), "gate")
        self.gate.build((None, sum(shape[-1] for shape in input_shape)))

    def call(self, inputs: Any, present: Any = None) -> Any:
        """Fuse the blocks."""
        here = present_or_all(inputs, present)  # (B, m)
        blocks = masked_blocks(inputs, here)
        hidden = ops.stack([layer(block) for layer, block in zip(self.hidden, blocks, strict=True)], axis=1)
        logits = ops.reshape(self.gate(ops.concatenate(blocks, axis=-1)), (-1, len(blocks), self.units))  # (B, m, u)
        mask = here[..., None]  # (B, m, 1)
        gates = ops.softmax(logits - 1e4 * (1 - mask), axis=1) * mask  # (B, m, units)
        return ops.sum(gates * hidden, axis=1)  # (B, units)
