r"""Formula (5), section 4.2: $R = \sigma(W_r F_{fusion} + b_r)$. Explained in notebooks/06-scorer.ipynb."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("mmrec")
class Scorer(keras.layers.Layer):
    r"""$R = \sigma(W_r F_{fusion} + b_r)$: section 4.2, formula (5); notebooks/06-scorer.ipynb.

    Args:
        logits: leave sigma out (for losses that apply it themselves, ``from_logits=True``).
        kernel_regularizer: penalty on W_r.

    Inputs: F_fusion (B, d), optional bias (B,) of the user or item, added inside sigma.
    Outputs: R (B,), in (0, 1) unless logits.

    >>> import numpy as np
    >>> tuple(Scorer()(np.ones((2, 3), "float32")).shape)
    (2,)
    """

    def __init__(self, logits: bool = False, kernel_regularizer: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.logits = logits
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Any) -> None:
        """Make W_r and b_r."""
        self.kernel = self.add_weight(
            shape=(input_shape[-1], 1), initializer="glorot_uniform", regularizer=self.kernel_regularizer, name="kernel"
        )  # (d, 1)
        self.bias = self.add_weight(shape=(1,), initializer="zeros", name="bias")  # (1,)

    def call(self, inputs: Any, bias: Any = None) -> Any:
        """Score the fused features."""
        r = (ops.matmul(inputs, self.kernel) + self.bias)[..., 0]  # (B,)
        r = r if bias is None else r + bias  # (B,)
        return r if self.logits else ops.sigmoid(r)  # (B,)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape[:-1])

    def get_config(self) -> dict[str, Any]:
        penalty = keras.regularizers.serialize(self.kernel_regularizer) if self.kernel_regularizer else None
        return {**super().get_config(), "logits": self.logits, "kernel_regularizer": penalty}
