r"""Other ways to fuse than formula (4) of section 4.2, and what to put in an absent modality's place.

Each layer takes m blocks (B, d_j) and an optional mask present (B, m), and gives F_fusion (B, units). An absent
block has no influence, whatever it holds. Explained and compared in notebooks/05-fusion.ipynb.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mmrec.errors import InputError


def _present(blocks: Sequence[Any], present: Any) -> Any:
    """(B, m) in the blocks' type; all ones when nothing is said."""
    if present is None:
        return ops.ones((ops.shape(blocks[0])[0], len(blocks)), blocks[0].dtype)
    return ops.cast(present, blocks[0].dtype)


def _seen(blocks: Sequence[Any], present: Any) -> list[Any]:
    """The blocks with zeros where they are absent; by choice, not by product, so that no NaN gets through."""
    return [ops.where(present[:, j : j + 1] > 0, block, ops.zeros_like(block)) for j, block in enumerate(blocks)]


class _Fusion(keras.layers.Layer):
    """What the forms share: settings, and one layer for each block."""

    def __init__(self, units: int, activation: Any = "relu", kernel_regularizer: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.activation = units, keras.activations.get(activation)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def _dense(self, units: int, name: str, activation: Any = None) -> keras.layers.Dense:
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


@keras.saving.register_keras_serializable("mmrec")
class GatedFusion(_Fusion):
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
        self.hidden = [self._dense(self.units, f"hidden_{j}", self.activation) for j in range(len(input_shape))]
        for layer, shape in zip(self.hidden, input_shape, strict=True):
            layer.build(shape)
        self.gate = self._dense(self.units * len(input_shape), "gate")
        self.gate.build((None, sum(shape[-1] for shape in input_shape)))

    def call(self, inputs: Any, present: Any = None) -> Any:
        """Fuse the blocks."""
        here = _present(inputs, present)  # (B, m)
        blocks = _seen(inputs, here)
        hidden = ops.stack([layer(block) for layer, block in zip(self.hidden, blocks, strict=True)], axis=1)
        logits = ops.reshape(self.gate(ops.concatenate(blocks, axis=-1)), (-1, len(blocks), self.units))  # (B, m, u)
        mask = here[..., None]  # (B, m, 1)
        gates = ops.softmax(logits - 1e4 * (1 - mask), axis=1) * mask  # (B, m, units)
        return ops.sum(gates * hidden, axis=1)  # (B, units)


@keras.saving.register_keras_serializable("mmrec")
class CrossModalAttention(_Fusion):
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
        self.token = [self._dense(self.units, f"token_{j}") for j in range(count)]
        for layer, shape in zip(self.token, input_shape, strict=True):
            layer.build(shape)
        self.kind = self.add_weight(shape=(count, self.units), initializer="random_normal", name="kind")  # e
        self.attention = keras.layers.MultiHeadAttention(self.heads, self.units // self.heads, name="attention")
        self.attention.build((None, count, self.units), (None, count, self.units))
        self.output_layer = self._dense(self.units, "output", self.activation)
        self.output_layer.build((None, self.units))

    def call(self, inputs: Any, present: Any = None) -> Any:
        """Fuse the blocks."""
        here = _present(inputs, present)  # (B, m)
        tokens = [layer(block) for layer, block in zip(self.token, _seen(inputs, here), strict=True)]
        tokens = ops.stack(tokens, axis=1) + self.kind  # (B, m, units)
        asked = self.attention(tokens, tokens, attention_mask=ops.cast(here, "bool")[:, None, :])  # (B, m, units)
        tokens = tokens + asked  # (B, m, units)
        count = ops.maximum(ops.sum(here, axis=1, keepdims=True), 1)  # (B, 1)
        return self.output_layer(ops.einsum("bmu,bm->bu", tokens, here) / count)  # (B, units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads}


@keras.saving.register_keras_serializable("mmrec")
class LowRankBilinear(_Fusion):
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
        here = _present(inputs, present)  # (B, m)
        product: Any = None
        for j, (layer, block) in enumerate(zip(self.factors, _seen(inputs, here), strict=True)):
            factor = layer(block)  # (B, rank * units)
            factor = ops.where(here[:, j : j + 1] > 0, factor, ops.ones_like(factor))  # (B, rank * units)
            product = factor if product is None else product * factor  # (B, rank * units)
        product = ops.reshape(product, (-1, self.rank, self.units))  # (B, R, units)
        return self.activation(ops.mean(product, axis=1) - 1)  # (B, units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rank": self.rank}


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
        if method not in ("zero", "mean", "learned"):
            raise InputError(f"method {method!r}: choose from zero, mean, learned")
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
        here = _present(inputs, present)  # (B, m)
        return [
            ops.where(here[:, j : j + 1] > 0, block, ops.zeros_like(block) + vector)
            for j, (block, vector) in enumerate(zip(inputs, self.vectors, strict=True))
        ]  # m of (B, d_j)

    def compute_output_shape(self, input_shape: Any) -> list:
        return list(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "method": self.method}
