"""What no data set should hold and some do: a clear error or the documented behaviour, and nothing lost.

Told elsewhere: pickles that would run code (``test_unpickle.py``, ``test_layouts.py``), arrays of another shape
(``test_layouts.py``), faults of a catalogue folder (``test_validation.py``), ids that a saved model does not know
(``test_saving.py``), feature rows that are all shifted by one, which shows in what users like together
(``test_alignment.py``). With as few users as here it shows only where a row is then missing or too many.
"""

import errno
import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from mmrec import cli
from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.data.split import by_time
from mmrec.errors import InputError
from mmrec.evaluation import search as module
from mmrec.evaluation.benchmark import benchmark, choose_models
from mmrec.evaluation.benchmark_data import BenchmarkData, read_layout
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.verdict import summary_lines
from mmrec.features.table import Features
from mmrec.models import REGISTRY, make_model, model_class

USERS, ITEMS = 12, 15
QUICK = {"epochs": 1, "batch_size": 64}


def make(name):
    """A model at settings that fit in a moment: every network has epochs, and one shows what comes of bad input."""
    return make_model(name, **{setting: QUICK[setting] for setting in QUICK if setting in model_class(name).declared})


def rows_of(user, item, rating=None) -> Interactions:
    rng = np.random.default_rng(1)
    rating = rng.integers(1, 6, len(user)) if rating is None else rating
    time, row = rng.integers(0, 10**8, len(user)), np.arange(len(user))
    return Interactions(user, item, np.asarray(rating, np.float32), time, row, USERS, ITEMS)


