"""New items: popularity predicted from content, plus each user's taste predicted from content.

The list of a user is mostly the list of popular items, so that a model of new items needs a good forecast of
popularity first. The personal part then only has to say how this user differs from the average user. Both parts map
content to what collaborative filtering knows of a rated item, and both are ridge regressions in closed form. All
their settings are chosen by treating each training item as new (leave one out), never on new items.

References:
    Gantner, Drumond, Freudenthaler, Rendle and Schmidt-Thieme (2010), Learning attribute-to-feature mappings for
    cold-start recommendations, ICDM.
    McFadden (1974), Conditional logit analysis of qualitative choice behavior.
"""

import numpy as np
from scipy.sparse import csr_matrix

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.models.content_vectors import ContentVectors
from mmrec.models.logit import conditional_logit
from mmrec.models.ridge import PENALTIES, Ridge

LEARNED = ("known", "root", "total", "mean", "intercept", "weights", "alpha", "map", "popularity", "alike")


class PopularityAndTaste(Recommender):
    r"""r_ui = a_i + alpha t_ui: predicted log popularity plus predicted taste, whose mean over the users is 0.

    With L (U, I) the training likes, n_u and n_i its sums and N its total, R_ui = (L_ui - n_u n_i / N) / sqrt(n_u n_i)
    says how far a user likes an item more than both popularities predict, and W = R'R (I, I) which items have the same
    users. For an item with training rows a_i = log(1 + n_i) and t_ui = (R_u - mean R) . W_i. For a new item a_i and
    W_i are predicted from its features x_i (F,) by two ridge regressions on the items with training rows:
    a_i = mean + x_i . w and W_i = x_i M.

    Each modality has its own weight in x (``ContentVectors``). These weights and l2 of w minimise the leave-one-out
    squared error of a_i. l2 of M and alpha maximise the conditional likelihood of the training likes,
    exp(beta a_i + gamma t_ui) normalised over the items with training rows, every user with equal weight. There alpha
    is gamma / beta, and each item is predicted as if it were new: from the other items, and from profiles that do not
    contain it.

    Args:
        alpha: weight of taste; chosen as said where None. With 0 every user gets the list of ``content-popularity``
            on new items.
    """

    name = "popularity-and-taste"
    needs_features = True

    def __init__(self, alpha: float | None = None) -> None:
        super().__init__(alpha=alpha)

    def _fit(self, train: Interactions, features: Features | None) -> None:
        assert features is not None
        self.known = np.flatnonzero(train.known_items())  # (n,)
        self.liked = train.likes().matrix()[:, self.known].tocsr()  # (U, n)
        counts = np.asarray(self.liked.sum(axis=0)).ravel()  # (n,)
        self.root, self.total = np.sqrt(counts).astype(np.float32), max(float(counts.sum()), 1.0)
        self.mean = np.zeros(len(counts), np.float32)
        profiles = self._profiles(self.liked)  # (U, n)
        alike = profiles.T @ profiles  # (n, n): W
        has = self.liked.getnnz(axis=1) > 0
        self.mean = profiles[has].mean(axis=0) if has.any() else self.mean
        profiles = self._profiles(self.liked)

        observed = np.log1p(counts).astype(np.float64)
        self.intercept = float(observed.mean())
        self.vectors, ridge, l2 = ContentVectors.fit(features, train, observed - self.intercept)
        x = self.vectors(features)  # (I, F)
        popularity = ridge.left_out(observed - self.intercept, l2)  # (n,)
        self.weights = ridge.weights(x[self.known], observed - self.intercept, l2)  # (F,)
        chosen, l2 = self._choose(ridge, popularity, profiles, alike)
        self.alpha = chosen if self.settings["alpha"] is None else float(self.settings["alpha"])
        self.map = ridge.weights(x[self.known], alike, l2)  # (F, n): M
        self.popularity, self.alike = self._predict(x)  # (I,), (I, n)
        self.popularity[self.known], self.alike[self.known] = observed, alike

    def _profiles(self, liked: csr_matrix) -> np.ndarray:
        """(B, n) likes -> (B, n) float32: R_u minus its mean over the training users; 0 for users without likes."""
        count = np.asarray(liked.sum(axis=1))  # (B, 1)
        lift = liked.toarray() / np.maximum(self.root, 1) / np.sqrt(np.maximum(count, 1))
        return ((lift - np.sqrt(count) * self.root / self.total - self.mean) * (count > 0)).astype(np.float32)

    def _choose(
        self, ridge: Ridge, popularity: np.ndarray, profiles: np.ndarray, alike: np.ndarray
    ) -> tuple[float, float]:
        """alpha and l2 of M, from the likelihood of the training likes when each item is predicted as if new."""
        pull = alike @ profiles.T  # (n, U)
        best = (-np.inf, 0.0, float(PENALTIES[-1]))
        for l2 in PENALTIES[::4]:
            hat = ridge.left_out_hat(l2).astype(np.float32)  # (n, n)
            own = (hat * alike.T).sum(axis=1)  # (n,): predicted W_ii, by which a user's own like of i would enter
            taste = (hat @ pull - own[:, None] * profiles.T).T  # (U, n)
            taste -= taste.mean(axis=0)
            spread = max(float(taste.std()), 1e-9)
            fit, beta, gamma = conditional_logit(popularity, taste / spread, self.liked)
            alpha = max(gamma, 0) / max(beta, 0.05) / spread
            best = max(best, (fit, alpha, float(l2)))
        return best[1:]

    def _predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m, F) -> predicted a (m,) and W (m, n), float32."""
        return (x @ self.weights + self.intercept).astype(np.float32), x @ self.map

    def _rate(self, liked: csr_matrix, popularity: np.ndarray, alike: np.ndarray) -> np.ndarray:
        return (popularity + self.alpha * (self._profiles(liked) @ alike.T)).astype(np.float32)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32: a_i + alpha t_ui."""
        return self._rate(self.liked[np.asarray(users, np.int64)], self.popularity, self.alike)

    def fold_in(self, liked: csr_matrix) -> np.ndarray:
        """(B, I) float32: scores for users who were not there in training, from what they like, (B, I) sparse."""
        return self._rate(liked.tocsr()[:, self.known], self.popularity, self.alike)

    def new_item_scores(self, users: np.ndarray, features: Features) -> np.ndarray:
        """(B, m) float32: scores of items that are not in the catalogue, from their features alone.

        Args:
            users: (B,) user indices.
            features: of the m new items, made by the encoders that the model was trained with.
        """
        return self._rate(self.liked[np.asarray(users, np.int64)], *self._predict(self.vectors(features)))

    def state(self) -> dict[str, np.ndarray]:
        """What scoring needs, of new items too."""
        named = {name: np.asarray(getattr(self, name)) for name in LEARNED}
        named |= self.vectors.state()
        return named | {"liked": np.array(self.liked.nonzero()), "users": np.array(self.liked.shape[0])}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Take it back; scores are the same to the bit."""
        for name in LEARNED:
            setattr(self, name, state[name] if state[name].ndim else float(state[name]))
        self.vectors = ContentVectors.restore(state)
        ones, shape = np.ones(state["liked"].shape[1], np.float32), (int(state["users"]), len(self.known))
        self.liked = csr_matrix((ones, tuple(state["liked"])), shape)
