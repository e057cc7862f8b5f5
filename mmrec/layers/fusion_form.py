"""Shared parts of the other ways to fuse: settings, presence of the modalities, masked blocks."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


class FusionForm(keras.layers.Layer):
    """What the forms share: settings, and one layer for each block."""

    def __init__(self, units: int, activation: Any = "relu", kernel_regularizer: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.activation = units, keras.activations.get(activation)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def dense(self, units: int, name: str, activation: Any = None) -> keras.layers.Dense:
        return keras.layers.Dense(units, activation, kernel_regularizer=self.kernel_regularizer, name=name)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (input_shape[0][0], self.units)

    def get_config(self) -> dict[str, Any]:
        penalty = self.kernel_regularizer
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "kernel_regularizer": keras.regularizers.serialize(penalty) if penalty else None,
        }


def present_or_all(blocks: Sequence[Any], present: Any) -> Any:
    """(B, m) in the blocks' type; all ones when nothing is said."""
    if present is None:
        return ops.ones((ops.shape(blocks[0])[0], len(blocks)), blocks[0].dtype)
    return ops.cast(present, blocks[0].dtype)


def masked_blocks(blocks: Sequence[Any], present: Any) -> list[Any]:
    """The blocks with zeros where they are absent; by choice, not by product, so that no NaN gets through."""
    return [ops.where(present[:, j : j + 1] > 0, block, ops.zeros_like(block)) for j, block in enumerate(blocks)]
