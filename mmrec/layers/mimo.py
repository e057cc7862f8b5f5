r"""Multi-input multi-output form of formula (4), sections 3.2.2 and 4.2. Explained in notebooks/05-fusion.ipynb."""

from collections.abc import Sequence
from typing import Any

import keras

from mmrec.errors import InputError
from mmrec.layers.concatenation import Concatenation
from mmrec.layers.fusion_network import FusionNetwork


@keras.saving.register_keras_serializable("mmrec")
class MIMO(keras.layers.Layer):
    r"""$F_{fusion} = \sigma(W_f [X; O; M] + b_f)$ and $y_j = W_j x_j + b_j$: sections 3.2.2 and 4.2.

    One input and one linear auxiliary output per modality. The auxiliary output $y_j$ reads only modality j.

    Args:
        units: length of F_fusion.
        auxiliary_units: length of each y_j (1: one logit).
        modalities: names of the inputs and auxiliary outputs, in order.
        hidden_units, activation, dropout, kernel_regularizer: as in ``FusionNetwork``.

    Inputs: list of m blocks (B, d_j), optional present (B, m).
    Outputs: dict of "fusion" (B, units) and one (B, auxiliary_units) per modality.

    >>> import numpy as np
    >>> {name: tuple(y.shape) for name, y in MIMO(5, modalities=("text",))([np.ones((2, 3))]).items()}
    {'fusion': (2, 5), 'text': (2, 1)}
    """

    def __init__(
        self,
        units: int,
        auxiliary_units: int = 1,
        modalities: Sequence[str] = ("text", "image", "audio"),
        hidden_units: Sequence[int] = (),
        activation: Any = "sigmoid",
        dropout: float = 0,
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.auxiliary_units, self.modalities = auxiliary_units, tuple(modalities)
        self.concatenation = Concatenation()
        self.network = FusionNetwork(units, hidden_units, activation, dropout, kernel_regularizer)
        self.heads = [keras.layers.Dense(auxiliary_units, name=name) for name in self.modalities]

    def build(self, input_shape: Any) -> None:
        """Make the weights of the heads and of the network."""
        if len(input_shape) != len(self.heads):
            raise InputError(f"{len(input_shape)} inputs for modalities {', '.join(self.modalities)}: give one each")
        for head, shape in zip(self.heads, input_shape, strict=True):
            head.build(shape)
        self.network.build(self.concatenation.compute_output_shape(input_shape))

    def call(self, inputs: Any, present: Any = None, training: bool | None = None) -> dict[str, Any]:
        """Fuse the blocks, and predict from each one alone."""
        concat = self.concatenation(inputs, present=present)  # (B, D)
        outputs = {"fusion": self.network(concat, training=training)}  # (B, units)
        for head, block in zip(self.heads, inputs, strict=True):
            outputs[head.name] = head(block)  # (B, auxiliary_units)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> dict[str, tuple]:
        batch = input_shape[0][0]
        return {
            "fusion": (batch, self.network.units),
            **{name: (batch, self.auxiliary_units) for name in self.modalities},
        }

    def get_config(self) -> dict[str, Any]:
        own = {"auxiliary_units": self.auxiliary_units, "modalities": self.modalities}
        network = self.network.get_config()
        own |= {key: network[key] for key in ("units", "hidden_units", "activation", "dropout", "kernel_regularizer")}
        return {**super().get_config(), **own}
