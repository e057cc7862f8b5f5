"""A tiny handmade catalogue, and an environment that writes nowhere else."""

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["MPLBACKEND"] = "Agg"
if "PYTEST_XDIST_WORKER" in os.environ:  # a worker a core: with more threads than cores they wait for each other
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
os.environ["MMREC_CACHE"] = tempfile.mkdtemp(prefix="mmrec-test-cache-")

import numpy as np
import pytest
from PIL import Image

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.features.table import Features
from mmrec.models.abilities import ScoresNewItems


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


@pytest.fixture
def features(interactions) -> Features:
    rng = np.random.default_rng(0)
    present = rng.random((interactions.n_items, 3)) < 0.9
    present[:, 0] |= ~present.any(axis=1)
    blocks = {
        "text": rng.poisson(0.5, (interactions.n_items, 30)).astype(np.float32) * present[:, :1],
        "image": rng.normal(size=(interactions.n_items, 8)).astype(np.float32) * present[:, 1:2],
        "audio": rng.normal(size=(interactions.n_items, 5)).astype(np.float32) * present[:, 2:],
    }
    return Features(tuple(f"i{item}" for item in range(interactions.n_items)), blocks, present)


def assert_same_bits_and_saving(make, train, features):
    """A model of one seed scores the same when fitted again and when restored; the fitted model is returned."""
    users = np.arange(6)
    first = make().fit(train, features)
    scores = first.scores(users)
    assert np.isfinite(scores).all()
    assert scores.dtype == np.float32
    assert np.array_equal(make().fit(train, features).scores(users), scores)
    again = make()
    again.restore(first.state())
    assert np.array_equal(again.scores(users), scores)
    if isinstance(first, ScoresNewItems):
        assert np.array_equal(again.new_item_scores(users, features), first.new_item_scores(users, features))
    return first


def tool(name):
    """A module of ``tools/``, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / f"tools/{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


# What the tests of the formula layers share: random shapes, half precision, saving.

SEEDS = range(4)
DTYPES = ("float32", "float16")


def random_shape(seed: int, *most: int) -> tuple[int, ...]:
    """A random shape of at least 2 and at most ``most`` along each axis; the batch is 1 for seed 0."""
    rng = np.random.default_rng([7, seed])
    shape = [int(rng.integers(2, size + 1)) for size in most]
    return (1, *shape[1:]) if seed == 0 else tuple(shape)


def assert_survives_saving(model, inputs, path: Path) -> None:
    """The loaded model says what the saved one says, to the bit."""
    import keras

    model.save(path)
    again = keras.models.load_model(path)
    pairs = zip(*(keras.tree.flatten(one.predict(inputs, verbose=0)) for one in (model, again)), strict=True)
    assert all(np.array_equal(first, second) for first, second in pairs)


def assert_every_weight_learns(model, inputs, targets) -> None:
    """One step of training moves each weight."""
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.train_on_batch(inputs, targets)
    assert before
    assert all(not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


@pytest.fixture
def benchmark_data(interactions):
    """The handmade interactions as a benchmark reads them, a `BenchmarkData` without features."""
    from mmrec.evaluation.benchmark_data import BenchmarkData  # here: tests ask what fitting alone imports

    items = tuple(f"i{item}" for item in range(interactions.n_items))
    features = Features(items, {}, np.zeros((len(items), len(MODALITIES)), bool))
    users = tuple(f"u{user}" for user in range(interactions.n_users))
    return BenchmarkData("toy", users, items, interactions, features, "fingerprint")
