r"""The encoder of BERT, written out: six blocks of self-attention that turn tokens into one vector a text.

A block is $y = \mathrm{norm}(x + \mathrm{attention}(x))$, $z = \mathrm{norm}(y + W_2\,\mathrm{gelu}(W_1 y))$.

References: Vaswani et al. (2017), Attention is all you need; Devlin et al. (2019), BERT.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from mmrec.errors import IntegrityError

_EPSILON = 1e-12
_PADDING = 0  # the token that fills up


class Attention(layers.Layer):
    """Self-attention of several heads: softmax(Q K^T / sqrt(d)) V, then one dense layer.

    Inputs: x (B, L, d), mask (B, L), true where there is a token.
    Outputs: (B, L, d).
    """

    def __init__(self, size: int, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.heads = size, heads
        self.query, self.key, self.value, self.output_dense = (layers.Dense(size) for _ in range(4))

    def build(self, input_shape: Any) -> None:
        for dense in (self.query, self.key, self.value, self.output_dense):
            dense.build(input_shape)

    def call(self, x: Any, mask: Any) -> Any:
        """Attend."""
        length = ops.shape(x)[1]

        def split(y: Any) -> Any:
            return ops.reshape(y, (-1, length, self.heads, self.size // self.heads))  # (B, L, heads, d / heads)

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        scores = ops.einsum("bqhd,bkhd->bhqk", query, key) / (self.size // self.heads) ** 0.5  # (B, heads, L, L)
        scores = ops.where(mask[:, None, None, :], scores, -1e9)  # (B, heads, L, L)
        mixed = ops.einsum("bhqk,bkhd->bqhd", ops.softmax(scores), value)  # (B, L, heads, d / heads)
        return self.output_dense(ops.reshape(mixed, (-1, length, self.size)))  # (B, L, d)


class Block(layers.Layer):
    """Attention and a dense network, each with a residual connection and layer normalisation.

    Inputs: x (B, L, d), mask (B, L).
    Outputs: (B, L, d).
    """

    def __init__(self, size: int, heads: int, inner: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.attention = Attention(size, heads)
        self.attention_norm, self.norm = (layers.LayerNormalization(epsilon=_EPSILON) for _ in range(2))
        self.inner, self.outer = layers.Dense(inner), layers.Dense(size)

    def build(self, input_shape: Any) -> None:
        for layer in (self.attention, self.attention_norm, self.norm, self.inner):
            layer.build(input_shape)
        self.outer.build((*input_shape[:-1], self.inner.units))

    def call(self, x: Any, mask: Any) -> Any:
        """One block."""
        x = self.attention_norm(x + self.attention(x, mask))  # (B, L, d)
        inner = ops.gelu(self.inner(x), approximate=False)  # (B, L, 4 d)
        return self.norm(x + self.outer(inner))  # (B, L, d)


class Bert(keras.Model):
    """Tokens to one vector a text: the mean over its tokens, scaled to length 1.

    Args:
        vocabulary, positions: rows of the tables of tokens and of places.
        size, heads, inner, blocks: d, heads of attention, width of the dense network, number of blocks.

    Inputs: tokens (B, L) int32, filled up with 0.
    Outputs: (B, d).
    """

    def __init__(self, vocabulary: int, positions: int, size: int, heads: int, inner: int, blocks: int) -> None:
        super().__init__()
        self.words, self.places = layers.Embedding(vocabulary, size), layers.Embedding(positions, size)
        self.norm = layers.LayerNormalization(epsilon=_EPSILON)
        self.blocks = [Block(size, heads, inner) for _ in range(blocks)]

    def build(self, input_shape: Any) -> None:
        for table in (self.words, self.places):
            table.build(input_shape)
        for layer in (self.norm, *self.blocks):
            layer.build((None, None, self.words.output_dim))

    def call(self, tokens: Any) -> Any:
        """Encode."""
        mask = ops.not_equal(tokens, _PADDING)  # (B, L)
        places = ops.arange(ops.shape(tokens)[1])  # (L,)
        x = self.norm(self.words(tokens) + self.places(places)[None])  # (B, L, d)
        for block in self.blocks:
            x = block(x, mask)  # (B, L, d)
        here = ops.cast(mask, x.dtype)[..., None]  # (B, L, 1)
        mean = ops.sum(x * here, axis=1) / ops.maximum(ops.sum(here, axis=1), 1)  # (B, d)
        return mean / ops.maximum(ops.norm(mean, axis=1, keepdims=True), _EPSILON)  # (B, d)


def load_bert(weights: Path | str, heads: int = 12) -> Bert:
    """A compiled ``Bert`` with the weights of a safetensors file, which also says its sizes.

    Raises:
        IntegrityError: the file is damaged, or holds another network.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        state = load_file(str(weights))
        model = _filled(state, heads)
    except (SafetensorError, KeyError, ValueError) as error:
        raise IntegrityError(f"{weights}: not the weights of a BERT encoder ({error})") from error
    model.trainable = False
    model.compile(jit_compile=False)
    return model


def _filled(state: dict[str, np.ndarray], heads: int) -> Bert:
    tables = "embeddings.{}_embeddings.weight"
    words, places = state[tables.format("word")], state[tables.format("position")]  # (V, d), (positions, d)
    inner = state["encoder.layer.0.intermediate.dense.bias"].shape[0]
    blocks = len([name for name in state if name.endswith("intermediate.dense.bias")])
    model = Bert(len(words), len(places), words.shape[1], heads, inner, blocks)
    model.build((None, None))
    model.words.set_weights([words])
    # every text here is a first sentence, so what BERT adds to first sentences belongs to every place
    model.places.set_weights([places + state[tables.format("token_type")][0]])

    def dense(layer: Any, name: str) -> None:
        layer.set_weights([state[f"{name}.weight"].T, state[f"{name}.bias"]])  # PyTorch keeps (out, in)

    def norm(layer: Any, name: str) -> None:
        layer.set_weights([state[f"{name}.LayerNorm.weight"], state[f"{name}.LayerNorm.bias"]])

    norm(model.norm, "embeddings")
    for number, block in enumerate(model.blocks):
        scope = f"encoder.layer.{number}."
        for part in ("query", "key", "value"):
            dense(getattr(block.attention, part), f"{scope}attention.self.{part}")
        dense(block.attention.output_dense, f"{scope}attention.output.dense")
        norm(block.attention_norm, f"{scope}attention.output")
        dense(block.inner, f"{scope}intermediate.dense")
        dense(block.outer, f"{scope}output.dense")
        norm(block.norm, f"{scope}output")
    return model
