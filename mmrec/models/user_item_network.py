"""The network of the fusion models: items are fused from their modalities, users are pooled from the rated items."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mmrec.errors import InputError
from mmrec.layers import (
    MIMO,
    Concatenation,
    CrossModalAttention,
    FillAbsent,
    FusionNetwork,
    GatedFusion,
    LowRankBilinear,
)

FORMS = ("concatenation", "network", "mimo", "intermediate", "late", "gated", "attention", "bilinear")
"""Ways to fuse: formula (4) without its network, with it, and with several outputs. "intermediate" first gives each
modality a layer of its own, "late" a whole network. The last three are the layers ``GatedFusion``,
``CrossModalAttention`` and ``LowRankBilinear``."""


@keras.saving.register_keras_serializable("mmrec")
class Early(keras.layers.Layer):
    """F_concat, and F_fusion when there are units: formula (4) with the mask of the modalities.

    Args:
        units: length of F_fusion; 0 for F_concat alone.
        hidden: length of a layer for each modality before concatenation; 0 for none.
        activation: sigma.
        kernel_regularizer: penalty on all weights.

    Inputs: list of m blocks (B, d_j); present (B, m). Outputs: (B, units), or F_concat.
    """

    def __init__(self, units: int, hidden: int = 0, activation: Any = "relu", kernel_regularizer: Any = None) -> None:
        super().__init__()
        self.units, self.concatenation = units, Concatenation()
        self.own: list[keras.layers.Dense] = []
        self.hidden, self.activation, self.penalty = hidden, activation, kernel_regularizer
        self.network = FusionNetwork(units, activation=activation, kernel_regularizer=self.penalty) if units else None

    def build(self, input_shape: Any) -> None:
        """Make the modalities' own layers and the network."""
        shapes = input_shape
        if self.hidden:
            for shape in input_shape:
                layer = keras.layers.Dense(self.hidden, self.activation, kernel_regularizer=self.penalty)
                layer.build(shape)
                self.own.append(layer)
            shapes = [(None, self.hidden)] * len(input_shape)
        if self.network is not None:
            self.network.build(self.concatenation.compute_output_shape(shapes))

    def call(self, inputs: Any, present: Any = None) -> Any:
        """Fuse the blocks."""
        blocks = [layer(block) for layer, block in zip(self.own, inputs, strict=True)] if self.own else inputs
        concat = self.concatenation(blocks, present=present)  # (B, sum of d_j + m)
        return concat if self.network is None else self.network(concat)  # (B, units)


def make_form(name: str, units: int, size: int, modalities: Sequence[str], penalty: Any = None) -> keras.layers.Layer:
    """The layer that fuses the blocks of one network.

    Args:
        name: one of ``FORMS``; a network of "late" reads one modality and needs no more than formula (4).
        units: length of F_fusion.
        size: length of the auxiliary outputs of "mimo".
        modalities: names of the blocks.
        penalty: on the weights.

    Raises:
        InputError: no such form.
    """
    options = {"activation": "relu", "kernel_regularizer": penalty}
    if name == "concatenation":
        return Early(0)
    if name in ("network", "late"):
        return Early(units, **options)
    if name == "intermediate":
        return Early(units, hidden=units, **options)
    if name == "mimo":
        return MIMO(units, size, modalities, **options)
    if name == "gated":
        return GatedFusion(units, **options)
    if name == "attention":
        return CrossModalAttention(units, **options)
    if name == "bilinear":
        return LowRankBilinear(units, **options)
    raise InputError(f"fusion {name!r}: choose from {', '.join(FORMS)}")


def equal_units(name: str, sizes: Mapping[str, int], budget: int) -> int:
    """The even number of units at which a form has about ``budget`` weights, so that forms compare fairly."""

    def weights(units: int) -> int:
        groups = [[name_] for name_ in sizes] if name == "late" else [list(sizes)]
        total = 0
        for group in groups:
            form = make_form(name, units, units, group)
            form.build([(None, sizes[modality]) for modality in group])
            total += form.count_params()
        return total

    if name == "concatenation":
        return 0
    return min(range(2, 257, 2), key=lambda units: abs(weights(units) - budget))


