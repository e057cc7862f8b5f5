"""Descriptions and titles, in Chinese and English; reviews are made in ``reviews``."""

import numpy as np

from mmrec.simulation.factors import Scenario
from mmrec.simulation.truth import ItemFactors

LANGUAGES = ("en", "zh", "mixed")


def mood_level(value: float) -> str:
    """The word class of a mood in [-1, 1]."""
    return "low" if value < -1 / 3 else "high" if value > 1 / 3 else "middle"


def describe(scenario: Scenario, factors: ItemFactors, item: int, language: str, rng: np.random.Generator) -> str:
    """A description that shows genre, mood and setting; mixed ones say half in each language."""
    if language == "mixed":
        return " ".join(describe(scenario, factors, item, part, rng) for part in ("zh", "en"))
    words = {role: level_words(scenario, factors, role, item)[language] for role in ("genre", "setting", "mood")}
    genre = rng.choice(len(words["genre"]), 2, replace=False)
    opening = _pick(scenario.openings[language], rng).format(
        genre=words["genre"][genre[0]],
        genre2=words["genre"][genre[1]],
        mood=_pick(words["mood"], rng),
        setting=_pick(words["setting"], rng),
    )
    sentences = [opening[0].upper() + opening[1:], _pick(scenario.fillers[language], rng)]
    return ("" if language == "zh" else " ").join(sentences)


def title(scenario: Scenario, item: int, rng: np.random.Generator) -> str:
    """A title that tells nothing."""
    first, second = scenario.titles
    return f"{_pick(first, rng)} {_pick(second, rng)} {item + 1}"


def level_words(scenario: Scenario, factors: ItemFactors, role: str, item: int):
    """Language -> words for the item's level of a factor."""
    if role == "mood":
        return scenario.words[role][mood_level(float(factors.scales["mood"][item, 0]))]
    return scenario.words[role][scenario.factor(role).levels[factors.levels[role][item]]]


def _pick(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
