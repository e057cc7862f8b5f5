"""What each scenario's items are made of: factors, where each can be perceived, and the words for them."""

from collections.abc import Mapping
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
    """

    name: str
    factors: tuple[Factor, ...]
    words: Mapping[str, Mapping[str, Words]]
    openings: Words
    fillers: Words
    titles: tuple[tuple[str, ...], tuple[str, ...]]

    def factor(self, name: str) -> Factor:
        """The factor of that name."""
        return next(factor for factor in self.factors if factor.name == name)


_GENRES: Mapping[str, Words] = {
    "science fiction": {
        "en": ("science fiction", "space", "robot", "starship", "planet", "android", "galaxy"),
        "zh": ("科幻", "太空", "机器人", "飞船", "星球", "宇宙"),
    },
    "romance": {
        "en": ("romance", "love", "wedding", "kiss", "couple", "heartbreak", "lovers"),
        "zh": ("爱情", "浪漫", "婚礼", "恋人", "初恋", "情书"),
    },
    "horror": {
        "en": ("horror", "ghost", "haunted", "nightmare", "vampire", "curse", "scream"),
        "zh": ("恐怖", "鬼魂", "噩梦", "吸血鬼", "诅咒", "尖叫"),
    },
    "western": {
        "en": ("western", "cowboy", "sheriff", "duel", "outlaw", "saloon", "frontier"),
        "zh": ("西部", "牛仔", "警长", "决斗", "马匹", "逃犯"),
    },
    "crime": {
        "en": ("crime", "detective", "murder", "heist", "gangster", "witness", "alibi"),
        "zh": ("犯罪", "侦探", "谋杀", "劫案", "黑帮", "证人"),
    },
    "comedy": {
        "en": ("comedy", "joke", "prank", "clumsy", "misunderstanding", "laughter", "clown"),
        "zh": ("喜剧", "笑话", "恶作剧", "误会", "笑声", "小丑"),
    },
}
_SETTINGS: Mapping[str, Words] = {
    "city": {"en": ("in a big city", "among skyscrapers", "downtown"), "zh": ("大都市", "城市街头", "高楼之间")},
    "sea": {"en": ("by the sea", "on an island", "in a harbour town"), "zh": ("海边", "小岛上", "港口小镇")},
    "mountains": {
        "en": ("in the mountains", "in a snowy valley", "on a glacier"),
        "zh": ("群山之中", "雪谷里", "冰川上"),
    },
    "school": {"en": ("at a school", "on a campus", "in a classroom"), "zh": ("学校里", "校园中", "教室里")},
    "village": {
        "en": ("in a quiet village", "on a farm", "in the countryside"),
        "zh": ("安静的村庄", "农场上", "乡间"),
    },
}
_MOODS: Mapping[str, Words] = {
    "low": {"en": ("gloomy", "sad", "melancholic", "tragic"), "zh": ("忧伤", "悲凉", "阴郁", "沉重")},
    "middle": {"en": ("thoughtful", "calm", "balanced", "ordinary"), "zh": ("平静", "朴素", "平淡", "沉思")},
    "high": {"en": ("cheerful", "warm", "sunny", "joyful"), "zh": ("欢快", "温暖", "明亮", "喜悦")},
}

MOVIES = Scenario(
    name="movies",
    factors=(
        Factor("genre", ("text", "image"), 0.34, tuple(_GENRES), drift=0.25),
        Factor("mood", ("text", "audio"), 0.17, drift=0.25),
        Factor("energy", ("audio",), 0.13),
        Factor("setting", ("text",), 0.11, tuple(_SETTINGS)),
        Factor("style", ("image",), 0.09, ("stripes", "frame", "dots", "diagonal")),
        Factor("spirit", (), 0.08, width=2),
        Factor("craft", (), 0.08),
    ),
    words={"genre": _GENRES, "setting": _SETTINGS, "mood": _MOODS},
    openings={
        "en": (
            "A {mood} story of {genre} and {genre2}, set {setting}.",
            "Set {setting}, this {mood} film turns on {genre}, with {genre2} never far away.",
            "{genre}, {genre2}: a {mood} tale told {setting}.",
            "Two strangers meet {setting}; what follows is {mood}, full of {genre} and {genre2}.",
        ),
        "zh": (
            "一部{mood}的电影，讲述{setting}的{genre}与{genre2}。",
            "故事发生在{setting}，气氛{mood}，离不开{genre}和{genre2}。",
            "{genre}、{genre2}：{setting}的一段{mood}往事。",
        ),
    },
    fillers={
        "en": (
            "Nothing goes as planned.",
            "An old letter changes everything.",
            "Friends become rivals before the end.",
            "The second half takes its time.",
            "A long journey begins.",
            "Everyone has something to hide.",
        ),
        "zh": (
            "一切都出乎意料。",
            "一封旧信改变了所有人。",
            "朋友最终成了对手。",
            "漫长的旅程开始了。",
            "每个人都有秘密。",
        ),
    },
    titles=(
        ("Silver", "Last", "Hidden", "Seventh", "Broken", "Quiet", "Golden", "Distant", "Paper", "Burning", "Northern"),
        ("River", "Door", "Letter", "Garden", "Signal", "Winter", "Mirror", "Bridge", "Promise", "Island", "Lantern"),
    ),
)

SCENARIOS = {scenario.name: scenario for scenario in (MOVIES,)}
