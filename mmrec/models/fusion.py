"""Recommenders that differ only in how they fuse the modalities.

Chapter: ``notebooks/05-fusion.ipynb``. Source: sections 3.2.2 and 4.2 of the document, formulas (1), (4) and (5).
"""

from copy import copy
from typing import Any, Self

import keras
import numpy as np
from scipy.sparse import csr_matrix
from sklearn.decomposition import PCA

from mmrec.data.catalogue import LIKE_THRESHOLD, MODALITIES, Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.layers.absent import METHODS
from mmrec.models.abilities import ScoresNewItems, UpdatesProfiles
from mmrec.models.base import TrainedRecommender
from mmrec.models.fusion_training import FusionBatches, FusionTrainer
from mmrec.models.learning import train_on_batches
from mmrec.models.preprocessing import Preprocessor
from mmrec.models.settings import setting
from mmrec.models.user_item_network import FORMS, UserItemNetwork
from mmrec.seeding import set_seed

USERS_AT_ONCE = 1024
MOST_STEPS = 1500
"""Training steps at most: with many users fewer epochs are needed, and a step's time grows with the items."""
TARGETS = ("like", "list")


def principal_axes(table: np.ndarray, count: int, scale: bool) -> np.ndarray:
    """(n, d) -> (d + 1, k): axes of the largest variance as columns, k <= count, and their means in the last row.

    A network with hundreds of columns and few training items overfits. So only the directions in which the items
    differ most are kept.

    Args:
        table: features of the training items that have the modality.
        count: largest number of axes.
        scale: divide all axes by one number, so that items have about unit length.
    """
    count = min(count, *table.shape)
    if len(table) < 2 or not table.std(axis=0).any():  # no variance
        return np.eye(table.shape[1] + 1, table.shape[1], dtype=np.float32)
    fitted = PCA(count, svd_solver="full").fit(table)
    axes = fitted.components_.T / (np.sqrt(fitted.explained_variance_.sum()) if scale else 1)  # (d, k)
    return np.vstack([axes, fitted.mean_ @ axes]).astype(np.float32)


