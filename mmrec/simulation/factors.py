"""What a scenario's items are made of: factors, where each can be perceived, and the words for them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Words = Mapping[str, tuple[str, ...]]
"""Language ("en", "zh") -> words or phrases of equal meaning."""


@dataclass(frozen=True)
class Factor:
    """A latent property of items that people have a taste for.

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


def seven_factors(kinds: Iterable[str], settings: Iterable[str]) -> tuple[Factor, ...]:
    """Factors of items that have a text, a picture and a sound: each seen in two of them, in one, or in none.

    Args:
        kinds: classes of the role "genre", which text and picture show.
        settings: classes of the role "setting", which the text alone tells.
    """
    return (
        Factor("genre", ("text", "image"), 0.34, tuple(kinds), drift=0.25),
        Factor("mood", ("text", "audio"), 0.17, drift=0.25),
        Factor("energy", ("audio",), 0.13),
        Factor("setting", ("text",), 0.11, tuple(settings)),
        Factor("style", ("image",), 0.09, ("stripes", "frame", "dots", "diagonal")),
        Factor("spirit", (), 0.08, width=2),
        Factor("craft", (), 0.08),
    )


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

    def factor(self, name: str) -> Factor:
        """The factor of that name."""
        return next(factor for factor in self.factors if factor.name == name)
