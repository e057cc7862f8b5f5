"""The network of the fusion models: items are fused from what is present, people from the items they rated."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mmrec.errors import InputError
from mmrec.fusion import Concatenation, FusionNetwork
from mmrec.fusion_forms import CrossModalAttention, FillAbsent, GatedFusion, LowRankBilinear

FORMS = ("concatenation", "network", "mimo", "intermediate", "late", "gated", "attention", "bilinear")
"""Ways to fuse: formula (4) without and with its network and with several outputs; the latter three are
``fusion_forms``'; "intermediate" gives each modality a layer of its own first, "late" a whole network."""


@keras.saving.register_keras_serializable("mmrec")
class Early(keras.layers.Layer):
    """F_concat, and F_fusion when there are units: formula (4) with what stands for absent modalities.

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
        return FusionNetwork(units, auxiliary_units=size, modalities=modalities, **options)
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


class TasteNetwork(keras.Model):
    r"""Items and people in one space; R = sigma(p_u . q_i + b_i), once for liking and once for being chosen.

    An item is fused from its modalities, F_i, and read twice: $z_i = W_z F_i + e_i$ where it stands in somebody's
    history, $q_i = W_q F_i + e'_i$ where it is asked about; the e are the item's own, and 0 for what nobody rated.
    A person is formula (1) over fused items, with the ratings as weights, beside the same with weights 1, and
    formula (4) on their concatenation:
    $X_u = [\sum_i z_i r_{ui}; \sum_i z_i] / \sqrt{1 + n_u}$, $p_u = W_p \sigma(W_f X_u + b_f) + b_p$.

    Args:
        sizes: modality -> width of its block.
        items: number I of items with vectors of their own.
        levels: number of ratings above the lowest, each with a threshold.
        fusion: one of ``FORMS``.
        embedding_size: d, length of z, q and p.
        units: length of F.
        hidden_units: length of sigma(W_f X_u + b_f).
        dropout: share of that layer dropped in training.
        l2: weight of the squared weights.
        absent: what stands for an absent modality, see ``FillAbsent``.
        identity: give items vectors of their own.
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

        self.inward = [dense(embedding_size) for _ in self.groups]
        self.outward = [dense(embedding_size) for _ in self.groups]
        self.taste = [dense(hidden_units, "relu") for _ in self.groups]
        self.drop = keras.layers.Dropout(dropout)
        self.person = [dense(2 * embedding_size) for _ in self.groups]
        self.general = dense(2)
        width = embedding_size * len(self.groups)
        small, names = keras.initializers.RandomNormal(stddev=0.02), ("history", "asked")
        self.own = [
            self.add_weight(shape=(items, width), initializer=small, regularizer=penalty, name=n) for n in names
        ]
        self.bias = self.add_weight(shape=(items, 2), initializer="zeros", regularizer=penalty, name="bias")
        self.cuts = self.add_weight(shape=(levels,), initializer="zeros", trainable=levels > 0, name="cuts")
        self.fill.build([(None, width) for width in self.sizes.values()])

    def build(self, input_shape: Any = None) -> None:
        """Make all weights, so that saved ones can be set."""
        one = {name: np.zeros((1, width), np.float32) for name, width in self.sizes.items()}
        place = np.zeros(1, np.int32)
        z, *_ = self.items(one, np.ones((1, len(self.sizes)), np.float32), place, np.ones((1, 1), np.float32))
        self.people(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32), z)
        self.built = True

    def items(self, tables: Mapping[str, Any], present: Any, place: Any, known: Any) -> tuple[Any, Any, Any, Any]:
        """What items are.

        Args:
            tables: modality -> (n, d_m).
            present: (n, m) float, columns in the order of ``sizes``.
            place: (n,) which item each is, for its own vectors.
            known: (n, 1) 1 where its own vectors count, 0 for what nobody rated.

        Returns:
            z (n, T d), q (n, T d), b (n, 2), and the auxiliary q of each modality, (m, n, d) or None; T networks.
        """
        names = list(self.sizes)
        blocks = dict(zip(names, self.fill([tables[name] for name in names], present), strict=True))
        inward, outward, auxiliary = [], [], None
        for group, form, into, out in zip(self.groups, self.forms, self.inward, self.outward, strict=True):
            here = ops.stack([present[:, names.index(name)] for name in group], axis=1)  # (n, g)
            given = here if self.fill.method == "zero" else ops.ones_like(here)  # what is filled is there
            fused = form([blocks[name] for name in group], present=given)  # (n, units)
            if isinstance(fused, dict):
                auxiliary = ops.stack([fused[name] for name in group])  # (m, n, d)
                fused = fused["fusion"]
            share = 1.0  # of the networks that can speak of the item
            if len(self.groups) > 1:
                share = here / ops.maximum(ops.sum(present, axis=1, keepdims=True), 1)  # (n, 1)
            inward.append(into(fused) * share)  # (n, d)
            outward.append(out(fused) * share)  # (n, d)
        z, q = ops.concatenate(inward, axis=-1), ops.concatenate(outward, axis=-1)  # (n, T d)
        b = self.general(q)  # (n, 2)
        if self.identity:
            z = z + known * ops.take(self.own[0], place, axis=0)  # (n, T d)
            q = q + known * ops.take(self.own[1], place, axis=0)  # (n, T d)
        return z, q, b + known * ops.take(self.bias, place, axis=0), auxiliary

    def people(self, rated: Any, met: Any, z: Any, training: bool = False) -> Any:
        """Who people are, from what they rated: (P, I) ratings about 0, (P, I) ones, z (I, T d) -> (2, P, T d)."""
        count, size = ops.shape(rated)[0], self.size
        scale = ops.sqrt(1 + ops.sum(met, axis=1, keepdims=True))  # (P, 1)
        pooled = ops.matmul(ops.concatenate([rated / scale, met / scale], axis=0), z)  # (2 P, T d)
        parts = []
        for t, (taste, person) in enumerate(zip(self.taste, self.person, strict=True)):
            mine = pooled[:, t * size : (t + 1) * size]  # (2 P, d)
            concat = ops.concatenate([mine[:count], mine[count:]], axis=1)  # (P, 2 d)
            both = person(self.drop(taste(concat), training=training))  # (P, 2 d)
            parts.append(ops.transpose(ops.reshape(both, (-1, 2, size)), (1, 0, 2)))  # (2, P, d)
        return ops.concatenate(parts, axis=-1)  # (2, P, T d)


