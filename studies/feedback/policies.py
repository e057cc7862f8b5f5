"""Policies: they choose a list for every user, and learn from the answers.

References:
    Sutton and Barto (2018), Reinforcement learning, chapter 2 (greedy and epsilon-greedy).
    Li, Chu, Langford and Schapire (2010), A contextual-bandit approach to personalized news article recommendation, WWW.
    Agrawal and Goyal (2013), Thompson sampling for contextual bandits with linear payoffs, ICML.
"""  # noqa: E501

from abc import ABC, abstractmethod

import numpy as np

from mmrec.evaluation.metrics import top_k
from studies.feedback.audience import Audience
from studies.feedback.belief import LinearBelief


def best_unseen(scores: np.ndarray, unseen: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """The k best items of each row, best first, ties at random: (U, I), (U, I) bool -> (U, k)."""
    keys = scores + 1e-9 * rng.random(scores.shape)  # (U, I), hardly two of them equal
    return top_k(keys, unseen, k, np.random.default_rng(0))


class Policy(ABC):
    """Chooses lists of items that users have not been shown, and learns from the answers."""

    @abstractmethod
    def choose(self, unseen: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
        """(U, k) items: a list for every user, from the items that ``unseen`` (U, I) allows."""

    @abstractmethod
    def learn(self, items: np.ndarray, likes: np.ndarray) -> None:
        """Learn from the answers of all users: (U, k) items and (U, k) bool."""


class Unlearning(Policy):
    """A policy that learns nothing from answers."""

    def learn(self, items: np.ndarray, likes: np.ndarray) -> None:
        """Nothing."""


class Chance(Unlearning):
    """Any unseen item."""

    def choose(self, unseen: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
        """(U, k) at random."""
        return best_unseen(np.zeros(unseen.shape), unseen, k, rng)


class Popular(Policy):
    """The items with the largest share of likes so far, the same for all users; an unshown item counts as one half."""

    def __init__(self, items: int) -> None:
        self.shown, self.liked = np.full(items, 2.0), np.ones(items)  # (I,)

    def choose(self, unseen: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
        """(U, k) by share of likes."""
        return best_unseen(np.broadcast_to(self.liked / self.shown, unseen.shape), unseen, k, rng)

    def learn(self, items: np.ndarray, likes: np.ndarray) -> None:
        """Count."""
        np.add.at(self.shown, items, 1)
        np.add.at(self.liked, items, likes)


class Oracle(Unlearning):
    """Knows each probability of a like: no policy is better in expectation, at any round."""

    def __init__(self, audience: Audience) -> None:
        self.chance = audience.chance

    def choose(self, unseen: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
        """(U, k) by probability of a like."""
        return best_unseen(self.chance, unseen, k, rng)


class Greedy(Policy):
    """The best expected answers by the belief so far. The policies below differ only in how they explore."""

    def __init__(self, belief: LinearBelief) -> None:
        self.belief = belief

    def choose(self, unseen: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
        """(U, k) by expectation."""
        return best_unseen(self.scores(rng), unseen, k, rng)

    def scores(self, rng: np.random.Generator) -> np.ndarray:
        """(U, I): what the list is ordered by."""
        return self.belief.expected()

    def learn(self, items: np.ndarray, likes: np.ndarray) -> None:
        """Update the belief."""
        self.belief.learn(items, likes)


class EpsilonGreedy(Greedy):
    """Greedy, but each place of a list goes to any unseen item with chance ``epsilon``."""

    def __init__(self, belief: LinearBelief, epsilon: float = 0.1) -> None:
        super().__init__(belief)
        self.epsilon = epsilon

    def choose(self, unseen: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
        """(U, k) by expectation, with places given away."""
        return give_away(super().choose(unseen, k, rng), unseen, self.epsilon, rng)


def give_away(items: np.ndarray, unseen: np.ndarray, epsilon: float, rng: np.random.Generator) -> np.ndarray:
    """Each place of the lists (U, k) given to an unseen item outside the list with chance ``epsilon``."""
    rest = unseen.copy()
    np.put_along_axis(rest, items, False, axis=1)
    others = best_unseen(np.zeros(rest.shape), rest, items.shape[1], rng)  # (U, k)
    possible = np.take_along_axis(rest, others, axis=1)  # few unseen items may be left
    return np.where((rng.random(items.shape) < epsilon) & possible, others, items)


class Thompson(Greedy):
    """Draws a taste for every user from the posterior, and is greedy by it; ``scale`` widens the posterior."""

    def __init__(self, belief: LinearBelief, scale: float = 1.0) -> None:
        super().__init__(belief)
        self.scale = scale

    def scores(self, rng: np.random.Generator) -> np.ndarray:
        """(U, I) by a drawn taste."""
        return self.belief.draw(rng, self.scale)


class LinUCB(Greedy):
    """Expectation plus ``alpha`` deviations: what could still be good is tried."""

    def __init__(self, belief: LinearBelief, alpha: float = 1.0) -> None:
        super().__init__(belief)
        self.alpha = alpha

    def scores(self, rng: np.random.Generator) -> np.ndarray:
        """(U, I): the upper end of what is believed."""
        return self.belief.expected() + self.alpha * self.belief.deviations()
