r"""A scorer trained on the answers as they come in: from scratch, from its last weights, or on new answers only.

The scorer is formula (5) of the document with a user in it, $R = \sigma(p_u \cdot W x_i + w \cdot x_i + b)$, on fused
item features x. The three ways differ in the answers they train on and in the weights they start from:

- ``"anew"``: from the first weights, on all answers;
- ``"warm"``: from the weights of the last round, on all answers;
- ``"new"``: from the weights of the last round, on the answers of this round.

References:
    Ash and Adams (2020), On warm-starting neural network training, NeurIPS.
    McCloskey and Cohen (1989), Catastrophic interference in connectionist networks.
"""

import keras
import numpy as np
from keras import ops

from mmrec.errors import InputError
from mmrec.seeding import set_seed
from studies.feedback.belief import LinearBelief
from studies.feedback.policies import Greedy, Policy, best_unseen, give_away

WAYS = ("anew", "warm", "new")


class AllAnswers(Greedy):
    """The greedy linear policy, solved from all answers after each round: the same beliefs, at a rising price."""

    def __init__(self, belief: LinearBelief) -> None:
        super().__init__(belief)
        self._answers: list[tuple[np.ndarray, np.ndarray]] = []

    def learn(self, items: np.ndarray, likes: np.ndarray) -> None:
        """Solve."""
        self._answers.append((items, likes))
        self.belief.refit(*(np.hstack(column) for column in zip(*self._answers, strict=True)))


class NeuralPolicy(Policy):
    """Shows what the scorer rates best, but for a small share of places that go to any item.

    Args:
        arms: (I, d), fused item features.
        users: U.
        way: one of ``WAYS``.
        embedding_size: length of p_u.
        epochs, batch_size, learning_rate: of the Adam optimiser; passes over the answers in each round.
        epsilon: share of places given away.
        seed: of first weights and of the order of the answers.
    """

    def __init__(
        self,
        arms: np.ndarray,
        users: int,
        way: str = "warm",
        embedding_size: int = 16,
        epochs: int = 2,
        batch_size: int = 4096,
        learning_rate: float = 0.03,
        epsilon: float = 0.05,
        seed: int = 0,
    ) -> None:
        if way not in WAYS:
            raise InputError(f"way {way!r}: choose from {', '.join(WAYS)}")
        set_seed(seed)
        self.arms, self.way, self.epsilon = arms.astype(np.float32), way, epsilon
        self.epochs, self.batch_size = epochs, batch_size
        self.network = _scorer(users, arms.shape[1], embedding_size)
        self.network.compile(keras.optimizers.Adam(learning_rate), "binary_crossentropy", jit_compile=False)
        self.network.optimizer.build(self.network.trainable_variables)
        self._first = [np.array(value) for value in self._variables()]
        self._rng = np.random.default_rng(seed)
        self._answers: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def _variables(self) -> list[keras.Variable]:
        return [*self.network.variables, *self.network.optimizer.variables]

    def scores(self) -> np.ndarray:
        """(U, I): the logit of R for every user and every item."""
        people, project, weights, bias = (np.asarray(value) for value in self.network.get_weights())
        logits = people @ (self.arms @ project).T + (self.arms @ weights)[:, 0]  # (U, I)
        return logits + bias

    def choose(self, unseen: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
        """(U, k) by score, with places given away."""
        return give_away(best_unseen(self.scores(), unseen, k, rng), unseen, self.epsilon, rng)

    def learn(self, items: np.ndarray, likes: np.ndarray) -> None:
        """Train, the policy's way."""
        people = np.repeat(np.arange(len(items), dtype=np.int32), items.shape[1])
        self._answers.append((people, items.ravel(), likes.ravel().astype(np.float32)))
        if self.way == "new":
            self._answers = self._answers[-1:]
        if self.way == "anew":
            for variable, value in zip(self._variables(), self._first, strict=True):
                variable.assign(value)
        user, item, like = (np.concatenate(column) for column in zip(*self._answers, strict=True))
        for _ in range(self.epochs):
            order = self._rng.permutation(len(user))
            for at in range(0, len(order), self.batch_size):
                rows = order[at : at + self.batch_size]
                self.network.train_on_batch([user[rows], self.arms[item[rows]]], like[rows, None])


def _scorer(users: int, size: int, embedding_size: int) -> keras.Model:
    """R of users (B,) and item features (B, d): (B, 1)."""
    user, x = keras.Input((), dtype="int32"), keras.Input((size,))  # (B,), (B, d)
    person = keras.layers.Embedding(users, embedding_size, embeddings_initializer="zeros")(user)  # (B, e)
    project = keras.layers.Dense(embedding_size, use_bias=False)
    meeting = keras.layers.Lambda(lambda pair: ops.sum(pair[0] * pair[1], axis=1, keepdims=True))
    logit = meeting([person, project(x)]) + keras.layers.Dense(1)(x)  # (B, 1)
    return keras.Model([user, x], ops.sigmoid(logit))
