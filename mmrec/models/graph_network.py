"""A light graph network over who liked what, and over which items resemble each other.

References: He, Deng, Wang, Li, Zhang and Wang (2020), LightGCN: simplifying and powering graph convolution network for
recommendation, SIGIR. Zhou and Shen (2023), A tale of two graphs: freezing and denoising graph structures for
multimodal recommendation, ACM Multimedia. Wu, Wang, Gao, Chen, Fu and Qiu (2024), On the effectiveness of sampled
softmax loss for item recommendation, ACM Transactions on Information Systems.
"""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy.sparse import csr_matrix, vstack

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.abilities import FoldsInUsers
from mmrec.models.dot_product import ContentDotProduct
from mmrec.models.graphs import Spread, normalised, resemblance
from mmrec.models.learning import BatchLossModel, normal, rows_of, unit
from mmrec.models.settings import setting
from mmrec.seeding import set_seed


class GraphNetwork(BatchLossModel):
    """Users and items as means over the layers of a light graph convolution, and the loss of a batch.

    With A the normalised likes (U, I): P_0 = E is learned and Q_0 = E' + Z W is what the items are and what their
    content Z says, P_k+1 = A Q_k, Q_k+1 = A' P_k, and p and q are the means over k = 0 .. layers. With S the
    resemblance of the items, frozen, q becomes q + content S Q_0. The score is
    unit(p_u) . unit(q_i) / temperature + b_i.

    Args:
        liked: (U, I) sparse.
        alike: S, (I, I) sparse.
        z: Z, (I, F) features.
        known: (I,) items with a training row: of the others content alone counts, E' is 0.
        embedding_size: d.
        layers: how many steps away likes reach.
        content: weight of S.
        temperature: what cosines are divided by.
        dropout: share of p dropped in training.
        identity_dropout: share of the items of a step whose E' counts as 0, so that W learns without them.
        seed: of what is dropped.
    """

    def __init__(
        self,
        liked: csr_matrix,
        alike: csr_matrix,
        z: np.ndarray,
        known: np.ndarray,
        *,
        embedding_size: int,
        layers: int,
        content: float,
        temperature: float,
        dropout: float,
        identity_dropout: float,
        seed: int,
    ) -> None:
        super().__init__()
        graph = normalised(liked)
        self.to_people, self.to_items, self.to_alike = Spread(graph), Spread(csr_matrix(graph.T)), Spread(alike)
        self.z = ops.convert_to_tensor(z)  # (I, F)
        self.known = ops.convert_to_tensor(known[:, None], "float32")  # (I, 1)
        self.reach, self.content, self.temperature = layers, content, temperature
        self.dropout, self.identity_dropout = dropout, identity_dropout
        self.random = keras.random.SeedGenerator(seed)
        users, items = liked.shape
        for name, count in (("users", users), ("items", items)):
            setattr(self, name, self.add_weight(shape=(count, embedding_size), initializer=normal(0.1), name=name))
        self.w = self.add_weight(shape=(z.shape[1], embedding_size), initializer=normal(0.2), name="projection")
        self.b = self.add_weight(shape=(items,), initializer="zeros", name="bias")
        self.built = True

    def first(self, own: Any) -> Any:
        """Q_0 (I, d), from own (I, 1), 1 where E' counts."""
        return self.items * own + ops.matmul(self.z, self.w)

    def convolve(self, own: Any) -> tuple[Any, Any]:
        """P_k and Q_k, k = 0 .. layers, of the likes alone: (layers + 1, U, d) and (layers + 1, I, d)."""
        p, q = self.users + 0.0, self.first(own)  # (U, d), (I, d)
        users, items = [p], [q]
        for _ in range(self.reach):
            p, q = self.to_people(q), self.to_items(p)
            users.append(p)
            items.append(q)
        return ops.stack(users), ops.stack(items)

    def vectors(self, own: Any = None) -> tuple[Any, Any]:
        """p / temperature (U, d) and q (I, d), rows of p and q scaled to length 1."""
        own = self.known if own is None else own  # (I, 1)
        p, q = (ops.mean(layers, axis=0) for layers in self.convolve(own))  # (U, d), (I, d)
        return unit(p) / self.temperature, unit(q + self.content * self.to_alike(self.first(own)))

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Inputs of ``Blocks`` -> logits (P, C) of the block's users and items."""
        own = self.known  # (I, 1)
        if training and self.identity_dropout:
            stay = keras.random.uniform(ops.shape(own), seed=self.random) >= self.identity_dropout
            own = own * ops.cast(stay, "float32")
        p, q = self.vectors(own)
        p, q = ops.take(p, inputs["user"], axis=0), ops.take(q, inputs["item"], axis=0)  # (P, d), (C, d)
        if training and self.dropout:
            p = keras.random.dropout(p, self.dropout, seed=self.random)
        return ops.matmul(p, ops.transpose(q)) + rows_of(self.b, inputs["item"])  # (P, C)

    def batch_loss(self, targets: Any, outputs: Any) -> Any:
        """The mean of -log softmax of the likes, 1 in targets (P, C), among the items of the block."""
        loss = ops.sum(targets * (ops.logsumexp(outputs, axis=1, keepdims=True) - outputs))
        return loss / ops.maximum(ops.sum(targets), 1.0)


