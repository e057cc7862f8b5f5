r"""Formula (4), section 4.2: $F_{concat} = [X; O; M]$, $F_{fusion} = \sigma(W_f F_{concat} + b_f)$.

Explained in notebooks/05-fusion.ipynb.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mmrec.errors import InputError


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


@keras.saving.register_keras_serializable("mmrec")
class FusionNetwork(keras.layers.Layer):
    r"""$F_{fusion} = \sigma(W_f F_{concat} + b_f)$: section 4.2, formula (4); notebooks/05-fusion.ipynb.

    With ``auxiliary_units`` it takes its multi-input multi-output form: one input a modality, joined by
    ``Concatenation``, and beside F_fusion one linear output a modality, each made from that modality alone.

    Args:
        units: length of F_fusion.
        hidden_units: lengths of layers before it, if any.
        activation: sigma.
        dropout: share of F_concat dropped in training.
        auxiliary_units: length of each auxiliary output (1: one logit); None for the plain form.
        modalities: names of the inputs and auxiliary outputs, in order.
        kernel_regularizer: penalty on W_f.

    Inputs: F_concat (B, D); or a list of (B, d_j) and optional present (B, m) in the multi-output form.
    Outputs: F_fusion (B, units); or a dict of "fusion" (B, units) and each modality (B, auxiliary_units).

    >>> import numpy as np
    >>> tuple(FusionNetwork(5)(np.ones((2, 3))).shape)
    (2, 5)
    """

    def __init__(
        self,
        units: int,
        hidden_units: Sequence[int] = (),
        activation: Any = "sigmoid",
        dropout: float = 0,
        auxiliary_units: int | None = None,
        modalities: Sequence[str] = ("text", "image", "audio"),
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.hidden_units, self.dropout = units, tuple(hidden_units), dropout
        self.activation = keras.activations.get(activation)
        self.auxiliary_units, self.modalities = auxiliary_units, tuple(modalities)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.concatenation = Concatenation()
        self.drop = keras.layers.Dropout(dropout)
        self.layers = [
            keras.layers.Dense(n, self.activation, kernel_regularizer=self.kernel_regularizer)
            for n in (*self.hidden_units, units)
        ]
        heads = self.modalities if auxiliary_units else ()
        self.heads = [keras.layers.Dense(auxiliary_units, name=name) for name in heads]

    def build(self, input_shape: Any) -> None:
        """Make W_f and b_f of each layer, and the auxiliary outputs'."""
        if self.auxiliary_units:
            if len(input_shape) != len(self.heads):
                raise InputError(
                    f"{len(input_shape)} inputs for modalities {', '.join(self.modalities)}: give one each"
                )
            for head, shape in zip(self.heads, input_shape, strict=True):
                head.build(shape)
            input_shape = self.concatenation.compute_output_shape(input_shape)
        for layer in self.layers:
            layer.build(input_shape)
            input_shape = (*input_shape[:-1], layer.units)

    def call(self, inputs: Any, present: Any = None, training: bool | None = None) -> Any:
        """Fuse the features."""
        fusion = self.concatenation(inputs, present=present) if self.auxiliary_units else inputs  # (B, D)
        fusion = self.drop(fusion, training=training)  # (B, D)
        for layer in self.layers:
            fusion = layer(fusion)  # (B, units)
        if not self.auxiliary_units:
            return fusion  # (B, units)
        outputs = {
            head.name: head(block) for head, block in zip(self.heads, inputs, strict=True)
        }  # (B, auxiliary_units)
        return {"fusion": fusion, **outputs}

    def get_config(self) -> dict[str, Any]:
        names = ("units", "hidden_units", "dropout", "auxiliary_units", "modalities")
        own = {name: getattr(self, name) for name in names}
        own["activation"] = keras.activations.serialize(self.activation)
        penalty = self.kernel_regularizer
        own["kernel_regularizer"] = keras.regularizers.serialize(penalty) if penalty else None
        return {**super().get_config(), **own}
