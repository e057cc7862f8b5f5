r"""The content-based baseline: formula (1) pools what a user liked, and the cosine ranks what resembles it.

The user's profile is $X_u = \sum_i f(d_i) w_i$ over the user's items; the score of an item j is
$\cos(X_u, f(d_j))$. Explained in notebooks/02-text.ipynb.

Reference: Lops, de Gemmis and Semeraro (2011), Content-based recommender systems: state of the art and trends.
"""

import numpy as np
from scipy.sparse import csr_matrix

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models.abilities import FoldsInUsers, ReadsDescriptions, ScoresNewItems
from mmrec.models.base import TrainedRecommender
from mmrec.models.preprocessing import Preprocessor
from mmrec.models.settings import setting
from mmrec.text import weights

WEIGHTINGS = ("uniform", "recency", "rating", "learned")
_TEXTS = 16  # liked items that a profile is pooled from while weights are learned
_SHARPNESS = 10.0  # cosines are at most 1: too little for a softmax over a batch


class ContentProfile(TrainedRecommender, FoldsInUsers, ScoresNewItems, ReadsDescriptions):
    """Cosine of the user's weighted profile with the item's features, from one modality.

    An item without the modality, and a user without a liked item that has it, score 0 throughout.
    """

    name = "content"
    needs_features = True

    modality: str = setting("text", "what the model reads", choices=MODALITIES)
    weighting: str = setting(
        "uniform",
        'w_i of formula (1): "recency" (halves with every ``half_life``), "rating" (over all rated items, the rating'
        ' minus the user\'s mean: what was disliked pushes away) or "learned" (softmax of f(d_i) . v, by the layer'
        " ``BagOfWords``, with v trained to tell what else the user liked)",
        choices=WEIGHTINGS,
    )
    scaled: bool = setting(
        True,
        "scale features as for the networks (``Preprocessor``: words by their inverse document frequency, other columns"
        " to mean 0 and deviation 1); else take them as they are. Each item has unit length in both cases",
    )
    half_life: float = setting(180.0, "in days", above=0)
    epochs: int = setting(4, "of learning v, as are batch size, learning rate and seed", low=1)
    batch_size, learning_rate = 256, 0.02

    def _fit(self, train: Interactions, features: Features | None) -> None:
        modality = self.modality
        if features is None or modality not in features.modalities:
            raise InputError(f"{self.name} needs {modality} features: run 'mmrec features' first, or choose another")
        self.preprocessor = Preprocessor.fit(features.only(modality), train) if self.scaled else None
        self.items = self.vectors(features)  # (I, d)
        self.attention: np.ndarray | None = None
        self.profiles = _unit(self._weights(train) @ self.items)  # (U, d)

    def vectors(self, features: Features) -> np.ndarray:
        """(n, d) float32, of unit length: how the model sees items with these features; zeros without the modality.

        Args:
            features: of n items, made by the encoders that the model was trained with.
        """
        modality = self.modality
        if self.preprocessor is not None:
            return _unit(self.preprocessor.tables(features.only(modality))[modality])  # (n, d)
        if modality not in features.blocks:
            return np.zeros((len(features.item_ids), self.items.shape[1]), np.float32)
        return _unit(features.blocks[modality].astype(np.float32))  # (n, d)

    def _weights(self, train: Interactions) -> csr_matrix:
        """(U, I): w_i of each user's items."""
        kind = self.weighting
        rows = train if kind == "rating" and not train.is_implicit() else train.likes()
        rows = rows.take(self.items[rows.item].any(axis=1))  # the others have nothing to pool
        value = np.ones(len(rows), np.float32)  # (n,)
        if kind == "learned":
            self.attention = np.exp(self.items @ self._query(rows))  # (I,)
        by_user = np.argsort(rows.user, kind="stable")
        for part in np.split(by_user, np.flatnonzero(np.diff(rows.user[by_user])) + 1):
            if self.attention is not None:
                value[part] = self.attention[rows.item[part]] / self.attention[rows.item[part]].sum()
            elif kind == "recency":
                half_life = self.half_life * 86400
                value[part] = weights(kind, timestamps=rows.timestamp[part], half_life=half_life)
            elif kind == "rating" and not train.is_implicit():
                value[part] = weights(kind, ratings=rows.rating[part])
        return csr_matrix((value, (rows.user, rows.item)), (train.n_users, train.n_items))

    def _query(self, likes: Interactions) -> np.ndarray:
        """(d,): v of the attention, learned from the training likes."""
        options = {name: self.settings[name] for name in ("epochs", "batch_size", "learning_rate", "seed")}
        return learn_attention(self.items, likes, **options)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32 in [-1, 1]: cosines."""
        return self.profiles[np.asarray(users, np.int64)] @ self.items.T

    def pooled(self, liked: csr_matrix) -> np.ndarray:
        """(B, d) float32: profiles of users of whom only likes are known; zeros where no liked item has the modality.

        Learned weights enter; times and ratings are not known, so that else all likes weigh alike.

        Args:
            liked: (B, I), ones where the user likes the item.
        """
        weighed = liked if self.attention is None else liked.multiply(self.attention).tocsr()  # (B, I)
        return _unit(weighed @ self.items)

    def fold_in(self, liked: csr_matrix) -> np.ndarray:
        """(B, I) float32: scores for users who were not in training, from what they like, (B, I) sparse."""
        return self.pooled(liked) @ self.items.T

    def described_scores(self, features: Features) -> np.ndarray:
        """(n, I) float32: scores for users who say what they like: a text (picture, sound) stands for the profile."""
        return self.vectors(features) @ self.items.T

    def new_item_scores(self, users: np.ndarray, features: Features) -> np.ndarray:
        """(B, n) float32: cosines with items that are not in the catalogue."""
        return self.profiles[np.asarray(users, np.int64)] @ self.vectors(features).T

    def state(self) -> dict[str, np.ndarray]:
        """Profiles and items, each of unit length, what preprocessing learned, and the attention where it is used."""
        learned = {} if self.preprocessor is None else self.preprocessor.state()
        named = {f"preprocessor/{key}": value for key, value in learned.items()}
        named |= {} if self.attention is None else {"attention": self.attention}
        return {**named, "profiles": self.profiles, "items": self.items}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take them back."""
        self.profiles, self.items, self.attention = state["profiles"], state["items"], state.get("attention")
        prefix = "preprocessor/"
        learned = {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}
        self.preprocessor = Preprocessor.restore(learned) if learned else None


