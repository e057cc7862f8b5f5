"""Drawn posters and product pictures: palette and motif tell the kind, the pattern the style. Flat colours, no fonts.

PNG files are written with stored (uncompressed) blocks, so that their bytes do not depend on the build
of a compression library.
"""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from mmrec.simulation import products
from mmrec.simulation.products import Colour

WIDTH, HEIGHT = 120, 180

_PALETTES: dict[str, tuple[Colour, Colour, Colour]] = {  # background, motif, detail
    "science fiction": ((16, 24, 72), (120, 190, 230), (240, 240, 255)),
    "romance": ((246, 190, 205), (214, 40, 80), (255, 240, 245)),
    "horror": ((26, 12, 34), (210, 215, 190), (120, 10, 20)),
    "western": ((232, 150, 60), (120, 60, 20), (255, 220, 120)),
    "crime": ((92, 98, 108), (24, 26, 30), (250, 215, 70)),
    "comedy": ((90, 205, 225), (250, 215, 40), (230, 70, 50)),
    **products.PALETTES,
}


def draw_poster(genre: str, style: str, rng: np.random.Generator) -> Image.Image:
    """An RGB poster of 120 x 180 pixels; colours, places and sizes vary with ``rng``."""
    back, motif, detail = (_jitter(colour, rng) for colour in _PALETTES[genre])
    image = Image.new("RGB", (WIDTH, HEIGHT), back)
    draw = ImageDraw.Draw(image)
    _pattern(draw, style, _towards(back, detail, 30), rng)
    x, y = WIDTH // 2 + int(rng.integers(-12, 13)), 80 + int(rng.integers(-12, 13))
    _MOTIFS[genre](draw, x, y, int(rng.integers(26, 37)), motif, detail, rng)
    _lettering(draw, detail, rng)
    if style == "frame":
        draw.rectangle((0, 0, WIDTH - 1, HEIGHT - 1), outline=detail, width=8)
    return image


def _jitter(colour: Colour, rng: np.random.Generator) -> Colour:
    red, green, blue = (int(np.clip(part + rng.integers(-22, 23), 0, 255)) for part in colour)
    return red, green, blue