class TasteTrainer(keras.Model):
    """The network over tables that do not change in training, with its loss; see ``TasteBatches``.

    Two questions are learned at once. Liking: for each held-back rating, whether it reaches each level. Choosing:
    whether an item is a held-back like or a drawn item that the person has not rated.

    Args:
        network: what is trained.
        tables: modality -> (I, d_m).
        present: (I, m).
        known: (I,) items with a training row.
        levels: (L,) ratings above the lowest, in rising order.
        like: the rating from which on a rating is a like.
        liking: weight of the first question; 0 for implicit feedback.
        auxiliary_weight: weight of the same losses of each modality's own output ("mimo").
        modality_dropout: share of the items' modalities left out in each step.
        identity_dropout: share of the items' own vectors left out in each step.
        seed: of what is left out.
    """

    def __init__(
        self,
        network: TasteNetwork,
        tables: Mapping[str, np.ndarray],
        present: np.ndarray,
        known: np.ndarray,
        levels: np.ndarray,
        *,
        like: float,
        liking: float,
        auxiliary_weight: float,
        modality_dropout: float,
        identity_dropout: float,
        seed: int,
    ) -> None:
        super().__init__()
        self.network, self.levels, self.like, self.liking = network, levels, like, liking
        self.auxiliary_weight = auxiliary_weight
        self.constants = {name: ops.convert_to_tensor(table) for name, table in tables.items()}  # each (I, d_m)
        self.present = ops.convert_to_tensor(present, "float32")  # (I, m)
        self.known = ops.convert_to_tensor(known[:, None], "float32")  # (I, 1)
        self.place = np.arange(len(known), dtype=np.int32)
        self.modality_dropout, self.identity_dropout = modality_dropout, identity_dropout
        self.chance = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """What ``TasteBatches`` gives -> the loss."""
        present, known = self.present, self.known
        if training:
            shape = ops.shape(present)
            stay = keras.random.uniform(shape, seed=self.chance) >= self.modality_dropout  # (I, m)
            last = keras.random.uniform(shape, seed=self.chance) * present  # the modality that stays whatever happens
            last = last >= ops.max(last, axis=1, keepdims=True)  # (I, m)
            present = present * ops.cast(ops.logical_or(stay, last), "float32")  # (I, m)
            own = keras.random.uniform(ops.shape(known), seed=self.chance) >= self.identity_dropout  # (I, 1)
            known = known * ops.cast(own, "float32")  # (I, 1)
        z, q, b, auxiliary = self.network.items(self.constants, present, self.place, known)
        p = self.network.people(inputs["rated"], inputs["met"], z, training=training)  # (2, P, T d)

        item, stars = inputs["item"], inputs["stars"]  # (B,), (B,)
        every = q[None] if auxiliary is None else ops.concatenate([q[None], auxiliary], axis=0)  # (1 + m, I, d)
        person = ops.take(p, inputs["row"], axis=1)  # (2, B, d)
        asked = ops.take(every, item, axis=1)  # (1 + m, B, d)
        logits = ops.sum(person[None] * asked[:, None], axis=-1)  # (1 + m, 2, B)
        logits = logits + ops.transpose(ops.take(b, item, axis=0))  # (1 + m, 2, B)
        loss = self._loss(logits[0], stars, ops.ones_like(stars))
        if auxiliary is None:
            return loss
        here = ops.take(present, item, axis=0)  # (B, m) an output speaks of the items that have its modality
        losses = [self._loss(logits[1 + at], stars, here[:, at]) for at in range(len(self.network.sizes))]
        return loss + self.auxiliary_weight * ops.mean(ops.stack(losses))

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """What ``call`` gave, and the penalties."""
        return y_pred + ops.sum(ops.stack(self.losses)) if self.losses else y_pred

    def _loss(self, logits: Any, stars: Any, weight: Any) -> Any:
        """(2, B) logits -> binary cross-entropy of both questions, of pairs that count as ``weight`` (B,) says."""
        like = ops.cast(stars >= self.like, "float32")  # (B,)
        drawn = ops.cast(stars == 0, "float32")  # (B,)
        chosen = _mean(_cross_entropy(like, logits[1]), (like + drawn) * weight)
        if not self.liking:
            return chosen
        reached = ops.cast(stars >= self.levels[:, None], "float32")  # (L, B)
        level = _cross_entropy(reached, logits[0] + self.network.cuts[:, None])  # (L, B)
        return self.liking * _mean(ops.sum(level, axis=0), (1 - drawn) * weight) + chosen


