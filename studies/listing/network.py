"""The audit's network: small enough to be trained once for each fault."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

USERS_AT_ONCE = 128


class AuditNetwork(keras.Model):
    """R = sigma(W_r F_fusion + b_r), F_fusion = relu(W_f [p; q; p * q] + b_f), formulas (4) and (5) with the user.

    q_i = W [X_i; O_i; M_i]; p_u = e_u + the mean of q over what u liked. Without users F_concat is q alone. Where the
    text is the rating's own review, it belongs to no item, and is added to q row by row. Pictures, where given,
    pass a convolution that is trained along, as in section 5.2.3.

    Args:
        tables: modality -> (I, d_m).
        liked: (U, I), 1 for each training like; None without users.
        pictures: (I, H, W, 3) in [0, 1], or None.
        words: width of a review's row; 0 without reviews.
        size: d.
        units: width of F_fusion.
    """

    def __init__(
        self,
        tables: Mapping[str, np.ndarray],
        liked: np.ndarray | None = None,
        pictures: np.ndarray | None = None,
        words: int = 0,
        size: int = 16,
        units: int = 32,
    ) -> None:
        super().__init__()
        self.tables = {name: ops.convert_to_tensor(table) for name, table in tables.items()}  # each (I, d_m)
        self.items = len(next(iter(tables.values())))
        self.projections = {name: keras.layers.Dense(size, use_bias=False) for name in tables}
        self.liked = None if liked is None else ops.convert_to_tensor(liked)  # (U, I)
        self.users = None if liked is None else keras.layers.Embedding(len(liked), size)
        # A convolution is a product with the patch under its kernel. Pictures do not change: extract patches once.
        self.patches = None if pictures is None else ops.image.extract_patches(pictures, 3, strides=1)  # (I, h, w, 27)
        self.convolution = [keras.layers.Dense(8, "relu"), keras.layers.MaxPooling2D(2), keras.layers.Flatten()]
        self.convolution.append(keras.layers.Dense(size, use_bias=False))
        self.review = keras.layers.Dense(size, use_bias=False) if words else None
        self.fusion = keras.layers.Dense(units, "relu")
        self.scorer = keras.layers.Dense(1, "sigmoid")
        self.built = True  # each layer makes its weights when it is first called

    def project(self) -> Any:
        """(I, d): q of all items, without their reviews."""
        parts = [layer(self.tables[name]) for name, layer in self.projections.items()]  # each (I, d)
        if self.patches is not None:
            o = self.patches  # (I, h, w, 27)
            for layer in self.convolution:
                o = layer(o)
            parts.append(o)  # (I, d)
        return ops.sum(ops.stack(parts), axis=0)  # (I, d); stacked, since a + b + c has no fixed order

    def taste(self, user: Any, items: Any, own: Any) -> Any:
        """p (B, d) of users (B,), from q (I, d); ``own`` (B, I) is 1 at the item asked about, which is left out."""
        assert self.liked is not None
        assert self.users is not None
        liked = ops.take(self.liked, user, axis=0) * (1 - own)  # (B, I)
        pooled = ops.matmul(liked, items) / ops.maximum(ops.sum(liked, axis=1, keepdims=True), 1.0)  # (B, d)
        return self.users(user) + pooled  # (B, d)

    def rate(self, p: Any, q: Any) -> Any:
        """R (B, 1) of pairs p, q (B, d); p is None without users."""
        concat = q if p is None else ops.concatenate([p, q, p * q], axis=-1)  # (B, d) or (B, 3d)
        return self.scorer(self.fusion(concat))  # (B, 1)

    def call(self, inputs: dict[str, Any]) -> Any:
        """user (B,), item (B,), and text (B, V) where it is the rating's own -> R (B, 1)."""
        items = self.project()  # (I, d)
        own = ops.one_hot(inputs["item"], self.items)  # (B, I)
        q = ops.matmul(own, items)  # (B, d)
        if self.review is not None:
            q = q + self.review(inputs["text"])  # (B, d)
        p = None if self.liked is None else self.taste(inputs["user"], items, own)  # (B, d)
        return self.rate(p, q)

    def everything(self, users: int) -> np.ndarray:
        """(U, I) float32: R of all pairs, whose reviews do not exist yet."""
        items = self.project()  # (I, d)
        if self.liked is None:
            return np.repeat(ops.convert_to_numpy(self.rate(None, items)).T, users, axis=0)
        parts = []
        for start in range(0, users, USERS_AT_ONCE):
            user = np.arange(start, min(start + USERS_AT_ONCE, users))
            p = self.taste(user, items, ops.zeros((len(user), self.items)))  # (B, d)
            pair = ops.repeat(p, self.items, axis=0), ops.tile(items, (len(user), 1))  # each (B * I, d)
            parts.append(ops.convert_to_numpy(self.rate(*pair)).reshape(len(user), self.items))
        return np.concatenate(parts)