def _towards(first: Colour, second: Colour, percent: int) -> Colour:
    red, green, blue = (a + (b - a) * percent // 100 for a, b in zip(first, second, strict=True))
    return red, green, blue


def _pattern(draw: ImageDraw.ImageDraw, style: str, colour: Colour, rng: np.random.Generator) -> None:
    step = int(rng.integers(14, 22))
    shift = int(rng.integers(0, step))
    if style == "stripes":
        for y in range(-shift, HEIGHT, step):
            draw.rectangle((0, y, WIDTH, y + step // 2), fill=colour)
    elif style == "dots":
        for y in range(-shift, HEIGHT, step):
            for x in range(-shift, WIDTH, step):
                draw.ellipse((x, y, x + step // 2, y + step // 2), fill=colour)
    elif style == "diagonal":
        for x in range(-HEIGHT - shift, WIDTH, step):
            draw.line((x, HEIGHT, x + HEIGHT, 0), fill=colour, width=step // 3)


def _lettering(draw: ImageDraw.ImageDraw, colour: Colour, rng: np.random.Generator) -> None:
    for line in range(2):
        x = 16
        y = 148 + 11 * line
        for _ in range(int(rng.integers(4, 7))):
            length = int(rng.integers(6, 18))
            if x + length > WIDTH - 16:
                break
            draw.rectangle((x, y, x + length, y + 5), fill=colour)
            x += length + 4


def _space(draw, x, y, r, motif, detail, rng):
    for _ in range(25):
        sx, sy = int(rng.integers(4, WIDTH - 4)), int(rng.integers(4, 140))
        draw.rectangle((sx, sy, sx + 1, sy + 1), fill=detail)
    draw.ellipse((x - r, y - r, x + r, y + r), fill=motif)
    draw.ellipse((x - r * 8 // 5, y - r // 3, x + r * 8 // 5, y + r // 3), outline=detail, width=3)


def _heart(draw, x, y, r, motif, detail, rng):
    draw.ellipse((x - r, y - r * 2 // 3, x, y + r // 3), fill=motif)
    draw.ellipse((x, y - r * 2 // 3, x + r, y + r // 3), fill=motif)
    draw.polygon((x - r * 19 // 20, y, x + r * 19 // 20, y, x, y + r * 6 // 5), fill=motif)
    draw.ellipse((x - r * 2 // 3, y - r // 2, x - r // 3, y - r // 5), fill=detail)


def _haunted(draw, x, y, r, motif, detail, rng):
    draw.ellipse((x, y - r * 3 // 2, x + r, y - r // 2), fill=motif)
    black = (0, 0, 0)
    draw.rectangle((x - r, y, x + r // 2, y + r * 3 // 2), fill=black)
    draw.polygon((x - r * 6 // 5, y, x + r * 7 // 10, y, x - r // 4, y - r), fill=black)
    for wx in (x - r * 3 // 4, x):
        draw.rectangle((wx, y + r // 2, wx + r // 4, y + r), fill=detail)


def _desert(draw, x, y, r, motif, detail, rng):
    draw.ellipse((x - r, y - r, x + r, y + r), fill=detail)
    draw.rectangle((0, y + r // 2, WIDTH, 142), fill=motif)
    green = (60, 120, 50)
    draw.rectangle((x - 5, y - r // 2, x + 5, y + r * 3 // 2), fill=green)
    for side in (-1, 1):
        draw.rectangle((min(x, x + side * r // 2), y + 6, max(x, x + side * r // 2), y + 14), fill=green)
        edge = x + side * r // 2
        draw.rectangle((edge - 4, y - r // 3, edge + 4, y + 14), fill=green)


def _skyline(draw, x, y, r, motif, detail, rng):
    left = 0
    while left < WIDTH:
        width, top = int(rng.integers(14, 26)), y + int(rng.integers(-r, r // 2))
        draw.rectangle((left, top, left + width, 142), fill=motif)
        for wy in range(top + 5, 136, 10):
            for wx in range(left + 4, left + width - 4, 7):
                if rng.integers(3):
                    draw.rectangle((wx, wy, wx + 2, wy + 4), fill=detail)
        left += width + 2


def _smile(draw, x, y, r, motif, detail, rng):
    draw.ellipse((x - r, y - r, x + r, y + r), fill=motif)
    for eye in (x - r * 2 // 5, x + r * 2 // 5):
        draw.ellipse((eye - 4, y - r // 3 - 4, eye + 4, y - r // 3 + 4), fill=(20, 20, 20))
    draw.chord((x - r * 3 // 5, y - r // 4, x + r * 3 // 5, y + r * 2 // 3), 0, 180, fill=detail)


_MOTIFS: dict[str, Callable[..., None]] = {
    "science fiction": _space,
    "romance": _heart,
    "horror": _haunted,
    "western": _desert,
    "crime": _skyline,
    "comedy": _smile,
    **products.MOTIFS,
}


def encode_png(image: Image.Image) -> bytes:
    """An 8-bit palette PNG (at most 256 colours) in stored deflate blocks.

    Raises:
        ValueError: the image has more than 256 colours.
    """
    pixels = np.asarray(image.convert("RGB"))
    packed = pixels.astype(np.uint32) @ np.array([65_536, 256, 1], np.uint32)  # (H, W), a number a colour
    colours, index = np.unique(packed, return_inverse=True)
    if len(colours) > 256:
        raise ValueError(f"{len(colours)} colours do not fit a palette of 256")
    height, width = pixels.shape[:2]
    lines = np.zeros((height, width + 1), np.uint8)  # each line begins with filter type 0
    lines[:, 1:] = index.reshape(height, width)
    raw = lines.tobytes()
    parts = [b"\x78\x01"]
    for at in range(0, len(raw), 65_535):
        block = raw[at : at + 65_535]
        parts.append(struct.pack("<BHH", at + 65_535 >= len(raw), len(block), 65_535 ^ len(block)) + block)
    parts.append(struct.pack(">I", zlib.adler32(raw)))
    palette = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.uint8).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", b"".join(parts)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def encode_jpeg(image: Image.Image) -> bytes:
    """A JPEG of quality 88."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=88)
    return stream.getvalue()
