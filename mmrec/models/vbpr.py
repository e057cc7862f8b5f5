"""Matrix factorisation that learns from pairs: an item that the user liked must score above a sampled item.

References: Rendle, Freudenthaler, Gantner and Schmidt-Thieme (2009), BPR: Bayesian personalized ranking from implicit
feedback, UAI. He and McAuley (2016), VBPR: visual Bayesian personalized ranking from implicit feedback, AAAI.
"""

from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.dot_product import ContentDotProduct, DotProduct
from mmrec.models.learning import BatchLossModel, normal, rows_of
from mmrec.seeding import set_seed


class PairwiseFactors(BatchLossModel):
    """s_ui = b_i + p_u . q_i + p'_u . E z_i + beta . z_i, and the loss of pairs of it.

    Args:
        users, items: U and I.
        embedding_size: d, length of p and q, and of p' and E z.
        z: (I, F) item features; None: without the last two terms.
        l2: weight of the squared vectors and biases that a batch reads.
    """

    def __init__(self, users: int, items: int, *, embedding_size: int, z: np.ndarray | None, l2: float) -> None:
        super().__init__()
        self.l2 = l2
        width = embedding_size if z is None else 2 * embedding_size
        self.p = self.add_weight(shape=(users, width), initializer=normal(0.05), name="users")  # [p; p']
        self.q = self.add_weight(shape=(items, embedding_size), initializer=normal(0.05), name="items")
        self.b = self.add_weight(shape=(items,), initializer="zeros", name="bias")
        self.z = None if z is None else ops.convert_to_tensor(z)  # (I, F)
        if z is not None:
            self.e = self.add_weight(
                shape=(z.shape[1], embedding_size), initializer="glorot_uniform", name="projection"
            )
            self.beta = self.add_weight(shape=(z.shape[1],), initializer="zeros", name="content_bias")
        self.built = True

    def read(self, item: Any) -> tuple[Any, Any]:
        """(n,) item indices -> [q; E z] (n, 2d) and b + beta . z (n,); only the rows asked for are projected."""
        q, b = rows_of(self.q, item), rows_of(self.b, item)  # (n, d), (n,)
        if self.z is None:
            return q, b
        z = ops.take(self.z, item, axis=0)  # (n, F)
        return ops.concatenate([q, ops.matmul(z, self.e)], axis=1), b + ops.matmul(z, self.beta)

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Inputs of ``LikedAndDrawn`` -> scores (P, n) of its users and items, and their p (P, d), q (n, d), b (n,)."""
        p = rows_of(self.p, inputs["users"])  # (P, d)
        q, b = self.read(inputs["items"])  # (n, d), (n,)
        return {"scores": ops.matmul(p, ops.transpose(q)) + b, "p": p, "q": q, "b": b}

    def batch_loss(self, targets: dict[str, Any], outputs: dict[str, Any]) -> Any:
        """The mean of -log sigma(s_ui - s_uj) over all B N pairs, and the penalty.

        Each user of the batch is multiplied with each item once; the pairs then pick from these scores.
        """
        who, liked, drawn = targets["who"], targets["liked"], targets["drawn"]  # (B,), (B,), (N,)
        scores, p, q, b = (outputs[name] for name in ("scores", "p", "q", "b"))
        own = ops.take(ops.reshape(scores, (-1,)), who * ops.shape(q)[0] + liked)  # (B,)
        other = ops.take(ops.take(scores, drawn, axis=1), who, axis=0)  # (B, N)
        loss = ops.mean(ops.softplus(other - own[:, None]))
        person = ops.sum(ops.square(p), axis=1)  # (P,)
        item = ops.sum(ops.square(q), axis=1) + ops.square(b)  # (n,)
        norms = [ops.mean(ops.take(*pair)) for pair in ((person, who), (item, liked), (item, drawn))]
        return loss + self.l2 * ops.sum(ops.stack(norms))


class LikedAndDrawn(keras.utils.PyDataset):
    """Some users at a time with all their likes, in random order once an epoch, and items drawn for all of them.

    One sample serves all users of the batch, so it is not restricted to what each of them has not rated: a sampled
    item may be one that the user rated or likes. (Rendle et al. sample from the unrated items of the user.)

    The inputs of a batch of P users with B likes: users (P,); items (n,), the liked and drawn items, each once. The
    targets: who and liked (B,), for each like its user among the P and its item among the n; drawn (N,), the drawn
    items among the n.

    Args:
        likes: training likes.
        known: (n,) items that can be drawn.
        batch_size: B, about.
        negatives: N.
        popularity: an item is drawn in proportion to its number of likes, to this power.
        rng: source of all random numbers.
    """

    def __init__(
        self,
        likes: Interactions,
        known: np.ndarray,
        *,
        batch_size: int,
        negatives: int,
        popularity: float,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        self.user, self.item = likes.user.astype(np.int32), likes.item.astype(np.int32)
        self.batch_size, self.n_users = batch_size, likes.n_users
        self.known, self.negatives, self.rng = known.astype(np.int32), negatives, rng
        weight = (1.0 + np.bincount(likes.item, minlength=likes.n_items)[known]) ** popularity
        self.cumulated = np.cumsum(weight / weight.sum())
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        """Shuffle the users, and cut between two of them wherever a batch is full."""
        place = self.rng.permutation(self.n_users)[self.user]  # (B,), of each like's user
        order = np.argsort(place, kind="stable")
        ends = np.cumsum(np.bincount(place, minlength=self.n_users))  # (U,)
        steps = max(1, len(self.user) // self.batch_size)
        cuts = ends[np.searchsorted(ends, np.arange(1, steps) / steps * len(self.user))]
        self.parts = [part for part in np.split(order, cuts) if len(part)]

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        rows = self.parts[index]
        drawn = np.searchsorted(self.cumulated, self.rng.random(self.negatives) * self.cumulated[-1])
        users, who = np.unique(self.user[rows], return_inverse=True)
        items, place = np.unique(np.concatenate([self.item[rows], self.known[drawn]]), return_inverse=True)
        liked, drawn = np.split(place.astype(np.int32), [len(rows)])
        targets = {"who": who.astype(np.int32), "liked": liked, "drawn": drawn}
        return {"users": users, "items": items}, targets


class BPR(DotProduct):
    """s_ui = b_i + p_u . q_i, learned from pairs of a liked and a drawn item; see ``PairwiseFactors``.

    A batch holds some users with all their likes, and one draw of items serves all of them, so that a like meets many
    items at the price of one product of matrices. The draw may include items that a user has rated. A user without a
    training like is the average user; an item without a training row has q = 0 and the least bias.

    Args:
        embedding_size: d.
        epochs, batch_size, learning_rate: of the Adam optimiser; a batch is about so many likes, and the rate falls
            to 0.
        l2: weight of the squared vectors.
        negatives: items drawn a batch.
        popularity: items are drawn in proportion to their number of likes to this power; 0 is uniform.
        seed: of initial vectors, order and draws.
    """

    name = "bpr"
    needs_likes = True
    grid: ClassVar[dict[str, tuple[Any, ...]]] = {"l2": (1e-2, 3e-3)}
    open_ended = ("l2",)

    def __init__(
        self,
        embedding_size: int = 64,
        epochs: int = 40,
        batch_size: int = 8192,
        learning_rate: float = 3e-2,
        l2: float = 1e-2,
        negatives: int = 256,
        popularity: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(**{key: value for key, value in locals().items() if key not in ("self", "__class__")})

    def _fit(self, train: Interactions, features: Features | None) -> None:
        set_seed(self.settings["seed"])
        self._keep(learn_pairs(train, None, self.settings), train)

    def _keep(self, network: PairwiseFactors, train: Interactions) -> None:
        """Read off p, [q; E z] and biases."""
        known = train.known_items()  # (I,)
        self.new_bias = self._settle(ops.convert_to_numpy(network.p), ops.convert_to_numpy(network.b), train)
        network.q.assign(ops.where(known[:, None], network.q, 0.0))
        network.b.assign(self.bias)
        items, biases = network.read(np.arange(train.n_items, dtype=np.int32))  # (I, 2d), (I,)
        self.items, self.bias = ops.convert_to_numpy(items), ops.convert_to_numpy(biases)


class VBPR(BPR, ContentDotProduct):
    """s_ui = b_i + p_u . q_i + p'_u . E z_i + beta . z_i, z being the item's reduced features of all modalities.

    The columns of an absent modality are 0; an item without ratings is scored by its features alone.

    Args:
        components: most columns that a modality keeps; see ``Reduction``.
        Others: as for ``BPR``; d is the length of both parts.
    """

    name = "vbpr"
    needs_features = True

    def __init__(
        self,
        embedding_size: int = 64,
        epochs: int = 40,
        batch_size: int = 8192,
        learning_rate: float = 3e-2,
        l2: float = 1e-2,
        negatives: int = 256,
        popularity: float = 0.0,
        components: int = 128,
        seed: int = 0,
    ) -> None:
        given = {key: value for key, value in locals().items() if key not in ("self", "__class__")}
        ContentDotProduct.__init__(self, **given)

    def _fit(self, train: Interactions, features: Features | None) -> None:
        z = self._reduce(features, train)  # (I, F)
        set_seed(self.settings["seed"])
        network = learn_pairs(train, z, self.settings)
        self._keep(network, train)
        e = ops.convert_to_numpy(network.e)  # (F, d)
        self.projection, self.content_bias = np.hstack([np.zeros_like(e), e]), ops.convert_to_numpy(network.beta)


def learn_pairs(train: Interactions, z: np.ndarray | None, settings: dict[str, Any]) -> PairwiseFactors:
    """Train the factors.

    Args:
        train: rows to learn from.
        z: (I, F) item features, or None.
        settings: of ``BPR``.
    """
    network = PairwiseFactors(
        train.n_users, train.n_items, embedding_size=settings["embedding_size"], z=z, l2=settings["l2"]
    )
    batches = LikedAndDrawn(
        train.likes(),
        np.flatnonzero(train.known_items()),
        rng=np.random.default_rng(settings["seed"]),
        **{name: settings[name] for name in ("batch_size", "negatives", "popularity")},
    )
    network.train_with_adam(batches, epochs=settings["epochs"], learning_rate=settings["learning_rate"], decay=True)
    return network
