"""Ensembles: reciprocal rank fusion, and stacking with weights chosen on held-out likes.

References:
    Cormack, Clarke and Buettcher (2009), Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods, SIGIR.
    Wolpert (1992), Stacked generalization, Neural Networks 5.
    Caruana, Niculescu-Mizil, Crew and Ksikes (2004), Ensemble selection from libraries of models, ICML.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import rankdata

from mmrec.data.catalogue import Interactions
from mmrec.data.split import by_time
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models import REGISTRY, make_model, model_class
from mmrec.models.abilities import FoldsInUsers
from mmrec.models.base import Recommender
from mmrec.models.settings import seed_of, setting

MEMBERS = (
    "ease-features",
    "graph-filter-features",
    "ease",
    "graph-filter",
    "item-knn",
    "mf",
    "two-towers",
    "graph-network",
)
"""Members unless others are asked for: different in kind, and each fitted in seconds."""
_RANK_OFFSET = 60  # as in Cormack et al.
_TOP = 10  # places that count about alike
_USERS = 1000  # whose held-out likes the weights are learned from, at most
_LIKES = 256  # ranked at once
_ROUNDS = 12


class RankFusion(Recommender, FoldsInUsers):
    """Reciprocal rank fusion: sum over the members of 1 / (60 + rank of the item in the member's list)."""

    name = "rank-fusion"

    members: tuple[str, ...] = setting(
        MEMBERS, "names of models; those that the data do not allow are left out", choices=tuple(REGISTRY)[:-2]
    )
    member_settings: dict[str, dict[str, Any]] = setting({}, "name -> settings that differ from the member's defaults")
    seed: int = seed_of("the members' chance")

    def _prepare(self) -> None:
        super()._prepare()
        self._adopted: Mapping[str, Recommender] = {}
        for name, given in self.member_settings.items():
            if not isinstance(given, dict):
                raise InputError(f"{self.name}: member_settings of {name}: give an object, setting -> value")
            make_model(name, **given)

    def adopt(self, fitted: Mapping[str, Recommender]) -> Self:
        """Take members as they are where the same were fitted before, with the same settings on the same rows.

        Args:
            fitted: name -> model; one with other settings than the member's is left alone.
        """
        self._adopted = fitted
        return self

    def _fit(self, train: Interactions, features: Features | None) -> None:
        self.models = self._fitted(train, features, self._adopted)

    def _fitted(
        self, train: Interactions, features: Features | None, adopted: Mapping[str, Recommender]
    ) -> dict[str, Recommender]:
        """The members that the data allow, fitted, or adopted where they are.

        Raises:
            InputError: there is none.
        """
        names = [name for name in self.members if not model_class(name).lacks(train, features)]
        if not names:
            raise InputError(f"{self.name}: the data allow none of {', '.join(self.members)}")
        made = {name: self._make(name) for name in names}
        return {
            name: adopted[name]
            if name in adopted and adopted[name].settings == model.settings
            else model.fit(train, features)
            for name, model in made.items()
        }

    def _make(self, name: str) -> Recommender:
        settings = dict(self.member_settings.get(name, {}))
        if "seed" in model_class(name).declared:
            settings.setdefault("seed", self.seed)
        return make_model(name, **settings)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32: fused ranks; equal scores share their mean rank."""
        return self._fuse({name: member.scores(users) for name, member in self.models.items()})

    def fold_in(self, liked: csr_matrix) -> np.ndarray:
        """(B, I) float32: scores for users who were not in training, from what they like, (B, I) sparse.

        Raises:
            InputError: no member can take in new users; those that cannot are not used.
        """
        able = {name: member.fold_in(liked) for name, member in self.models.items() if isinstance(member, FoldsInUsers)}
        if not able:
            raise InputError(f"{self.name}: none of {', '.join(self.models)} can take in new users")
        return self._fuse(able)

    def _fuse(self, scores: dict[str, np.ndarray]) -> np.ndarray:
        """Member -> its scores (B, I) -> (B, I) float32."""
        return np.asarray(sum(1 / (_RANK_OFFSET + rankdata(-own, axis=1)) for own in scores.values()), np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """What each member learned, under its name."""
        return {f"{name}:{key}": value for name, member in self.models.items() for key, value in member.state().items()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Make the members again and give each what it learned."""
        parts: dict[str, dict[str, np.ndarray]] = {}
        for key, value in state.items():
            name, colon, rest = key.partition(":")
            if colon:
                parts.setdefault(name, {})[rest] = value
        self.models = {name: self._make(name) for name in self.members if name in parts}
        for name, member in self.models.items():
            member.restore(parts[name])


class Stacked(RankFusion):
    r"""$r_{ui} = -\sum_m w_m \log(10 + \text{rank}_m(u, i))$, with weights that earn most on held-out likes.

    A share of each user's training rows, the latest (drawn ones where there is no time), is held out and the members
    are fitted on the rest. Starting from the best member, one is added again and again, the same one more than once if
    need be, as long as the held-back likes rise; w counts how often. Then the chosen members are fitted on the whole.
    """

    name = "stacked"

    held_back: float = setting(0.1, "share of each user's rows that weights are learned from", above=0, below=1)
    seed: int = seed_of("the members' chance, and of what is held back")

    def _fit(self, train: Interactions, features: Features | None) -> None:
        rng = np.random.default_rng(self.seed)
        split = by_time(train, validation=0.0, test=self.held_back, seed=self.seed)
        held = split.test["warm"].likes(train.is_implicit())
        if not len(split.train) or not len(held):
            raise InputError("stacked: no like can be held out to learn weights from: there are too few ratings")
        first = self._fitted(split.train, features, {})
        counts = dict(zip(first, choose_weights(list(first.values()), split.train, held, rng), strict=True))
        self.members = tuple(name for name, count in counts.items() if count)
        self.weights = np.array([counts[name] for name in self.members])
        self.models = self._fitted(train, features, self._adopted)

    def _fuse(self, scores: dict[str, np.ndarray]) -> np.ndarray:
        """Member -> its scores (B, I) -> (B, I) float32."""
        weights = dict(zip(self.models, self.weights, strict=True))
        return np.asarray(sum(weights[name] * log_rank(own) for name, own in scores.items()), np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """What each member learned, and the weights."""
        return {**super().state(), "weights": self.weights}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Members and weights."""
        super().restore(state)
        self.weights = state["weights"]


def log_rank(scores: np.ndarray) -> np.ndarray:
    """(B, I): -log(10 + rank), so that a place matters less the further down it is; equal scores share a rank."""
    return -np.log(_TOP + rankdata(-scores, axis=1))


def choose_weights(
    members: Sequence[Recommender], train: Interactions, held: Interactions, rng: np.random.Generator
) -> np.ndarray:
    """How often each member is picked: greedy selection with replacement on held-out likes (Caruana et al. 2004).

    Args:
        members: fitted on ``train``.
        train: what they were fitted on.
        held: likes that they did not see.
        rng: draws the users where there are more than 1,000.

    Returns:
        (m,) counts, at least one of them above 0.
    """
    users = np.unique(held.user)
    users = np.sort(rng.permutation(users)[:_USERS])
    likes, seen = held.matrix()[users], train.matrix()[users]
    likes = (likes - likes.multiply(seen)).tocsr()
    tables = [log_rank(member.scores(users)) for member in members]  # each (P, I)
    counts, sum_of_chosen, best = np.zeros(len(members), int), np.zeros(likes.shape), -1.0
    while counts.sum() < _ROUNDS:
        gains = [discounted_gain(sum_of_chosen + table, likes, seen) for table in tables]
        if max(gains) <= best:
            break
        best, chosen = max(gains), int(np.argmax(gains))
        counts[chosen] += 1
        sum_of_chosen += tables[chosen]
    return counts


def discounted_gain(scores: np.ndarray, likes: csr_matrix, seen: csr_matrix) -> float:
    """Mean over the users with a like of 1 / log2(1 + rank) over each one's likes.

    Ranks are among unseen items; equal scores share their mean rank.

    Args:
        scores: (P, I).
        likes: (P, I) sparse, held-out likes.
        seen: (P, I) sparse.
    """
    hidden = np.array(scores)
    hidden[seen.nonzero()] = -np.inf
    users, items = likes.nonzero()
    rank = np.ones(len(users))  # (n,)
    for at in range(0, len(users), _LIKES):
        one, other = users[at : at + _LIKES], items[at : at + _LIKES]
        own = hidden[one, other][:, None]
        tied = (hidden[one] == own).sum(axis=1) - 1  # else a member that scores few items would seem to rank the rest
        rank[at : at + _LIKES] += (hidden[one] > own).sum(axis=1) + tied / 2
    count = np.bincount(users, minlength=len(scores))  # (P,)
    gain = np.bincount(users, 1 / np.log2(1 + rank), minlength=len(scores))
    return float((gain[count > 0] / count[count > 0]).mean())
