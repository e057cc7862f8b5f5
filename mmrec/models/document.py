"""The document's recommender (section 4.2), in two readings.

The **literal reading** scores an item from its own text, picture and sound alone. No taste enters, so
every user gets the same list. The **reading with the user** adds the user to F_concat in two ways: as a
profile and as an embedding. The profile pools the texts, pictures and sounds of the liked items, as formula (1)
pools texts. Both readings are trained alike. They differ in the user and in a_i, the item's popularity, which only the
reading with the user gets.

Chapters: ``notebooks/06-scorer.ipynb`` (training) and ``notebooks/08-lists.ipynb`` (use).
"""

from typing import ClassVar

import keras
import numpy as np

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.features.table import Features
from mmrec.models.abilities import ScoresNewItems
from mmrec.models.base import TrainedRecommender
from mmrec.models.document_network import DocumentNetwork, Trainer
from mmrec.models.learning import train_on_batches
from mmrec.models.preprocessing import Preprocessor
from mmrec.models.sampling import TrainingBatches
from mmrec.models.settings import setting
from mmrec.seeding import set_seed

PAIRS_PER_BLOCK = 2**16
"""User-item pairs scored at once: bounds the memory of scoring whatever the catalogue's size."""


class LiteralReading(TrainedRecommender, ScoresNewItems):
    """R = sigma(W_r sigma(W_f F_concat + b_f) + b_r): one score per item, the same for every user.

    F_concat = q_i = W_X X_i + W_O O_i + W_M M_i + W_h h_i, as in ``UserReading``. A layer on the projection q_i
    is a layer on [X_i; O_i; M_i; h_i] whose matrix has at most rank d; the printed formula has no h_i. The inner
    sigma is max(0, .), the outer one is logistic.

    Source: section 4.2, formulas (1) to (5). The text X of an item is its description; the review of the very
    rating, which the listing of section 5 uses, is not known when recommending.
    """

    name = "document-literal"
    needs_features = True
    with_user: ClassVar[bool] = False

    embedding_size: int = setting(64, "width d of the projected item", low=1)
    units: int = setting(128, "width of F_fusion", low=1)
    epochs: int = setting(8, "passes over the likes", low=1, search=(4, 12))
    batch_size, learning_rate = 8192, 8e-3
    l2: float = setting(1e-6, "weight of the squared norm of the weights", low=0)
    dropout: float = setting(0.4, "share of F_concat that is dropped in training", low=0, below=1)
    negatives: int = setting(8, "sampled unrated items per like", low=0)
    dislike_weight: float = setting(
        0.2, "weight of a rating below the like threshold; a like or a sampled item weighs 1", low=0
    )

    def _fit(self, train: Interactions, features: Features | None) -> None:
        assert features is not None
        set_seed(self.seed)
        rng = np.random.default_rng(self.seed)

        self.preprocessor = Preprocessor.fit(features, train)
        tables = self.preprocessor.tables(features)
        self._build({name: table.shape[1] for name, table in tables.items()}, train.n_users)
        batches = TrainingBatches(
            train,
            batch_size=self.batch_size,
            negatives=self.negatives,
            dislike_weight=self.dislike_weight,
            rng=rng,
        )
        trainer = Trainer(self.network, tables, features.present, self.preprocessor.popularity)
        trainer.compile(
            optimizer=keras.optimizers.Adam(self.learning_rate),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
            jit_compile=False,
        )
        train_on_batches(trainer, batches, epochs=self.epochs)

        self.items = self.network.project_items(tables, features.present)  # (I, d)
        self.user_vectors = self.network.project_users(train, tables, features.present)  # (U, d)

    def _build(self, sizes: dict[str, int], users: int) -> None:
        self.network = DocumentNetwork(
            sizes=sizes,
            users=users if self.with_user else 0,
            embedding_size=self.embedding_size,
            units=self.units,
            dropout=self.dropout,
            l2=self.l2,
        )
        self.network.build()

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32 in (0, 1): R of formula (5)."""
        return self._rate(np.asarray(users, np.int64), self.items, self.preprocessor.popularity)

    def new_item_scores(self, users: np.ndarray, features: Features) -> np.ndarray:
        """(B, n) float32: R for items that are not in the catalogue, from their features alone."""
        tables = self.preprocessor.tables(features)
        unknown = np.full(len(features.item_ids), self.preprocessor.popularity.min(), np.float32)
        return self._rate(np.asarray(users, np.int64), self.network.project_items(tables, features.present), unknown)

    def _rate(self, users: np.ndarray, items: np.ndarray, popularity: np.ndarray) -> np.ndarray:
        if not self.with_user:
            one = self.network.rate(self.user_vectors[:1], items, popularity)  # (1, I)
            return np.repeat(one, len(users), axis=0)
        block = max(1, PAIRS_PER_BLOCK // max(1, len(items)))
        parts = [
            self.network.rate(self.user_vectors[users[start : start + block]], items, popularity)
            for start in range(0, len(users), block)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(items)), np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """Weights of the network, what preprocessing learned, and the projected items and users."""
        weights = {f"weight/{place:02d}": np.asarray(value) for place, value in enumerate(self.network.get_weights())}
        learned = {f"preprocessor/{key}": value for key, value in self.preprocessor.state().items()}
        return {**weights, **learned, "items": self.items, "user_vectors": self.user_vectors}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Rebuild the network from ``state``; scores are the same to the bit."""
        self.preprocessor = Preprocessor.restore(
            {
                key.removeprefix("preprocessor/"): value
                for key, value in state.items()
                if key.startswith("preprocessor/")
            }
        )
        self.items, self.user_vectors = state["items"], state["user_vectors"]
        sizes = {name: self.preprocessor.sizes[name] for name in MODALITIES if name in self.preprocessor.sizes}
        self._build(sizes, len(self.user_vectors) if self.with_user else 0)
        self.network.set_weights([state[key] for key in sorted(state) if key.startswith("weight/")])


class UserReading(LiteralReading):
    """R = sigma(W_r F_fusion + b_r) with the user in F_concat: the document's method as a recommender.

    p_u = W_X X_u + W_O O_u + W_M M_u + e_u
    q_i = W_X X_i + W_O O_i + W_M M_i + W_h h_i
    F_concat = [p_u; q_i; p_u * q_i; a_i]                 (3d + 1)
    F_fusion = max(0, W_f F_concat + b_f)                 (units)
    R = sigma(W_r F_fusion + b_r)                         in (0, 1)

    X_i, O_i and M_i are the item's features as ``Preprocessor`` scales them, 0 where the item lacks the modality.
    X_u is the mean of X_i over the user's training likes that have a text; O_u and M_u likewise, each 0 where the
    user likes no item with the modality. Each modality has its own matrix, shared by users and items. h_i in
    {0, 1}^3 marks the modalities that the item has; a profile has no such term. e_u is the user's embedding, * the
    product by element, and a_i the item's standardised log(1 + training likes). The only biases are b_f and b_r.
    In training, entries of F_concat are dropped at random.

    While the network is trained on a like, the liked item is taken out of the user's profile: with it the
    network would learn to recognise the answer.

    Source: section 4.2, formulas (1) to (5); the user is this project's addition (the document has none).
    """

    name = "document-user"
    with_user = True
