"""What product pictures show: a palette and a motif for each kind of product; ``posters`` draws with them."""

from collections.abc import Callable

Colour = tuple[int, int, int]

PALETTES: dict[str, tuple[Colour, Colour, Colour]] = {  # background, motif, detail
    "headphones": ((40, 44, 60), (90, 200, 190), (235, 240, 245)),
    "lamps": ((250, 236, 190), (245, 170, 50), (130, 80, 30)),
    "bags": ((205, 225, 200), (150, 80, 45), (60, 35, 20)),
    "shoes": ((225, 230, 240), (205, 45, 60), (30, 30, 40)),
    "clocks": ((150, 175, 215), (250, 250, 245), (40, 50, 90)),
    "mugs": ((240, 200, 205), (90, 60, 140), (250, 245, 250)),
}


def _headphones(draw, x, y, r, motif, detail, rng):
    draw.arc((x - r, y - r, x + r, y + r), 180, 360, fill=motif, width=6)
    for side in (-1, 1):
        edge = x + side * r
        draw.ellipse((edge - r // 3, y - r // 4, edge + r // 3, y + r * 3 // 4), fill=motif)
        draw.ellipse((edge - r // 6, y, edge + r // 6, y + r // 2), fill=detail)


def _lamp(draw, x, y, r, motif, detail, rng):
    draw.polygon((x - r // 2, y - r, x + r // 2, y - r, x + r, y, x - r, y), fill=motif)
    draw.rectangle((x - 3, y, x + 3, y + r * 4 // 3), fill=detail)
    draw.rectangle((x - r // 2, y + r * 4 // 3, x + r // 2, y + r * 3 // 2), fill=detail)


def _bag(draw, x, y, r, motif, detail, rng):
    draw.arc((x - r // 2, y - r * 5 // 4, x + r // 2, y + r // 4), 180, 360, fill=detail, width=5)
    draw.rectangle((x - r, y - r // 2, x + r, y + r * 6 // 5), fill=motif)
    draw.rectangle((x - r * 2 // 3, y + r // 4, x + r * 2 // 3, y + r), outline=detail, width=3)


def _shoe(draw, x, y, r, motif, detail, rng):
    upper = (x - r, y - r // 2, x - r // 3, y - r // 2, x + r // 3, y + r // 4, x + r * 6 // 5, y + r // 2)
    draw.polygon((*upper, x + r * 6 // 5, y + r * 3 // 4, x - r, y + r * 3 // 4), fill=motif)
    draw.rectangle((x - r, y + r * 3 // 4, x + r * 6 // 5, y + r), fill=detail)
    for lace in range(3):
        left = x - r // 4 + lace * r // 5
        draw.line((left, y - r // 3 + lace * r // 5, left + r // 3, y - r // 2 + lace * r // 5), fill=detail, width=3)


def _clock(draw, x, y, r, motif, detail, rng):
    draw.ellipse((x - r, y - r, x + r, y + r), fill=motif, outline=detail, width=5)
    draw.line((x, y, x, y - r * 2 // 3), fill=detail, width=4)
    draw.line((x, y, x + int(rng.integers(r // 4, r // 2)), y + int(rng.integers(0, r // 3))), fill=detail, width=4)


def _mug(draw, x, y, r, motif, detail, rng):
    draw.ellipse((x + r // 3, y - r // 3, x + r * 4 // 3, y + r * 2 // 3), outline=motif, width=6)
    draw.rectangle((x - r, y - r * 2 // 3, x + r * 3 // 4, y + r), fill=motif)
    draw.rectangle((x - r, y - r // 4, x + r * 3 // 4, y), fill=detail)


MOTIFS: dict[str, Callable[..., None]] = {
    "headphones": _headphones,
    "lamps": _lamp,
    "bags": _bag,
    "shoes": _shoe,
    "clocks": _clock,
    "mugs": _mug,
}