class FusionRecommender(TrainedRecommender, ScoresNewItems, UpdatesProfiles):
    """R = sigma(p_u . q_i + b_i) from fused items and from the users' ratings of them; see ``UserItemNetwork``.

    Two targets are trained at once: that an item is chosen and liked ("list", for ranked lists), and that it is liked
    if it is rated ("like", for AUC and log loss).

    Reference for the running mean of the weights: Polyak and Juditsky (1992), Acceleration of stochastic approximation
    by averaging.
    """

    name = "fusion"
    needs_features = True

    fusion: str = setting("network", "how the modalities are fused", choices=FORMS)
    target: str = setting(
        "list", 'what scores say: "list", chosen and liked; "like", liked if rated; see ``aim``', choices=TARGETS
    )
    components: tuple[int, ...] = setting(
        (100, 30, 20),
        "principal components of text, picture and sound that are used (see ``principal_axes``); 0 for the features"
        " themselves",
        low=0,
        count=3,
        search=((0, 0, 0),),
    )
    epochs: int = setting(
        80, "passes over the users; more than about two thousand get fewer (``MOST_STEPS``)", low=1, search=(40,)
    )
    batch_size, learning_rate = 128, 3e-3
    embedding_size: int = setting(32, "d, length of the vectors of items and users", low=1)
    units: int = setting(64, "length of F_fusion; 0 for a form that has none", low=0)
    hidden_units: int = setting(64, "length of the users' hidden layer", low=1)
    averaging: float = setting(
        0.99,
        "share that the running mean of the weights keeps at each step (.99: a mean over about the last hundred steps)."
        " The fitted model uses the mean; 0 takes the last weights",
        low=0,
        below=1,
    )
    l2: float = setting(2e-4, "weight of the squared norm of the weights", low=0)
    dropout: float = setting(0.5, "share of the users' hidden layer that is dropped in training", low=0, below=1)
    unrated_weight: float = setting(0.1, "weight of an item that the user has not rated; a liked item weighs 1", low=0)
    auxiliary_weight: float = setting(0.3, 'weight of the losses of the auxiliary outputs ("mimo")', low=0)
    modality_dropout: float = setting(
        0.2, "share of the items' modalities masked in training, so that the model can miss one in use", low=0, high=1
    )
    identity_dropout: float = setting(
        0.3, "share of the items' embeddings masked in training, so that the model can score new items", low=0, high=1
    )
    absent: str = setting(
        "zero", 'what replaces an absent modality: "zero" with a mask, "mean", or a "learned" vector', choices=METHODS
    )
    identity: bool = setting(True, "give items embeddings; without them the model uses content alone")
    scale: bool = setting(
        True, "bring each modality to about unit length (``Preprocessor``); else take the features as they are"
    )

    def _fit(self, train: Interactions, features: Features | None) -> None:
        assert features is not None
        implicit = train.is_implicit()
        if not implicit and train.rating.min() <= 0:
            raise InputError(f"{self.name} takes a rating of 0 for none: give ratings above 0, of 1 to 5 say")
        set_seed(self.seed)
        self.preprocessor = Preprocessor.fit(features, train)
        self.axes: dict[str, np.ndarray] = {}
        tables, present = self._content(features)
        self.known = train.known_items()  # (I,)
        for name, table in tables.items():
            if count := self.components[MODALITIES.index(name)]:
                self.axes[name] = principal_axes(table[self.known & features.mask(name)], count, self.scale)
        tables, present = self._inputs(features)
        self.history = train
        spread = float(train.rating.std())
        self.centre = np.array([train.rating.mean(), spread if spread > 1e-6 else 1], np.float32)  # (2,)
        levels = np.unique(train.rating)[1:]
        if len(levels) > 10:
            levels = np.array([LIKE_THRESHOLD])
        self.levels = levels[: 0 if implicit else None].astype(np.float32)  # (L,)
        self._build(train.n_items)
        has = present[self.known] > 0
        self.network.fill.adapt([table[self.known] for table in tables.values()], has)
        trainer = FusionTrainer(
            self.network,
            tables,
            present,
            self.known,
            self.levels,
            liking=0.0 if implicit else 1.0,
            unrated_weight=self.unrated_weight,
            auxiliary_weight=self.auxiliary_weight,
            modality_dropout=self.modality_dropout,
            identity_dropout=self.identity_dropout,
            seed=self.seed,
        )
        averaging = {"use_ema": True, "ema_momentum": self.averaging} if self.averaging else {}
        trainer.compile(optimizer=keras.optimizers.Adam(self.learning_rate, **averaging), jit_compile=False)
        batches = self._batches(
            train,
            features,
            like=0.5 if implicit else LIKE_THRESHOLD,
            batch_size=self.batch_size,
            rng=np.random.default_rng(self.seed),
        )
        epochs = min(self.epochs, -(-MOST_STEPS // len(batches)))
        train_on_batches(trainer, batches, epochs=epochs)
        self._read(features)

    def aim(self, target: str) -> Self:
        """The same fitted model with other ``scores``: "like" or "list"."""
        other = copy(self)
        other.target = target
        return other

    def use(self, features: Features) -> Self:
        """The same fitted model, with items and users computed from other features, such as fewer modalities."""
        other = copy(self)
        other._read(features)
        return other

    def update_profiles(self, ratings: Interactions, features: Features | None = None) -> Self:
        """The same fitted model, with user vectors computed from other ratings, such as newer ones; no weight changes.

        The lists leave out the items of these ratings.
        """
        assert features is not None
        other = copy(self)
        other.history, other._train, other._seen = ratings, ratings, ratings.matrix()
        other._read(features)
        return other

    def _batches(self, train: Interactions, features: Features, **options: Any) -> FusionBatches:
        """The training batches."""
        return FusionBatches(*self._ratings(train), **options)

    def _inputs(self, features: Features) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Inputs of the network about the items; ``ReviewFusion`` adds reviews."""
        return self._content(features)

    def _content(self, features: Features) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Tables (I, d_m) and mask (I, m) of the modalities that the model was fitted on, in the canonical order."""
        made = self.preprocessor.tables(features, self.scale)
        tables = {name: made[name] for name in MODALITIES if name in made}  # each (I, d_m)
        for name, axes in self.axes.items():
            tables[name] = (tables[name] @ axes[:-1] - axes[-1]) * features.mask(name)[:, None]  # (I, k)
        columns = [MODALITIES.index(name) for name in tables]
        return tables, features.present[:, columns].astype(np.float32)

    def _ratings(self, train: Interactions) -> tuple[csr_matrix, csr_matrix]:
        """Ratings as given, and about the training mean, each (U, I) sparse; all 1 for implicit feedback."""
        shape, at = (train.n_users, train.n_items), (train.user, train.item)
        stars = train.rating.astype(np.float32)
        if not len(self.levels):
            return csr_matrix((np.ones_like(stars), at), shape), csr_matrix((np.ones_like(stars), at), shape)
        scaled = (stars - self.centre[0]) / self.centre[1]  # with mean and deviation of the training ratings
        return csr_matrix((stars, at), shape), csr_matrix((scaled.astype(np.float32), at), shape)

    def _sizes(self) -> dict[str, int]:
        """Modality -> width of its table."""
        return self.preprocessor.sizes | {name: axes.shape[1] for name, axes in self.axes.items()}

    def _build(self, items: int) -> None:
        named = ("fusion", "embedding_size", "units", "hidden_units", "dropout", "l2", "absent", "identity")
        sizes = self._sizes()
        self.network = UserItemNetwork(
            sizes={name: sizes[name] for name in MODALITIES if name in sizes},
            items=items,
            levels=len(self.levels),
            **{name: self.settings[name] for name in named},
        )
        self.network.build()

    def _read(self, features: Features) -> None:
        """Compute the arrays that scoring needs: users (2, U, T d), items (I, T d) and their biases (I, 2)."""
        tables, present = self._inputs(features)
        items = np.arange(len(self.known), dtype=np.int32)
        z, q, b, _ = self.network.items(tables, present, items, self.known[:, None].astype(np.float32))
        stars, rated = self._ratings(self.history)
        met = (stars > 0).astype(np.float32)
        user_vectors = [
            np.asarray(self.network.users(rated[at].toarray(), met[at].toarray(), z))
            for at in (slice(start, start + USERS_AT_ONCE) for start in range(0, stars.shape[0], USERS_AT_ONCE))
        ]
        self.user_vectors, self.items, self.bias = np.concatenate(user_vectors, axis=1), np.asarray(q), np.asarray(b)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32 in (0, 1)."""
        return self._rate(users, self.items, self.bias)

    def new_item_scores(self, users: np.ndarray, features: Features) -> np.ndarray:
        """(B, n) float32: the same for items that are not in the catalogue, from their features alone."""
        tables, present = self._inputs(features)
        index, known = np.zeros(len(present), np.int32), np.zeros((len(present), 1), np.float32)  # no embedding
        _, q, b, _ = self.network.items(tables, present, index, known)
        return self._rate(users, np.asarray(q), np.asarray(b))

    def _rate(self, users: np.ndarray, items: np.ndarray, bias: np.ndarray) -> np.ndarray:
        head = TARGETS.index(self.target) if len(self.levels) else 1  # no head for liking without levels
        logits = self.user_vectors[head][np.asarray(users, np.int64)] @ items.T + bias[:, head]  # (B, n)
        if head == 0:
            level = min(int(np.searchsorted(self.levels, LIKE_THRESHOLD)), len(self.levels) - 1)
            logits = logits + np.asarray(self.network.thresholds)[level]
        return (1 / (1 + np.exp(-logits.astype(np.float64)))).astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """Weights, fitted preprocessing, the ratings that users are computed from, and the arrays for scoring."""
        weights = {f"weight/{at:03d}": np.asarray(value) for at, value in enumerate(self.network.get_weights())}
        learned = {f"preprocessor/{key}": value for key, value in self.preprocessor.state().items()}
        rows = {name: getattr(self.history, name) for name in ("user", "item", "rating")}
        history = {f"history/{name}": value for name, value in rows.items()}
        own = {name: getattr(self, name) for name in ("user_vectors", "items", "bias", "known", "levels", "centre")}
        axes = {f"axes/{name}": value for name, value in self.axes.items()}
        return {**weights, **learned, **history, **axes, **own}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Rebuild the network from ``state``; scores are the same to the bit."""

        def part(prefix: str) -> dict[str, np.ndarray]:
            return {key.removeprefix(prefix): state[key] for key in sorted(state) if key.startswith(prefix)}

        self.preprocessor, self.axes = Preprocessor.restore(part("preprocessor/")), part("axes/")
        for name in ("user_vectors", "items", "bias", "known", "levels", "centre"):
            setattr(self, name, state[name])
        rows = part("history/")
        nowhere = np.zeros(len(rows["user"]), np.int64)
        shape = self.user_vectors.shape[1], len(self.items)
        self.history = Interactions(rows["user"], rows["item"], rows["rating"], nowhere, nowhere - 1, *shape)
        self._build(len(self.items))
        self.network.set_weights(list(part("weight/").values()))
