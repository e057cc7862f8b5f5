"""Reviews that users write with their ratings: noisy, so that a review says less than its stars.

A review is an opinion, and sometimes a remark on a detail and a sentence on something else. The opinion's tone follows
the stars of the rating with an error; the remark's tone is independent of them; both use the same words of praise and
complaint, plainly or negated. ``TONE_ERROR`` is the strength that decides: with it, a classifier that reads the
review of the very rating tells likes from other ratings with an AUC of .85 to .93 (``tests/test_simulation.py``).
It is a setting, not an estimate: how much a review tells in life has to be measured on real reviews
(``notebooks/10-sentiment.ipynb``). A tone has no other source than the stars, so that simulated reviews know nothing
that the ratings do not.
"""

import numpy as np

from mmrec.simulation.descriptions import level_words
from mmrec.simulation.factors import Scenario, Words
from mmrec.simulation.truth import ItemFactors

TONE_ERROR = 0.7
"""Standard deviation of the opinion's error, in stars."""
CONTRARY = 0.03
"""Share of reviews whose opinion contradicts the stars: a slip of the mouse, or irony."""
NEGATED = 0.3
"""Share of opinions that negate words of the other tone."""
REMARK = 0.4
"""Share of reviews with a remark on a detail, praise as often as complaint, whatever the stars."""
OFF_TOPIC = 0.3
"""Share of reviews with a sentence on something else."""

NEGATIONS: dict[str, Words] = {
    "en": {
        "love": (
            "I have nothing to complain about, {about}.",
            "Not a disappointment at all, {about}!",
            "I expected it to be bad and was wrong: {about}.",
        ),
        "fine": (
            "Not great, not bad, {about}.",
            "I neither loved nor hated it, {about}.",
            "Neither a disappointment nor wonderful, {about}.",
        ),
        "hate": (
            "Not wonderful at all, {about}.",
            "I wanted to love it and could not, {about}.",
            "I cannot say that it is good, {about}.",
        ),
    },
    "zh": {
        "love": ("没有什么可抱怨的，{about}。", "一点也不让人失望，{about}！", "以为会很差，其实不是，{about}。"),
        "fine": ("不好也不差，{about}。", "谈不上喜欢，也谈不上讨厌，{about}。", "不失望，也不惊喜，{about}。"),
        "hate": ("一点也不精彩，{about}。", "本来想喜欢，可是做不到，{about}。", "不能说好，{about}。"),
    },
}
"""Language -> tone -> opinions that say it by negating the other."""

REMARKS: dict[str, Words] = {
    "en": {
        "praise": ("{detail} is wonderful.", "I love {detail}.", "{detail} is good.", "{detail} is not bad at all."),
        "complaint": (
            "{detail} is a disappointment.",
            "I hate {detail}.",
            "{detail} is bad.",
            "{detail} is not good at all.",
        ),
    },
    "zh": {
        "praise": ("{detail}非常精彩。", "喜欢{detail}。", "{detail}很好。", "{detail}一点也不差。"),
        "complaint": ("{detail}让人失望。", "讨厌{detail}。", "{detail}很差。", "{detail}一点也不好。"),
    },
}
"""Language -> tone -> what is said about a detail."""

DETAILS: Words = {
    "en": ("the price", "the sound", "the picture on the front", "the name", "the length of the description"),
    "zh": ("价格", "声音", "封面", "名字", "介绍"),
}
"""Language -> details that every kind of item has."""

ASIDES: Words = {
    "en": (
        "I am writing this on the train.",
        "My sister asked me to write something.",
        "It has rained all week here.",
        "This is the first review that I write.",
        "My neighbours are wonderful, but that is another story.",
        "What a bad week this was.",
    ),
    "zh": (
        "我在火车上写这段话。",
        "是妹妹让我写的。",
        "这里下了一个星期的雨。",
        "第一次写评论。",
        "邻居们都很好，不过那是另一回事。",
        "这个星期过得很差。",
    ),
}
"""Language -> sentences on something else."""


def review(
    scenario: Scenario,
    factors: ItemFactors,
    item: int,
    stars: int,
    language: str,
    rng: np.random.Generator,
    tone_error: float = TONE_ERROR,
) -> str:
    """A review in ``language`` of an item that got 1 to 5 ``stars``; it names something that the item's text shows."""
    role = _pick(("genre", "genre", "mood", "setting"), rng)
    about = scenario.about[language][role].format(word=_pick(level_words(scenario, factors, role, item)[language], rng))
    opinions = (NEGATIONS if rng.random() < NEGATED else scenario.opinions)[language]
    sentences = [_pick(opinions[_tone(stars, tone_error, rng)], rng).format(about=about)]
    if rng.random() < REMARK:
        remark = _pick(REMARKS[language][_pick(("praise", "complaint"), rng)], rng)
        sentences.append(_sentence(remark.format(detail=_pick(DETAILS[language], rng))))
    if rng.random() < OFF_TOPIC:
        sentences.insert(int(rng.integers(len(sentences) + 1)), _pick(ASIDES[language], rng))
    return ("" if language == "zh" else " ").join(sentences)


def _tone(stars: int, error: float, rng: np.random.Generator) -> str:
    """The opinion's tone: that of the stars, read with an error, or the contrary."""
    felt = stars + error * rng.normal()
    if rng.random() < CONTRARY:
        felt = 6 - felt
    return "love" if felt >= 3.5 else "fine" if felt >= 2.5 else "hate"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _pick(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]