@pytest.fixture(scope="module")
def rows() -> Interactions:
    """User 0 and item 0 have no row; every other user has eight."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(1, USERS), 8)
    item = np.concatenate([1 + rng.choice(ITEMS - 1, 8, replace=False) for _ in range(1, USERS)])
    return rows_of(user, item)


@pytest.fixture(scope="module")
def table() -> Features:
    """Items 1 to 3 lack all modalities, item 4 has a sound alone."""
    rng = np.random.default_rng(0)
    present = np.ones((ITEMS, 3), bool)
    present[1:4], present[4, :2] = False, False
    blocks = {
        "text": rng.poisson(0.7, (ITEMS, 12)),
        "image": rng.normal(size=(ITEMS, 6)),
        "audio": rng.normal(size=(ITEMS, 5)),
    }
    blocks = {name: (block * present[:, [at]]).astype(np.float32) for at, (name, block) in enumerate(blocks.items())}
    return Features(tuple(f"i{item}" for item in range(ITEMS)), blocks, present)


def with_ratings(rating):
    return lambda rows, table: (replace(rows, rating=np.broadcast_to(np.float32(rating), len(rows)).copy()), table)


def repeated(rows, table):
    return rows.take(np.repeat(np.arange(len(rows)), 1 + np.arange(len(rows)) % 3)), table


def without_content(rows, table):
    blocks = {name: np.zeros_like(block) for name, block in table.blocks.items()}
    return rows, replace(table, blocks=blocks, present=np.zeros_like(table.present))


def far_off(rows, table):
    rating = rows.rating.copy()
    rating[::5], rating[1::5] = -3, 1e6
    return replace(rows, rating=rating), table


def one_row(rows, table):
    return rows.take(np.arange(1)), table


# in each of them a user and an item have no row, and items lack some or all modalities
CASES = {
    "the same pair up to three times": repeated,
    "nothing but likes": with_ratings(5),
    "no like at all": with_ratings(2),
    "implicit": with_ratings(1),
    "all modalities absent": without_content,
    "negative and huge ratings": far_off,
    "a single row": one_row,
}
REFUSED = {
    ("implicit", "mf-ratings"): "needs ratings that differ",
    ("no like at all", "stacked"): "no like can be held out",
    ("a single row", "stacked"): "no like can be held out",
    ("negative and huge ratings", "fusion"): "takes a rating of 0 for none",
}
REFUSED |= {
    (case, name): "needs likes" for case in ("no like at all", "a single row") for name in ("two-towers", "bpr", "vbpr")
}
REFUSED |= {("a single row", name): "needs timestamps" for name in REGISTRY if model_class(name).needs_time}
REFUSED |= {("no like at all", name): "no like to learn from" for name in ("gru", "lstm", "cnn", "transformer")}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", REGISTRY)
def test_scores_are_numbers_or_the_model_says_why_not(name, case, rows, table):
    train, features = CASES[case](rows, table)
    if (case, name) in REFUSED:
        with pytest.raises(InputError, match=REFUSED[case, name]):
            make(name).fit(train, features)
        return
    model = make(name).fit(train, features)
    scores = model.scores(np.arange(USERS))
    assert scores.shape == (USERS, ITEMS)
    assert np.isfinite(scores).all()
    items, best = model.recommend(np.arange(USERS), k=ITEMS + 3)  # more than there are
    assert (items[:, ITEMS:] == -1).all()
    assert (best[:, ITEMS:] == -np.inf).all()
    seen = train.matrix().toarray() > 0
    for user in range(USERS):
        assert sorted(items[user][items[user] >= 0]) == np.flatnonzero(~seen[user]).tolist()


def test_a_rating_far_off_stays_where_it_is(rows, table):
    """A million stars are a like as any other: the models that read likes alone give the same scores."""
    train, _ = far_off(rows, table)
    plain = replace(rows, rating=np.where(train.rating >= 4, 5, 1).astype(np.float32))
    for name in ("popularity", "item-knn", "mf", "ease", "graph-filter", "ease-features"):
        found, expected = (make(name).fit(one, table).scores(np.arange(USERS)) for one in (train, plain))
        assert np.array_equal(found, expected), name


def test_repeated_test_rows_count_once(rows):
    split = by_time(rows)
    model = make("ease").fit(split.train)
    test = split.test["warm"]
    twice = replace(split, test={"warm": test.take(np.repeat(np.arange(len(test)), 2))})
    once, again = evaluate(model, split), evaluate(model, twice)
    assert len(once.users) > 3
    assert all(np.array_equal(once.per_user[metric], again.per_user[metric]) for metric in once.per_user)


def test_a_row_of_training_and_test_is_no_hit(rows):
    """What is known from training cannot be found again in the test."""
    split = by_time(rows)
    known = split.train.likes()
    both = replace(split, test={"warm": known})
    assert evaluate(make("popularity").fit(split.train), both).summary["users"] == 0


def test_people_without_a_test_like_are_not_measured(rows, table):
    split = by_time(rows)
    found = evaluate(make("ease").fit(split.train), split)
    likes = split.test["warm"].likes()
    assert found.users.tolist() == sorted(set(likes.user.tolist()))
    assert 0 not in found.users


@pytest.fixture
def benchmark_data(rows, table) -> BenchmarkData:
    return BenchmarkData("toy", tuple(f"u{user}" for user in range(USERS)), table.item_ids, rows, table, "fingerprint")


def figures(result):
    """What a benchmark found, without what was measured by the clock."""
    clock = ("fit_seconds", "score_seconds", "peak_memory_mb")
    runs = [{key: value for key, value in run.items() if key not in clock} for run in result["runs"]]
    return runs, {name: found["chosen"] for name, found in result["search"].items()}, result["winner"]


MODELS = ("popularity", "ease", "item-knn")


def test_an_interrupted_search_loses_no_finished_model(benchmark_data, tmp_path, monkeypatch):
    whole, out, fit, calls = benchmark(benchmark_data, MODELS, seeds=1), tmp_path / "r.json", module.fit_once, []

    def interrupted(split, features, name, *given):
        calls.append(name)
        if calls.count("ease") == 2:  # in the midst of the second model's search
            raise KeyboardInterrupt
        return fit(split, features, name, *given)

    monkeypatch.setattr(module, "fit_once", interrupted)
    with pytest.raises(KeyboardInterrupt):
        benchmark(benchmark_data, MODELS, seeds=1, out=out)
    assert [run["model"] for run in json.loads(out.read_text())["runs"]] == ["popularity"]
    monkeypatch.setattr(module, "fit_once", lambda *given: calls.append(given[2]) or fit(*given))
    calls.clear()
    assert figures(benchmark(benchmark_data, MODELS, seeds=1, out=out)) == figures(whole)
    assert "popularity" not in calls
    assert calls.count("ease") > 1  # its search began again


def no_space(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_keeps_what_was_written(benchmark_data, tmp_path, monkeypatch, call):
    out = tmp_path / "r.json"
    whole = benchmark(benchmark_data, MODELS, seeds=2)
    benchmark(benchmark_data, MODELS[:1], seeds=2, out=out)
    before = out.read_bytes()
    with monkeypatch.context() as full:
        full.setattr(f"mmrec.files.os.{call}", no_space)
        with pytest.raises(OSError, match="No space left"):
            benchmark(benchmark_data, MODELS, seeds=2, out=out)
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]  # no half-written file either
    assert figures(benchmark(benchmark_data, MODELS, seeds=2, out=out)) == figures(whole)


def test_a_full_disk_keeps_the_saved_model(rows, tmp_path, monkeypatch):
    make("ease").fit(rows).save(tmp_path / "m")
    before = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    monkeypatch.setattr("mmrec.files.os.fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        make_model("ease", l2=1.0).fit(rows).save(tmp_path / "m")
    assert {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()} == before


@pytest.mark.parametrize("stars", [5, 2, 1])
def test_a_benchmark_of_one_class_of_rating(benchmark_data, stars):
    """All likes (5), none (2) or implicit feedback (1): figures where something is liked, and JSON in any case."""
    one_class = replace(benchmark_data, interactions=with_ratings(stars)(benchmark_data.interactions, None)[0])
    names = [name for name in choose_models("all", one_class) if "epochs" not in model_class(name).declared]
    result = benchmark(one_class, names, seeds=1, tries=1)
    json.dumps(result, allow_nan=False)
    assert len(summary_lines(result)) >= len(names)
    failed = {run["model"]: run["error"] for run in result["runs"] if "error" in run}
    assert set(failed) == ({"stacked"} if stars == 2 else set())
    assert (result["winner"] is None) == (stars == 2)


@pytest.mark.parametrize("user", [-1, USERS])
def test_no_model_ranks_for_a_user_that_is_not_there(user, rows):
    with pytest.raises(InputError, match="the model knows"):
        make("ease").fit(rows).recommend(np.array([0, user]))


# A folder of another project's layout, as it may come

IDS = (0, 1, 2, 5, 6, 9)  # of items: 3, 4, 7 and 8 are gaps


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "toy"
    folder.mkdir()
    rng, lines = np.random.default_rng(0), ["userID\titemID\tx_label"]
    for user in range(10):
        some = [0] * 3 + [1, 2]
        lines += [f"{user}\t{item}\t{part}" for item, part in zip(rng.permutation(IDS)[:5], some, strict=True)]
    (folder / "toy.inter").write_text("\n".join(lines) + "\n")
    np.save(folder / "text_feat.npy", rng.normal(size=(10, 6)))
    np.save(folder / "image_feat.npy", rng.normal(size=(10, 4)))
    return folder


def told(folder, monkeypatch, capsys) -> str:
    """What ``mmrec benchmark`` says of the folder, which it must refuse in one line."""
    words = ["mmrec", "benchmark", str(folder), "--layout", "mmrec", "--models", "ease", "--no-search"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    said = capsys.readouterr().err.strip()
    assert stopped.value.code == 1
    assert len(said.splitlines()) == 1
    return said


def spoil(path, change):
    np.save(path, change(np.load(path)))


def with_nan(array):
    array[4, 2] = np.nan
    return array


FAULTS = {
    "a row short": (lambda array: array[:-1], "9 rows, but toy.inter speaks of 10 items"),
    "first row lost, all others shifted": (lambda array: array[1:], "9 rows, but toy.inter speaks of 10 items"),
    "a row too many": (lambda array: np.vstack([array[:1], array]), "10 rows, but text_feat.npy has 11"),
    "not a number": (with_nan, "row 4 is not finite"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_features_are_one_line(folder, fault, monkeypatch, capsys):
    change, expected = FAULTS[fault]
    spoil(folder / "text_feat.npy", change)
    assert expected in told(folder, monkeypatch, capsys)


def test_shifted_features_of_the_right_number(folder):
    """Rows that lie one place further, the last one first, are read: nothing in the layout tells them from sound ones,
    and ten users like too little to tell them either (``test_alignment.py`` has more).

    The fingerprint does, so that no result of the sound folder is taken for theirs; and items known to lack a modality
    do, whose rows must be zero.
    """
    path = folder / "text_feat.npy"
    spoil(path, lambda array: array * (np.arange(10) != 3)[:, None])
    sound = read_layout(folder, "mmrec")
    spoil(path, lambda array: np.roll(array, 1, axis=0))
    shifted = read_layout(folder, "mmrec")
    assert shifted.fingerprint != sound.fingerprint
    assert np.array_equal(shifted.features.blocks["text"], np.roll(sound.features.blocks["text"], 1, axis=0))
    text = MODALITIES.index("text")
    assert np.flatnonzero(~sound.features.present[:, text]).tolist() == [3]
    assert np.flatnonzero(~shifted.features.present[:, text]).tolist() == [4]


@pytest.mark.parametrize("name", ["popularity", "item-knn", "ease-features", "graph-filter-features", "mf"])
def test_items_of_gaps_in_the_ids_are_there_and_nobody_liked_them(folder, name):
    benchmark_data = read_layout(folder, "mmrec")
    assert benchmark_data.item_ids == tuple(map(str, range(10)))
    split = benchmark_data.split()
    rated = set(split.train.item) | set(split.validation.item) | set(split.test["warm"].item)
    assert rated == set(IDS)
    model = make_model(name).fit(split.train, benchmark_data.features)
    items, _ = model.recommend(np.arange(10), k=10)
    listed = [set(row[row >= 0].tolist()) for row in items]
    assert all({3, 4, 7, 8} <= row for row in listed)  # new items: they can be listed, and harm nobody
    assert evaluate(model, split).summary["users"] == 10


@pytest.mark.parametrize("name", [name for name in REGISTRY if "batch_size" not in model_class(name).declared])
def test_of_a_repeated_pair_the_latest_rating_counts(name, rows, table):
    earlier = replace(rows, rating=6 - rows.rating, timestamp=rows.timestamp - 10**9)
    columns = ("user", "item", "rating", "timestamp", "row")
    both = {column: np.concatenate([getattr(earlier, column), getattr(rows, column)]) for column in columns}
    twice = Interactions(**both, n_users=USERS, n_items=ITEMS)
    found, expected = (make(name).fit(one, table).scores(np.arange(USERS)) for one in (twice, rows))
    assert np.array_equal(found, expected)
