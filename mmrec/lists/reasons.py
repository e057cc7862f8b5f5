"""Why an item is in a list, in words, and how far each reason can be trusted.

There are three kinds of reasons (``basis``):

* ``contribution``: a share of the score itself. A model that is linear in the likes (EASE, item-kNN) is the sum of what
  each liked item adds; the content profile is besides the sum of what each word adds. That the parts sum up is
  checked for each list; where they do not, the reason is not given.
* ``loss``: how far the score of the item, read as a new one, falls when a modality is taken away from it.
* ``similarity``: the liked item whose features are nearest. It does not say what caused the score.

Explained in notebooks/08-lists.ipynb.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from sklearn.feature_extraction import FeatureHasher

from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.features.table import Features
from mmrec.lists.newcomers import likes_matrix
from mmrec.models.abilities import FoldsInUsers, ScoresNewItems
from mmrec.models.base import Recommender
from mmrec.models.preprocessing import Preprocessor
from mmrec.models.profile import ContentProfile
from mmrec.text import tokenise

_CALLED = {"text": "text", "image": "picture", "audio": "sound"}
_MOST = 3  # reasons of one kind


@dataclass(frozen=True)
class Reason:
    """One reason.

    Attributes:
        basis: "contribution" (value: share of the score), "loss" (value: by how much the score falls) or "similarity"
            (value: cosine).
        kind: "liked item", "word" or "modality".
        name: title, word or modality.
        value: see ``basis``.
    """

    basis: str
    kind: str
    name: str
    value: float

    def as_json(self) -> dict[str, Any]:
        """Its fields, the value rounded to six digits."""
        return {**asdict(self), "value": round(self.value, 6)}


class Explainer:
    """Reasons for items that a model lists.

    Args:
        model: fitted.
        catalogue: whose titles and texts name the reasons.
        features: those that the model was fitted with; None where there are none, and then nothing is said of content.
        train: rows that the model was fitted on, for the scales of similarity.
    """

    def __init__(
        self, model: Recommender, catalogue: Catalogue, features: Features | None, train: Interactions
    ) -> None:
        self.model, self.features = model, features
        self.titles, self.texts = catalogue.titles(), [str(text) for text in catalogue.items["text"]]
        self.tables: dict[str, np.ndarray] = {}
        if features is not None and features.modalities:
            self.scales = Preprocessor.fit(features, train)
            tables = self.scales.tables(features)
            self.tables = {name: _unit(tables[name]) for name in features.modalities}  # (I, d) each

    def reasons(
        self, liked: np.ndarray, items: Sequence[int], *, user: int | None = None, described: Features | None = None
    ) -> list[list[Reason]]:
        """The reasons for each of some items, the most telling of each kind first.

        Args:
            liked: (n,) indices of the user's liked items.
            items: those to give reasons for.
            user: index; None for a new user.
            described: features of the text that a new user gave instead of likes.
        """
        shares = self._shares_of_liked(liked, items, user)
        return [
            [
                *self._liked(liked, shares[:, place]),
                *self._content(liked, int(item), user, described),
                *self._losses(int(item), user),
                *([] if shares.any() else self._similarity(liked, int(item))),
            ]
            for place, item in enumerate(items)
        ]

    def _shares_of_liked(self, liked: np.ndarray, items: Sequence[int], user: int | None) -> np.ndarray:
        """(n, k): what share of each item's score each liked item adds; zeros where the scores are no such sum."""
        nothing = np.zeros((len(liked), len(items)), np.float32)
        if not isinstance(self.model, FoldsInUsers) or not len(liked):
            return nothing
        alone = self.model.fold_in(likes_matrix([np.array([item]) for item in liked], len(self.titles)))  # (n, I)
        scores = self._scores(liked, user)  # (I,)
        total = alone.sum(axis=0)  # (I,)
        scale = float(total @ scores) / max(float(total @ total), 1e-12)  # a norm of the profile changes no share
        if not np.allclose(scale * total, scores, rtol=1e-3, atol=1e-4 * np.abs(scores).max()):
            return nothing
        positive = scores[items] > 0
        return np.where(positive, scale * alone[:, items] / np.where(positive, scores[items], 1), 0)

    def _scores(self, liked: np.ndarray, user: int | None) -> np.ndarray:
        """(I,): scores of the user."""
        if user is not None:
            return self.model.scores(np.array([user]))[0]
        assert isinstance(self.model, FoldsInUsers)
        return self.model.fold_in(likes_matrix([liked], len(self.titles)))[0]

    def _liked(self, liked: np.ndarray, shares: np.ndarray) -> list[Reason]:
        return [
            Reason("contribution", "liked item", self.titles[liked[at]], float(shares[at])) for at in _largest(shares)
        ]

    def _content(self, liked: np.ndarray, item: int, user: int | None, described: Features | None) -> list[Reason]:
        """Of the content profile: its modality, and of word counts each word's share of the cosine."""
        if not isinstance(self.model, ContentProfile):
            return []
        modality = self.model.modality
        if described is not None:
            profile = self.model.vectors(described)[0]  # (d,)
        elif user is not None:
            profile = self.model.profiles[user]
        else:
            profile = self.model.pooled(likes_matrix([liked], len(self.titles)))[0]
        parts = profile * self.model.items[item]  # (d,), the score is their sum
        score = float(parts.sum())
        if score <= 0:
            return []
        words = self._words(self.texts[item], parts / score) if modality == "text" else []
        return [
            Reason("contribution", "modality", modality, 1.0),
            *(Reason("contribution", "word", word, share) for word, share in words),
        ]

    def _losses(self, item: int, user: int | None) -> list[Reason]:
        """How far the score falls without each modality that the item has; the content profile has but one."""
        model = self.model
        if user is None or self.features is None or isinstance(model, ContentProfile):
            return []
        if not isinstance(model, ScoresNewItems):
            return []
        one, who = rows_of(self.features, [item]), np.array([user])
        whole = float(model.new_item_scores(who, one)[0, 0])
        has = [name for name in one.modalities if one.mask(name)[0]]
        falls = np.array(
            [
                whole - float(model.new_item_scores(who, one.only(*[other for other in has if other != name]))[0, 0])
                for name in has
            ]
        )
        return [Reason("loss", "modality", has[at], float(falls[at])) for at in _largest(falls)]

    def _similarity(self, liked: np.ndarray, item: int) -> list[Reason]:
        """The liked item that is nearest in all modalities together, and what the two share."""
        if not len(liked) or not self.tables:
            return []
        near = {name: table[liked] @ table[item] for name, table in self.tables.items()}  # (n,) each
        mean = np.mean(list(near.values()), axis=0)  # (n,)
        at = int(mean.argmax())
        found = [Reason("similarity", "liked item", self.titles[liked[at]], float(mean[at]))]
        found += [
            Reason("similarity", "modality", name, float(cosine[at]))
            for name, cosine in near.items()
            if self.tables[name][item].any() and self.tables[name][liked[at]].any()
        ]
        if "text" in self.tables:
            both = self.tables["text"][liked[at]] * self.tables["text"][item]  # (d,)
            found += [Reason("similarity", "word", word, part) for word, part in self._words(self.texts[item], both)]
        return found

    def _words(self, text: str, parts: np.ndarray) -> list[tuple[str, float]]:
        """The words of a text with the largest parts; none where features are not counts of words."""
        features = self.features
        if features is None or features.info.get("text", {}).get("encoder") != "bow":
            return []
        size = features.blocks["text"].shape[1]
        scaled = not isinstance(self.model, ContentProfile) or self.model.preprocessor is not None
        columns = self.scales.words if scaled and self.scales.words is not None else np.arange(size)
        return words_in(text, parts, columns, size)


