"""A tiny handmade catalogue, and an environment that writes nowhere else."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["MPLBACKEND"] = "Agg"
os.environ["MMREC_CACHE"] = tempfile.mkdtemp(prefix="mmrec-test-cache-")

import numpy as np
import pytest
from PIL import Image

from mmrec.data.catalogue import Interactions


def write_tiny(folder: Path) -> Path:
    """Four items, three users, real PNG, JPEG and OGG files."""
    import soundfile

    (folder / "media").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 255, (24, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "media/a.png")
    Image.fromarray(pixels[::-1]).save(folder / "media/b.jpg")
    wave = np.sin(np.arange(22050) / 20).astype("float32") / 2
    soundfile.write(folder / "media/a.ogg", wave, 22050, format="OGG", subtype="VORBIS")
    (folder / "product_data.csv").write_text(
        "item_id,text,image,audio,title\n"
        "i1,a red film,media/a.png,media/a.ogg,One\n"
        "i2,一部科幻电影,media/b.jpg,,Two\n"
        'i3,"a long, sad film",,,Three\n'
        "i4,,media/a.png,,Four\n",
        encoding="utf-8",
    )
    rows = ["user_id,item_id,rating,timestamp,text"]
    rows += [
        f"u{user},i{item},{1 + (user + item) % 5},{1000 * user + item},ok" for user in (1, 2, 3) for item in range(1, 5)
    ]
    (folder / "user_data.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "users.csv").write_text("user_id\nu1\nu2\nu3\nu4\n", encoding="utf-8")
    return folder


@pytest.fixture
def tiny_catalogue(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny")


@pytest.fixture(scope="session")
def simulated(tmp_path_factory) -> Path:
    """A small simulated catalogue, shared by all tests that only read it."""
    from mmrec.simulation import simulate

    folder = tmp_path_factory.mktemp("data") / "films"
    simulate(folder, items=60, users=80, ratings=1600, seed=3)
    return folder


def random_interactions(users=30, items=40, rows=600, seed=0) -> Interactions:
    """Distinct pairs with ratings 1 to 5 and random times."""
    rng = np.random.default_rng(seed)
    pairs = rng.choice(users * items, rows, replace=False)
    return Interactions(
        pairs // items,
        pairs % items,
        rng.integers(1, 6, rows).astype(np.float32),
        rng.integers(0, 10_000, rows),
        np.arange(rows),
        users,
        items,
    )


@pytest.fixture
def interactions() -> Interactions:
    return random_interactions()