class UserItemNetwork(keras.Model):
    r"""Users and items as vectors; $R = \sigma(p_u \cdot q_i + b_i)$, one R for liking and one for choosing.

    An item is fused from its modalities, F_i, and projected twice: $z_i = W_z F_i + e_i$ as an item of a user's
    history, $q_i = W_q F_i + e'_i$ as the item to score. e and e' are embeddings of the item, 0 for an unrated item.
    A user is pooled by formula (1) over the fused items of the history, once with the ratings as weights and once with
    weights 1. The layer of formula (4) follows on their concatenation:
    $X_u = [\sum_i z_i r_{ui}; \sum_i z_i] / \sqrt{1 + n_u}$, $p_u = W_p \sigma(W_f X_u + b_f) + b_p$.
    Formula (5) scores with W_r = p_u, F_fusion = q_i and b_r = b_i; see ``fusion.plain_scores``.

    Args:
        sizes: modality -> width of its block.
        items: number I of items with embeddings.
        levels: number of ratings above the lowest, each with a threshold.
        fusion: one of ``FORMS``.
        embedding_size: d, length of z, q and p.
        units: length of F.
        hidden_units: length of sigma(W_f X_u + b_f).
        dropout: share of that layer dropped in training.
        l2: weight of the squared weights.
        absent: what replaces an absent modality, see ``FillAbsent``.
        identity: give items embeddings.
    """

    def __init__(
        self,
        *,
        sizes: Mapping[str, int],
        items: int,
        levels: int,
        fusion: str,
        embedding_size: int,
        units: int,
        hidden_units: int,
        dropout: float,
        l2: float,
        absent: str,
        identity: bool,
    ) -> None:
        super().__init__()
        self.sizes, self.size, self.fusion, self.identity = dict(sizes), embedding_size, fusion, identity
        penalty = keras.regularizers.L2(l2)
        self.groups = [(name,) for name in sizes] if fusion == "late" else [tuple(sizes)]
        self.fill = FillAbsent(absent)
        self.forms = [make_form(fusion, units, embedding_size, group, penalty) for group in self.groups]

        def dense(size: int, activation: Any = None) -> keras.layers.Dense:
            return keras.layers.Dense(size, activation, kernel_regularizer=penalty)

        self.to_history = [dense(embedding_size) for _ in self.groups]  # W_z
        self.to_target = [dense(embedding_size) for _ in self.groups]  # W_q
        self.user_hidden = [dense(hidden_units, "relu") for _ in self.groups]  # W_f, b_f
        self.drop = keras.layers.Dropout(dropout)
        self.user_output = [dense(2 * embedding_size) for _ in self.groups]  # W_p, b_p
        self.content_bias = dense(2)
        width = embedding_size * len(self.groups)
        small, names = keras.initializers.RandomNormal(stddev=0.02), ("history", "target")
        self.embeddings = [
            self.add_weight(shape=(items, width), initializer=small, regularizer=penalty, name=n) for n in names
        ]  # e and e'
        self.bias = self.add_weight(shape=(items, 2), initializer="zeros", regularizer=penalty, name="bias")
        self.thresholds = self.add_weight(shape=(levels,), initializer="zeros", trainable=levels > 0, name="thresholds")
        self.fill.build([(None, width) for width in self.sizes.values()])

    def build(self, input_shape: Any = None) -> None:
        """Make all weights, so that saved ones can be set."""
        one = {name: np.zeros((1, width), np.float32) for name, width in self.sizes.items()}
        index = np.zeros(1, np.int32)
        z, *_ = self.items(one, np.ones((1, len(self.sizes)), np.float32), index, np.ones((1, 1), np.float32))
        self.users(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32), z)
        self.built = True

    def items(self, tables: Mapping[str, Any], present: Any, index: Any, known: Any) -> tuple[Any, Any, Any, Any]:
        """Vectors and biases of items.

        Args:
            tables: modality -> (n, d_m).
            present: (n, m) float, columns in the order of ``sizes``.
            index: (n,) the items' indices, for their embeddings.
            known: (n, 1) 1 where the embeddings count, 0 for an unrated item.

        Returns:
            z (n, T d), q (n, T d), b (n, 2), and the auxiliary q of each modality, (m, n, d) or None; T networks.
        """
        names = list(self.sizes)
        blocks = dict(zip(names, self.fill([tables[name] for name in names], present), strict=True))
        history, target, auxiliary = [], [], None
        for group, form, to_history, to_target in zip(
            self.groups, self.forms, self.to_history, self.to_target, strict=True
        ):
            mask = ops.stack([present[:, names.index(name)] for name in group], axis=1)  # (n, g)
            given = mask if self.fill.method == "zero" else ops.ones_like(mask)  # a filled block counts as present
            fused = form([blocks[name] for name in group], present=given)  # (n, units)
            if isinstance(fused, dict):
                auxiliary = ops.stack([fused[name] for name in group])  # (m, n, d)
                fused = fused["fusion"]
            share = 1.0  # of the networks whose modality the item has
            if len(self.groups) > 1:
                share = mask / ops.maximum(ops.sum(present, axis=1, keepdims=True), 1)  # (n, 1)
            history.append(to_history(fused) * share)  # (n, d)
            target.append(to_target(fused) * share)  # (n, d)
        z, q = ops.concatenate(history, axis=-1), ops.concatenate(target, axis=-1)  # (n, T d)
        b = self.content_bias(q)  # (n, 2)
        if self.identity:
            z = z + known * ops.take(self.embeddings[0], index, axis=0)  # (n, T d)
            q = q + known * ops.take(self.embeddings[1], index, axis=0)  # (n, T d)
        return z, q, b + known * ops.take(self.bias, index, axis=0), auxiliary

    def users(self, rated: Any, met: Any, z: Any, training: bool = False) -> Any:
        """Vectors of users: ratings about 0 (P, I), 1 where there is one (P, I), z (I, T d) -> p (2, P, T d)."""
        count, size = ops.shape(rated)[0], self.size
        scale = ops.sqrt(1 + ops.sum(met, axis=1, keepdims=True))  # (P, 1)
        pooled = ops.matmul(ops.concatenate([rated / scale, met / scale], axis=0), z)  # (2 P, T d)
        parts = []
        for t, (hidden, output) in enumerate(zip(self.user_hidden, self.user_output, strict=True)):
            part = pooled[:, t * size : (t + 1) * size]  # (2 P, d)
            concat = ops.concatenate([part[:count], part[count:]], axis=1)  # (P, 2 d)
            both = output(self.drop(hidden(concat), training=training))  # (P, 2 d)
            parts.append(ops.transpose(ops.reshape(both, (-1, 2, size)), (1, 0, 2)))  # (2, P, d)
        return ops.concatenate(parts, axis=-1)  # (2, P, T d)
