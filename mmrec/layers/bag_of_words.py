r"""Formula (1), section 4.2: $X = \sum_{i=1}^{n} f(d_i) \cdot w_i$. Explained in notebooks/02-text.ipynb.

f(d_i) in R^V counts the words of text i (``text.count_words``); w_i is its weight (``text.weights``, or learned).
"""

from typing import Any

import keras
from keras import ops

from mmrec.errors import InputError


@keras.saving.register_keras_serializable("mmrec")
class BagOfWords(keras.layers.Layer):
    r"""$X = \sum_i f(d_i) w_i$: section 4.2, formula (1); notebooks/02-text.ipynb.

    Args:
        vocabulary_size: V; read off the input when None.
        weighting: "given" (w is an input; 1 when left out), "uniform" (1 / number of present texts) or
            "learned" (softmax over the present texts of f(d_i) . v, with v trainable).
        l2_normalise: scale X to length 1.

    Inputs: f (B, n, V), optional w (B, n), optional mask (B, n), true where there is a text.
    Outputs: X (B, V); zeros where no text is present.

    >>> BagOfWords(weighting="uniform")(np.ones((2, 3, 4), "float32")).shape[-1]
    4
    """

    def __init__(
        self, vocabulary_size: int | None = None, weighting: str = "given", l2_normalise: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if weighting not in ("given", "uniform", "learned"):
            raise InputError(f"weighting {weighting!r}: choose from given, uniform, learned")
        self.vocabulary_size, self.weighting, self.l2_normalise = vocabulary_size, weighting, l2_normalise

    def build(self, input_shape: Any) -> None:
        """Make v, when the weights are learned."""
        if self.vocabulary_size not in (None, input_shape[-1]):
            raise InputError(f"texts have {input_shape[-1]} columns, the layer {self.vocabulary_size}: make them equal")
        if self.weighting == "learned":
            self.query = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="query")  # (V,)

    def call(self, inputs: Any, w: Any = None, mask: Any = None) -> Any:
        """Pool the texts."""
        here = ops.ones_like(inputs[..., 0]) if mask is None else ops.cast(mask, inputs.dtype)  # (B, n)
        if self.weighting == "uniform":
            w = here / ops.maximum(ops.sum(here, axis=1, keepdims=True), 1)  # (B, n)
        elif self.weighting == "learned":
            w = ops.softmax(ops.matmul(inputs, self.query) - 1e4 * (1 - here), axis=1)  # (B, n)
        elif w is None:
            w = here  # (B, n)
        w = ops.cast(w, inputs.dtype) * here  # (B, n)
        x = ops.einsum("bnv,bn->bv", inputs, w)  # (B, V)
        return ops.normalize(x, axis=-1) if self.l2_normalise else x  # (B, V)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """The texts are summed away, and their mask with them."""

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        own = {"vocabulary_size": self.vocabulary_size, "weighting": self.weighting, "l2_normalise": self.l2_normalise}
        return {**super().get_config(), **own}
