"""The document's recommender (section 4.2), in two readings.

The **literal reading** scores an item from its own text, picture and sound alone. Nobody's taste enters,
so everybody gets the same list. The **reading with the user** lets the person into F_concat twice:
through the text profile of formula (1), pooled over the texts of what the person liked, and through an
embedding. Both are trained alike, so that their difference is the user.

Chapters: ``notebooks/06-scorer.ipynb`` (training) and ``notebooks/08-lists.ipynb`` (use).
"""

from typing import Any, ClassVar

import keras
import numpy as np

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.models.learning import train_on_batches
from mmrec.models.networks import DocumentNetwork, Trainer, fix_chance
from mmrec.models.preprocessing import Preprocessor
from mmrec.models.sampling import TrainingBatches

PAIRS_PER_BLOCK = 2**16
"""User-item pairs scored at once: bounds the memory of scoring whatever the catalogue's size."""


class LiteralReading(Recommender):
    """R = sigma(W_r sigma(W_f [X; O; M] + b_f) + b_r): one score an item, the same for every user.

    Source: section 4.2, formulas (1) to (5), as printed. The text X of an item is its description; the
    review of the very rating, which the listing of section 5 uses, is not known when recommending.

    Args:
        embedding_size: width d of the projected item.
        units: width of F_fusion.
        epochs, batch_size, learning_rate: of the Adam optimiser.
        l2: weight of the squared norm of the weights.
        dropout: share of F_concat that is dropped in training.
        negatives: unseen items drawn for each like.
        dislike_weight: weight of a rating below the like threshold beside a drawn unseen item (weight 1).
        seed: of initial weights, of drawn items and of dropout.
    """

    name = "document-literal"
    needs_features = True
    with_user: ClassVar[bool] = False
    grid: ClassVar[dict[str, tuple[Any, ...]]] = {"epochs": (8, 4, 12)}

    def __init__(
        self,
        embedding_size: int = 64,
        units: int = 128,
        epochs: int = 8,
        batch_size: int = 8192,
        learning_rate: float = 8e-3,
        l2: float = 1e-6,
        dropout: float = 0.4,
        negatives: int = 8,
        dislike_weight: float = 0.2,
        seed: int = 0,
    ) -> None:
        settings = {key: value for key, value in locals().items() if key not in ("self", "__class__")}
        super().__init__(**settings)

    def _fit(self, train: Interactions, features: Features | None) -> None:
        assert features is not None
        options = self.settings
        fix_chance(options["seed"])
        rng = np.random.default_rng(options["seed"])

        self.preprocessor = Preprocessor.fit(features, train)
        tables = self.preprocessor.tables(features)
        self._build({name: table.shape[1] for name, table in tables.items()}, train.users)
        batches = TrainingBatches(
            train,
            batch_size=options["batch_size"],
            negatives=options["negatives"],
            dislike_weight=options["dislike_weight"],
            rng=rng,
        )
        trainer = Trainer(self.network, tables, features.present, self.preprocessor.popularity)
        trainer.compile(
            optimizer=keras.optimizers.Adam(options["learning_rate"]),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
            jit_compile=False,
        )
        train_on_batches(trainer, batches, epochs=options["epochs"])

        self.items = self.network.project_items(tables, features.present)  # (I, d)
        self.people = self.network.project_users(train, tables, features.present)  # (U, d)

    def _build(self, sizes: dict[str, int], users: int) -> None:
        self.network = DocumentNetwork(
            sizes=sizes,
            users=users if self.with_user else 0,
            embedding_size=self.settings["embedding_size"],
            units=self.settings["units"],
            dropout=self.settings["dropout"],
            l2=self.settings["l2"],
        )
        self.network.build()

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32 in (0, 1): R of formula (5)."""
        return self._rate(np.asarray(users, np.int64), self.items, self.preprocessor.popularity)

    def new_item_scores(self, users: np.ndarray, features: Features) -> np.ndarray:
        """(B, n) float32: R for items that are not in the catalogue, from their features alone.

        Args:
            users: (B,) user indices.
            features: of the n new items, made by the encoders that the model was trained with.
        """
        tables = self.preprocessor.tables(features)
        unknown = np.full(len(features.item_ids), self.preprocessor.popularity.min(), np.float32)
        return self._rate(np.asarray(users, np.int64), self.network.project_items(tables, features.present), unknown)

    def _rate(self, users: np.ndarray, items: np.ndarray, popularity: np.ndarray) -> np.ndarray:
        if not self.with_user:
            one = self.network.rate(self.people[:1], items, popularity)  # (1, I)
            return np.repeat(one, len(users), axis=0)
        block = max(1, PAIRS_PER_BLOCK // max(1, len(items)))
        parts = [
            self.network.rate(self.people[users[start : start + block]], items, popularity)
            for start in range(0, len(users), block)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(items)), np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """Weights of the network, what preprocessing learned, and the projected items and users."""
        weights = {f"weight/{place:02d}": np.asarray(value) for place, value in enumerate(self.network.get_weights())}
        learned = {f"preprocessor/{key}": value for key, value in self.preprocessor.state().items()}
        return {**weights, **learned, "items": self.items, "people": self.people}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Rebuild the network from ``state``; scores are the same to the bit."""
        self.preprocessor = Preprocessor.restore(
            {
                key.removeprefix("preprocessor/"): value
                for key, value in state.items()
                if key.startswith("preprocessor/")
            }
        )
        self.items, self.people = state["items"], state["people"]
        sizes = {name: self.preprocessor.sizes[name] for name in MODALITIES if name in self.preprocessor.sizes}
        self._build(sizes, len(self.people) if self.with_user else 0)
        self.network.set_weights([state[key] for key in sorted(state) if key.startswith("weight/")])


class UserReading(LiteralReading):
    """R = sigma(W_r F_fusion + b_r) with the user in F_concat: the document's method as a recommender.

    p_u = P X_u + e_u, the projected text profile and the embedding; q_i = Q [X_i; O_i; M_i];
    F_concat = [p_u; q_i; p_u * q_i; a_i], where * is the product by element, which lets a layer of
    sums see agreement, and a_i is the item's standardised log number of training likes.

    The profile of a user never holds the text of the item that is being scored in training: with it the
    network would learn to recognise the answer.

    Source: section 4.2, formulas (1) to (5); the user is this project's addition (the document has none).
    """

    name = "document-user"
    with_user = True
