"""Cross-modal attention: modalities as tokens. Explained in notebooks/05-fusion.ipynb."""

from typing import Any

import keras
from keras import ops

from mmrec.errors import InputError
from mmrec.layers.fusion_form import FusionForm, masked_blocks, present_or_all


@keras.saving.register_keras_serializable("mmrec")
class CrossModalAttention(FusionForm):
    r"""$t_j = W_j x_j + e_j$, $T' = T + \text{attention}(T, T, T)$, $F = \sigma(W \bar T' + b)$.

    Each modality asks the others what it should become. e_j tells the modalities apart; the mean of T' is over
    those that are present, and only they are attended to.

    Args:
        units: length of F and of the tokens t_j.
        heads: attention heads.
        activation: sigma.
        kernel_regularizer: penalty on W_j and W.

    Inputs: list of m blocks (B, d_j); optional present (B, m).
    Outputs: F (B, units).

    >>> import numpy as np
    >>> tuple(CrossModalAttention(4)([np.ones((2, 3)), np.ones((2, 4))]).shape)
    (2, 4)

    Reference: Vaswani et al. (2017), Attention is all you need.
    """

    def __init__(self, units: int, heads: int = 2, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        if units % heads:
            raise InputError(f"{units} units cannot be shared among {heads} heads: choose a multiple")
        self.heads = heads

    def build(self, input_shape: Any) -> None:
        """Make the tokens' layers, the attention and the output."""
        count = len(input_shape)
        self.token = [self.dense(self.units, f"token_{j}") for j in range(count)]
        for layer, shape in zip(self.token, input_shape, strict=True):
            layer.build(shape)
        self.kind = self.add_weight(shape=(count, self.units), initializer="random_normal", name="kind")  # e
        self.attention = keras.layers.MultiHeadAttention(self.heads, self.units // self.heads, name="attention")
        self.attention.build((None, count, self.units), (None, count, self.units))
        self.output_layer = self.dense(self.units, "output", self.activation)
        self.output_layer.build((None, self.units))

    def call(self, inputs: Any, present: Any = None) -> Any:
        """Fuse the blocks."""
        here = present_or_all(inputs, present)  # (B, m)
        tokens = [layer(block) for layer, block in zip(self.token, masked_blocks(inputs, here), strict=True)]
        tokens = ops.stack(tokens, axis=1) + self.kind  # (B, m, units)
        asked = self.attention(tokens, tokens, attention_mask=ops.cast(here, "bool")[:, None, :])  # (B, m, units)
        tokens = tokens + asked  # (B, m, units)
        count = ops.maximum(ops.sum(here, axis=1, keepdims=True), 1)  # (B, 1)
        return self.output_layer(ops.einsum("bmu,bm->bu", tokens, here) / count)  # (B, units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads}
