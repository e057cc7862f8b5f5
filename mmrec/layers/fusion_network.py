r"""Formula (4), section 4.2: $F_{fusion} = \sigma(W_f F_{concat} + b_f)$. Explained in notebooks/05-fusion.ipynb."""

from collections.abc import Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable("mmrec")
class FusionNetwork(keras.layers.Layer):
    r"""$F_{fusion} = \sigma(W_f F_{concat} + b_f)$: section 4.2, formula (4); notebooks/05-fusion.ipynb.

    Args:
        units: length of F_fusion.
        hidden_units: lengths of layers before it, if any.
        activation: sigma.
        dropout: share of F_concat dropped in training.
        kernel_regularizer: penalty on W_f.

    Inputs: F_concat (B, D).
    Outputs: F_fusion (B, units).

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
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.hidden_units, self.dropout = units, tuple(hidden_units), dropout
        self.activation = keras.activations.get(activation)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.drop = keras.layers.Dropout(dropout)
        self.layers = [
            keras.layers.Dense(n, self.activation, kernel_regularizer=self.kernel_regularizer)
            for n in (*self.hidden_units, units)
        ]

    def build(self, input_shape: Any) -> None:
        """Make W_f and b_f of each layer."""
        for layer in self.layers:
            layer.build(input_shape)
            input_shape = (*input_shape[:-1], layer.units)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Fuse the features."""
        fusion = self.drop(inputs, training=training)  # (B, D)
        for layer in self.layers:
            fusion = layer(fusion)  # (B, units)
        return fusion  # (B, units)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        penalty = self.kernel_regularizer
        return {
            **super().get_config(),
            "units": self.units,
            "hidden_units": self.hidden_units,
            "dropout": self.dropout,
            "activation": keras.activations.serialize(self.activation),
            "kernel_regularizer": keras.regularizers.serialize(penalty) if penalty else None,
        }