def words_in(text: str, parts: np.ndarray, columns: np.ndarray, size: int) -> list[tuple[str, float]]:
    """The words of a text whose columns have the largest parts; words that share a column are named together.

    Args:
        text: in Chinese, English or both.
        parts: (d,) one number a column.
        columns: (d,) which column of the vocabulary each is.
        size: of the vocabulary.
    """
    tokens = sorted(set(tokenise(text)))
    if not tokens:
        return []
    place = {column: at for at, column in enumerate(columns.tolist())}
    named: dict[int, list[str]] = {}
    # the hash of count_words; its tokeniser could cut a Chinese word that stands alone once more
    hashed = FeatureHasher(size, input_type="string").transform([[token] for token in tokens])
    for token, column in zip(tokens, hashed.indices.tolist(), strict=True):
        if column in place:
            named.setdefault(place[column], []).append(token)
    at = np.array(list(named), np.int64)
    return [("/".join(named[at[one]]), float(parts[at[one]])) for one in _largest(parts[at])]


def rows_of(features: Features, items: Sequence[int]) -> Features:
    """The features of some items alone."""
    at = np.asarray(items, np.int64)
    return replace(
        features,
        item_ids=tuple(features.item_ids[item] for item in at),
        blocks={name: block[at] for name, block in features.blocks.items()},
        present=features.present[at],
        reviews=None,
    )


def in_words(reasons: Sequence[Reason]) -> str:
    """Reasons as a sentence or two; a reason by similarity is marked as such."""

    def told(basis: str, kind: str, form: str) -> str:
        found = [one for one in reasons if (one.basis, one.kind) == (basis, kind)]
        named = [form.format(name=_CALLED.get(one.name, one.name), value=one.value) for one in found]
        return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)

    sentences = []
    if liked := told("contribution", "liked item", "“{name}” ({value:.0%} of the score)"):
        sentences.append(f"You liked {liked}.")
    if modality := told("contribution", "modality", "{name}"):
        words = told("contribution", "word", "{name} ({value:.0%})")
        sentences.append(f"All of the score comes from its {modality}{f': {words}' if words else ''}.")
    if falls := told("loss", "modality", "{value:.3f} without its {name}"):
        sentences.append(f"The score would fall by {falls}.")
    if near := told("similarity", "liked item", "“{name}”"):
        how = told("similarity", "modality", "{name} {value:.2f}")
        words = told("similarity", "word", "{name}")
        shared = f"; words in common: {words}" if words else ""
        sentences.append(f"Most like {near}, which you liked ({how}{shared}): similarity, not the cause of the score.")
    return " ".join(sentences) or "The model gives no reason."


def _largest(values: np.ndarray) -> np.ndarray:
    """Places of the largest few positive values, largest first."""
    order = np.argsort(-values, kind="stable")[:_MOST]
    return order[values[order] > 0]


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)