def learn_attention(
    items: np.ndarray, likes: Interactions, *, epochs: int, batch_size: int, learning_rate: float, seed: int
) -> np.ndarray:
    """v of ``BagOfWords(weighting="learned")``: whose profile predicts what else the user liked.

    A like is held out, the profile is pooled from up to 16 others of the user, and the held-out item must have the
    largest cosine among those of the batch. The others of the batch are not checked against the user's likes.

    Args:
        items: (I, d), each row of unit length.
        likes: training likes of items that have a row.
        epochs, batch_size, learning_rate: of the Adam optimiser.
        seed: of order and drawn items.

    Returns:
        (d,) float32.
    """
    import keras
    from keras import ops

    from mmrec.layers import BagOfWords
    from mmrec.seeding import set_seed

    set_seed(seed)
    texts = keras.Input((_TEXTS, items.shape[1]))  # (B, n, d)
    mask, target = keras.Input((_TEXTS,)), keras.Input((items.shape[1],))  # (B, n), (B, d)
    pooling = BagOfWords(weighting="learned", l2_normalise=True)
    profile = pooling(texts, mask=mask)  # (B, d)
    cosine = keras.layers.Lambda(lambda pair: _SHARPNESS * ops.matmul(pair[0], ops.transpose(pair[1])))
    model = keras.Model([texts, mask, target], cosine([profile, target]))  # (B, B)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)  # made while tracing, they would be traced twice
    rng = np.random.default_rng(seed)
    history = likes.matrix()  # (U, I)
    for _ in range(epochs):
        order = rng.permutation(len(likes))
        for start in range(0, len(order) - batch_size // 2, batch_size):
            rows = order[start : start + batch_size]
            drawn, here = _others(history, likes.user[rows], likes.item[rows], rng)
            batch = [items[drawn] * here[..., None], here, items[likes.item[rows]]]
            model.train_on_batch(batch, np.arange(len(rows)), sample_weight=here.any(axis=1))
    return ops.convert_to_numpy(pooling.query)


def _others(
    history: csr_matrix, users: np.ndarray, items: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Up to 16 other liked items of each user: indices (B, 16), and which places are filled (B, 16) float32."""
    drawn, here = np.zeros((len(users), _TEXTS), np.int64), np.zeros((len(users), _TEXTS), np.float32)
    for place, (user, item) in enumerate(zip(users, items, strict=True)):
        mine = history.indices[history.indptr[user] : history.indptr[user + 1]]
        mine = rng.permutation(mine[mine != item])[:_TEXTS]
        drawn[place, : len(mine)], here[place, : len(mine)] = mine, 1
    return drawn, here


def _unit(rows: np.ndarray) -> np.ndarray:
    """(n, d) with each row scaled to length 1; zeros stay."""
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)
