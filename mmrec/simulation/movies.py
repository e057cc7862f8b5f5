"""Films: the scenario of the embedded catalogue."""

from collections.abc import Mapping

from mmrec.simulation.factors import Scenario, Words, seven_factors

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
    factors=seven_factors(_GENRES, _SETTINGS),
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
    opinions={
        "en": {
            "love": ("I loved it: {about}.", "Wonderful, {about}!", "One of the best, {about}."),
            "fine": ("Not bad, {about}.", "It was fine, {about}.", "Worth seeing once, {about}."),
            "hate": ("A disappointment, {about}.", "I stopped half way, {about}.", "Boring, {about}."),
        },
        "zh": {
            "love": ("太喜欢了，{about}。", "非常精彩，{about}！", "难得的好片，{about}。"),
            "fine": ("还可以，{about}。", "不算差，{about}。", "值得看一次，{about}。"),
            "hate": ("很失望，{about}。", "看了一半就放弃，{about}。", "无聊，{about}。"),
        },
    },
    about={
        "en": {"genre": "all that {word}", "mood": "so {word}", "setting": "life {word}"},
        "zh": {"genre": "满是{word}", "mood": "如此{word}", "setting": "{word}的生活"},
    },
    folders=("posters", "music"),
    prefix="m",
)
