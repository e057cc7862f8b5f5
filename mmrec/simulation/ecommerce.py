"""A shop: products with reviews, pictures and the sound of their advertisement (the case of section 4.3).

The shop has a truth of its own: what counts, how tastes move, which products are met, and how much users rate differ
from the films, and its random stream is another one.
"""

from collections.abc import Mapping

from mmrec.simulation.factors import Process, Scenario, Words, seven_factors

_KINDS: Mapping[str, Words] = {
    "headphones": {
        "en": ("headphones", "bass", "earcups", "bluetooth", "headset", "cable"),
        "zh": ("耳机", "低音", "耳罩", "蓝牙", "降噪", "音质"),
    },
    "lamps": {
        "en": ("lamp", "bulb", "lampshade", "dimmer", "light", "glow"),
        "zh": ("台灯", "灯泡", "灯罩", "调光", "照明", "光线"),
    },
    "bags": {
        "en": ("bag", "strap", "zip", "pockets", "backpack", "handle"),
        "zh": ("背包", "肩带", "拉链", "口袋", "手提包", "提手"),
    },
    "shoes": {
        "en": ("shoes", "soles", "laces", "sneakers", "heels", "insoles"),
        "zh": ("鞋子", "鞋底", "鞋带", "运动鞋", "鞋跟", "鞋垫"),
    },
    "clocks": {
        "en": ("clock", "alarm", "dial", "ticking", "hands", "timer"),
        "zh": ("时钟", "闹钟", "表盘", "滴答声", "指针", "定时器"),
    },
    "mugs": {
        "en": ("mug", "cup", "porcelain", "coffee", "teapot", "saucer"),
        "zh": ("马克杯", "杯子", "陶瓷", "咖啡", "茶壶", "杯垫"),
    },
}
_USES: Mapping[str, Words] = {
    "home": {"en": ("for the home", "for the living room", "for the bedroom"), "zh": ("家用", "客厅用", "卧室用")},
    "office": {"en": ("for the office", "for the desk", "for meetings"), "zh": ("办公用", "书桌用", "会议用")},
    "travel": {"en": ("for travel", "for long flights", "for the train"), "zh": ("旅行用", "长途飞行用", "火车上用")},
    "sport": {"en": ("for sport", "for the gym", "for running"), "zh": ("运动用", "健身房用", "跑步用")},
    "gifts": {"en": ("as a gift", "for a birthday", "for the holidays"), "zh": ("送礼用", "生日礼物用", "节日用")},
}
_LOOKS: Mapping[str, Words] = {
    "low": {"en": ("sober", "dark", "muted", "austere"), "zh": ("素净", "深色", "低调", "冷峻")},
    "middle": {"en": ("plain", "classic", "simple", "neutral"), "zh": ("简约", "经典", "朴实", "中性")},
    "high": {"en": ("cheerful", "bright", "playful", "colourful"), "zh": ("活泼", "明快", "俏皮", "缤纷")},
}

_SHARES = {"genre": 0.28, "mood": 0.16, "energy": 0.1, "setting": 0.18, "style": 0.12, "spirit": 0.06, "craft": 0.1}
"""The use of a product counts for more than the setting of a film, its kind for less than a film's genre."""
_DRIFT = {"genre": 0.4, "setting": 0.4}
"""Shoppers come to need other kinds of products for other uses; the look that they like stays."""

ECOMMERCE = Scenario(
    name="ecommerce",
    factors=seven_factors(_KINDS, _USES, _SHARES, _DRIFT),
    process=Process(types=8, type_share=0.8, quality_pull=0.5, tail=0.4, promoted=0.1, boost=1.2, activity=1.0),
    words={"genre": _KINDS, "setting": _USES, "mood": _LOOKS},
    openings={
        "en": (
            "A {mood} choice {setting}: {genre} and {genre2}.",
            "Made {setting}, {mood} in looks, with {genre} and {genre2} to match.",
            "{genre}, {genre2}: a {mood} design {setting}.",
        ),
        "zh": (
            "一款{mood}的商品，{setting}，包含{genre}与{genre2}。",
            "{genre}、{genre2}：{mood}的设计，{setting}。",
            "{setting}，外观{mood}，有{genre}和{genre2}。",
        ),
    },
    fillers={
        "en": (
            "Ships within two days.",
            "With a guarantee of two years.",
            "The box can be recycled.",
            "A small leaflet is enclosed.",
            "Free returns within a month.",
        ),
        "zh": (
            "两天内发货。",
            "保修两年。",
            "包装可以回收。",
            "附有说明书。",
            "一个月内免费退货。",
        ),
    },
    titles=(
        ("Nova", "Alto", "Terra", "Lumen", "Vela", "Orbit", "Cedar", "Pixel", "Marlow", "Tundra", "Quill"),
        ("One", "Plus", "Mini", "Classic", "Prime", "Air", "Duo", "Basic", "Select", "Max", "Lite"),
    ),
    opinions={
        "en": {
            "love": ("I love it: {about}.", "Would buy it again, {about}!", "Worth every cent, {about}."),
            "fine": ("It does its job, {about}.", "Fine for the price, {about}.", "As expected, {about}."),
            "hate": ("Sent it back, {about}.", "It broke within a week, {about}.", "Not worth the money, {about}."),
        },
        "zh": {
            "love": ("非常满意，{about}。", "会再次购买，{about}！", "物超所值，{about}。"),
            "fine": ("还过得去，{about}。", "对得起价格，{about}。", "符合预期，{about}。"),
            "hate": ("已经退货，{about}。", "一周就坏了，{about}。", "不值这个价，{about}。"),
        },
    },
    about={
        "en": {"genre": "{word} and all", "mood": "so {word}", "setting": "bought {word}"},
        "zh": {"genre": "{word}就是这样", "mood": "如此{word}", "setting": "买来{word}"},
    },
    folders=("pictures", "sounds"),
    prefix="p",
)