class TasteBatches(keras.utils.PyDataset):
    """Some people at a time, with some of their ratings held back and some unrated items drawn, anew each epoch.

    Each person keeps a share of the ratings, itself drawn from .3 to .95, and is asked about the others. The inputs
    of a batch, for P people and B questions:
        rated, met (P, I) float32: the kept ratings about 0, and 1 where there is one.
        row, item (B,): whom and about what a question asks.
        stars (B,) float32: the rating held back, or 0 for a drawn item.

    Args:
        stars, rated: (U, I) sparse, ratings as given and about 0.
        batch_size: people a batch.
        drawn: share of the items that somebody rated which are drawn for each person; those rated are left out.
        rng: source of all chance.
    """

    def __init__(self, stars: Any, rated: Any, *, batch_size: int, drawn: float, rng: np.random.Generator) -> None:
        super().__init__()
        self.stars, self.rated = stars, rated
        self.batch_size, self.drawn, self.rng = batch_size, drawn, rng
        self.people = np.flatnonzero(np.diff(stars.indptr) > 1)
        # an item that nobody rated may be new: that it was not chosen says nothing
        self.known = np.unique(stars.indices)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffle the people."""
        self.order = self.rng.permutation(self.people)

    def __len__(self) -> int:
        return max(1, -(-len(self.people) // self.batch_size))

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray]]:
        users = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        stars, rated = self.stars[users], self.rated[users].toarray()  # (P, I)
        row, item = stars.nonzero()
        share = self.rng.uniform(0.3, 0.95, len(users))
        asked = self.rng.random(len(row)) >= share[row]
        met = (stars > 0).astype(np.float32).toarray()  # (P, I)
        times = round(self.drawn * len(self.known))
        drawn = self.known[self.rng.integers(0, len(self.known), (len(users), times))]  # (P, times)
        who, what = np.nonzero(np.take_along_axis(met, drawn, axis=1) == 0)
        inputs = {
            "row": np.concatenate([row[asked], who]),
            "item": np.concatenate([item[asked], drawn[who, what]]),
            "stars": np.concatenate([stars.data[asked], np.zeros(len(who), np.float32)]),
        }
        met[row[asked], item[asked]] = rated[row[asked], item[asked]] = 0
        return ({**inputs, "rated": rated, "met": met},)


def _cross_entropy(label: Any, logit: Any) -> Any:
    """-log of the chance that sigma(logit) gives the label, element by element."""
    return ops.maximum(logit, 0) - logit * label + ops.log1p(ops.exp(-ops.abs(logit)))


def _mean(values: Any, weights: Any) -> Any:
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)