class Blocks(keras.utils.PyDataset):
    """For each step some users, some items, and which of them go together.

    The items are drawn for all users of the block: the softmax of a like runs over the whole block, which includes
    the user's other likes and dislikes.

    The inputs of a batch: user (P,) and item (C,). The targets: (P, C) float32, 1 for each like. A block takes all
    users, or all items, where there are no more than it can hold.

    Args:
        liked: (U, I) sparse.
        known: (I,) items that are in question.
        steps: blocks an epoch.
        batch_size: most users of a block.
        candidates: most items of a block.
        rng: source of all random numbers.
    """

    def __init__(
        self,
        liked: csr_matrix,
        known: np.ndarray,
        *,
        steps: int,
        batch_size: int,
        candidates: int,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        self.liked, self.steps, self.rng = liked, steps, rng
        self.users, self.items = np.flatnonzero(np.diff(liked.indptr)), np.flatnonzero(known)
        self.size = min(batch_size, len(self.users)), min(candidates, len(self.items))

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        user = np.sort(self.rng.choice(self.users, self.size[0], replace=False))
        item = np.sort(self.rng.choice(self.items, self.size[1], replace=False))
        liked = self.liked[user][:, item].toarray()  # (P, C)
        return {"user": user.astype(np.int32), "item": item.astype(np.int32)}, liked


class GraphRecommender(ContentDotProduct, FoldsInUsers):
    """Score of the graph network; see ``GraphNetwork``.

    The loss is a softmax over items with cosines (Wu et al.), not the pairwise one of He et al.: each step asks for all
    likes of thousands of users, so that some dozens of steps do, however long one propagation takes.

    A user without a training like is the average user; an item without ratings is what its content and the items that
    resemble it say.
    """

    name = "graph-network"
    learned = ("projection", "known_content", "known_items", "history")

    embedding_size, batch_size, learning_rate = 128, 2048, 0.02
    temperature: float = setting(0.2, "what cosines are divided by", above=0, search=(0.3,), open_ended=True)
    dropout: float = setting(
        0.0, "share of the users' vectors that is dropped in training", low=0, below=1, search=(0.5,)
    )
    content: float = setting(0.5, "weight of what the neighbours are beside what the item is", low=0, search=(1.0, 0.0))
    layers: int = setting(3, "how many steps away likes reach", low=1, search=(2,))
    neighbours: int = setting(10, "items that each item resembles most in each modality, joined to it", low=1)
    steps: int = setting(50, "of the optimiser, each with one propagation over the whole graph", low=1)
    candidates: int = setting(4096, "most items of a step; ``batch_size`` is the most users", low=1)
    identity_dropout: float = setting(0.3, "share of the items' own vectors left out in a step", low=0, high=1)

    def _fit(self, train: Interactions, features: Features | None) -> None:
        z = self._reduce(features, train)  # (I, F)
        set_seed(self.seed)
        liked = train.likes().matrix().tocsr()  # (U, I)
        known = train.known_items()  # (I,)
        parts = self.reduction.parts(z)
        alike = self._graph(parts, known)
        named = ("embedding_size", "layers", "content", "temperature", "dropout", "identity_dropout", "seed")
        network = GraphNetwork(liked, alike, z, known, **{name: self.settings[name] for name in named})
        sizes = {name: self.settings[name] for name in ("steps", "batch_size", "candidates")}
        blocks = Blocks(liked, known, rng=np.random.default_rng(self.seed), **sizes)
        network.train_with_adam(blocks, epochs=1, learning_rate=self.learning_rate)
        self._keep(network, z, train)

    def _graph(self, parts: Mapping[str, np.ndarray], known: np.ndarray) -> csr_matrix:
        """S (I, I): whom each item resembles, among those with a training row."""
        place, others, count = np.flatnonzero(known), np.flatnonzero(~known), self.neighbours
        among = {name: part[place] for name, part in parts.items()}
        beside = {name: part[others] for name, part in parts.items()}
        cells = vstack([resemblance(among, among, count, own=True), resemblance(beside, among, count)]).tocoo()
        order = np.concatenate([place, others])
        return csr_matrix((cells.data, (order[cells.row], place[cells.col])), (len(known), len(known)))

    def _keep(self, network: GraphNetwork, z: np.ndarray, train: Interactions) -> None:
        """Read off users, items and biases, and what new items may resemble."""
        p, q = network.vectors()
        self.items = ops.convert_to_numpy(q)  # (I, d)
        self.new_bias = self._settle(ops.convert_to_numpy(p), ops.convert_to_numpy(network.b), train)
        known = np.flatnonzero(train.known_items())
        self.known_content = z[known]  # (K, F)
        self.known_items = ops.convert_to_numpy(network.first(network.known))[known]  # (K, d)
        self.projection = ops.convert_to_numpy(network.w)  # (F, d)
        layers = ops.convert_to_numpy(network.convolve(network.known)[1])[:-1]  # (layers, I, d)
        likes = np.maximum(np.bincount(train.likes().item, minlength=train.n_items), 1)  # (I,)
        self.history = layers.sum(axis=0) / np.sqrt(likes)[:, None]  # (I, d)

    def fold_in(self, liked: csr_matrix) -> np.ndarray:
        """(B, I) float32: scores for users who were not in training, from what they like, (B, I) sparse.

        Such a user has no vector of their own, E = 0, and is what the liked items say.
        """
        p = ops.convert_to_numpy(unit(liked @ self.history)) / self.temperature  # (B, d)
        return (p @ self.items.T + self.bias).astype(np.float32)

    def _new_items(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked, known = self.reduction.parts(z), self.reduction.parts(self.known_content)
        alike = resemblance(asked, known, self.neighbours)  # (n, K)
        own = z @ self.projection / (1 + self.layers)  # (n, d): no like adds to the mean over the layers
        q = ops.convert_to_numpy(unit(own + self.content * (alike @ self.known_items)))  # (n, d)
        return q.astype(np.float32), np.full(len(z), self.new_bias, np.float32)
