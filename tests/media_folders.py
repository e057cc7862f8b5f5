"""Catalogue folders with real media, read by other means than the project's reader."""

import sqlite3
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import soundfile

from mmrec.data.catalogue import Catalogue, Interactions


def write_media(folder: Path, number: int) -> tuple[str, str]:
    """One picture and one sound, of random contents."""
    rng = np.random.default_rng(number)
    image, audio = f"media/{number}.png", f"media/{number}.wav"
    (folder / "media").mkdir(parents=True, exist_ok=True)
    picture = cv2.resize(rng.integers(0, 256, (6, 4, 3), np.uint8), (80, 120))
    assert cv2.imwrite(str(folder / image), picture)
    tone = np.sin(2 * np.pi * rng.uniform(100, 2000) * np.arange(16_000) / 16_000) * rng.uniform(0.1, 0.9)
    soundfile.write(folder / audio, tone.astype(np.float32), 16_000)
    return image, audio


def make_folder(folder: Path, items: int) -> Path:
    """A catalogue folder; the first item has no picture, the second no sound, the third no text."""
    rows = []
    for number in range(items):
        image, audio = write_media(folder, number)
        rows.append((f"i{number}", f"film {number} about word{number % 5} 电影", image, audio))
    table = pd.DataFrame(rows, columns=["item_id", "text", "image", "audio"])
    table.loc[0, "image"] = table.loc[1, "audio"] = table.loc[2, "text"] = ""
    table.to_csv(folder / "product_data.csv", index=False)
    ratings = pd.DataFrame(
        {
            "user_id": [f"u{n % 3}" for n in range(items)],
            "item_id": table["item_id"],
            "rating": [1 + n % 5 for n in range(items)],
            "timestamp": range(items),
            "text": ["good film" if n % 2 else "" for n in range(items)],
        }
    )
    ratings.to_csv(folder / "user_data.csv", index=False)
    return folder


def load_catalogue(folder: Path, reviews: bool = True) -> Catalogue:
    """The folder in memory, by other means than the project's reader."""
    items = pd.read_csv(folder / "product_data.csv", dtype=str, keep_default_na=False)
    ratings = pd.read_csv(folder / "user_data.csv", keep_default_na=False)
    users = tuple(dict.fromkeys(ratings["user_id"]))
    size = len(ratings)
    return Catalogue(
        folder,
        items,
        users,
        Interactions(
            np.array([users.index(user) for user in ratings["user_id"]]),
            np.arange(size),
            ratings["rating"].to_numpy(np.float32),
            ratings["timestamp"].to_numpy(np.int64),
            np.arange(size),
            len(users),
            len(items),
        ),
        tuple(ratings["text"]) if reviews else ("",) * size,
        pd.DataFrame({"user_id": users}),
        pd.DataFrame(index=range(size)),
        "0" * 64,
    )


def held(cache: Path, prefix: str) -> int:
    """How many rows the cache holds for the encoder whose name starts with ``prefix``."""
    count = 0
    for path in (cache / "features").glob(f"{prefix}*.sqlite3"):
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                count += database.execute("SELECT count(*) FROM rows").fetchone()[0]
        except sqlite3.OperationalError:
            pass  # being made just now
    return count
