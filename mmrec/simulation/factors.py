"""What a scenario's items are made of: factors, where each can be perceived, and the words for them."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

Words = Mapping[str, tuple[str, ...]]
"""Language ("en", "zh") -> words or phrases of equal meaning."""


@dataclass(frozen=True)
class Factor:
    """A latent property of items that users have a taste for.

    Attributes:
        name: what it is called in the data card.
        seen_in: modalities that show it; empty for a factor that only interactions betray.
        share: part of the variance of preference that it explains; the shares of a scenario sum to 1.
        levels: names of the classes, or empty for a scale from -1 to 1.
        width: number of independent dimensions of a scale.
        drift: how far a taste moves in two years: 0 stays, 1 is forgotten.
    """

    name: str
    seen_in: tuple[str, ...]
    share: float
    levels: tuple[str, ...] = ()
    width: int = 1
    drift: float = 0.0

    @property
    def columns(self) -> int:
        """Columns of the factor in the item matrix."""
        return len(self.levels) or self.width


_SHARES = {"genre": 0.34, "mood": 0.17, "energy": 0.13, "setting": 0.11, "style": 0.09, "spirit": 0.08, "craft": 0.08}
_DRIFT = {"genre": 0.25, "mood": 0.25}


def seven_factors(
    kinds: Iterable[str],
    settings: Iterable[str],
    shares: Mapping[str, float] = _SHARES,
    drift: Mapping[str, float] = _DRIFT,
) -> tuple[Factor, ...]:
    """Factors of items that have a text, a picture and a sound: each visible in two of them, in one, or in none.

    Args:
        kinds: classes of the role "genre", which text and picture show.
        settings: classes of the role "setting", which the text alone tells.
        shares: factor -> part of the variance of preference; the default is that of the films.
        drift: factor -> how far its tastes move; 0 for the factors that are not named.
    """
    return tuple(
        Factor(name, seen_in, shares[name], levels, width, drift.get(name, 0.0))
        for name, seen_in, levels, width in (
            ("genre", ("text", "image"), tuple(kinds), 1),
            ("mood", ("text", "audio"), (), 1),
            ("energy", ("audio",), (), 1),
            ("setting", ("text",), tuple(settings), 1),
            ("style", ("image",), ("stripes", "frame", "dots", "diagonal"), 1),
            ("spirit", (), (), 2),
            ("craft", (), (), 1),
        )
    )


@dataclass(frozen=True)
class Process:
    """How tastes, popularity and activity are drawn; the defaults are those of the films.

    Attributes:
        types: number of user types; users of one type have similar tastes.
        type_share: part of the variance of tastes between types; the remainder is personal.
        quality_pull: how much the hidden quality "craft" adds to the log popularity of an item.
        tail: scale of the Gumbel noise in the log popularity.
        promoted: share of the items that are promoted.
        boost: what promotion adds to the log popularity, whatever the item is like.
        activity: standard deviation of the log of the number of ratings per user.
    """

    types: int = 6
    type_share: float = 0.9
    quality_pull: float = 0.3
    tail: float = 0.5
    promoted: float = 0.0
    boost: float = 0.0
    activity: float = 0.7


@dataclass(frozen=True)
class Scenario:
    """A kind of catalogue.

    Attributes:
        name: as on the command line.
        factors: the latent properties. "genre", "mood", "energy", "setting" and "style" are the roles
            that media are drawn from; craft and hidden tastes are shown in nothing.
        words: role -> level -> words; the scale "mood" has the levels "low", "middle", "high".
        openings: sentence patterns a language, with {mood}, {genre}, {setting}, {detail}.
        fillers: sentences that mean nothing, a language.
        titles: first and second parts of titles.
        opinions: language -> "love", "fine", "hate" -> sentence patterns of reviews, with {about}.
        about: language -> role -> what a review is about, with {word}.
        folders: where pictures and sounds lie.
        prefix: of item ids.
        process: how tastes, popularity and activity are drawn.
    """

    name: str
    factors: tuple[Factor, ...]
    words: Mapping[str, Mapping[str, Words]]
    openings: Words
    fillers: Words
    titles: tuple[tuple[str, ...], tuple[str, ...]]
    opinions: Mapping[str, Words]
    about: Mapping[str, Mapping[str, str]]
    folders: tuple[str, str]
    prefix: str
    process: Process = Process()

    def stream(self, seed: int) -> np.random.SeedSequence:
        """The random stream of a seed. No two scenarios share one: a shop and films of seed 0 have nothing in common.

        The films have the plain stream of the seed; any other scenario adds the checksum of its name.
        """
        return np.random.SeedSequence(seed if self.name == "movies" else [seed, zlib.crc32(self.name.encode())])

    def factor(self, name: str) -> Factor:
        """The factor of that name."""
        return next(factor for factor in self.factors if factor.name == name)
