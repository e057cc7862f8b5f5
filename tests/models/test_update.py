"""``mmrec train --update``: the batch procedure's result, and nothing lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mmrec.cli import cli
from mmrec.data.reader import read_catalogue
from mmrec.errors import CatalogueError, InputError
from mmrec.models import load_model, model_class
from mmrec.models.base import read_record
from mmrec.models.saving import load_saved_model
from mmrec.models.update import with_updates

HEADER = "user_id,item_id,rating,timestamp,text\n"
ROWS = (
    "u0003,m0002,5,1800000001,a fine robot\n"
    "newcomer,m0002,5,1800000002,\n"
    "u0005,m0010,1,1800000003,no\n"
    "newcomer,m0031,4,1800000004,lovely\n"
)
FAST = {"epochs": 2, "batch_size": 64}


def call(*words):
    return CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)


def train(folder, name, out):
    known = model_class(name).declared
    pairs = [part for key, value in FAST.items() if key in known for part in ("--set", f"{key}={value}")]
    done = call("train", folder, "--model", name, *pairs, "--out", out)
    assert done.exception is None, done.exception


@pytest.fixture
def new(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text(HEADER + ROWS, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def merged(simulated, tmp_path_factory):
    """The batch procedure: the rows appended to user_data.csv, the new user to users.csv."""
    folder = tmp_path_factory.mktemp("merged") / "films"
    shutil.copytree(simulated, folder)
    with open(folder / "user_data.csv", "a", encoding="utf-8") as stream:
        stream.write(ROWS)
    users = pd.read_csv(folder / "users.csv", dtype=str)
    with open(folder / "users.csv", "a", encoding="utf-8") as stream:
        stream.write("newcomer" + "," * (users.shape[1] - 1) + "\n")
    return folder


@pytest.fixture
def model(simulated, tmp_path):
    train(simulated, "popularity", tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["popularity", "ease", "item-knn", "content", "document-user", "fusion"])
def test_the_same_as_training_on_all_rows(name, simulated, merged, new, tmp_path):
    train(simulated, name, tmp_path / "model")
    users = np.arange(81)
    done = call("train", "--update", tmp_path / "model", "--with", new)
    assert done.exception is None, done.exception
    assert "4 new ratings by 3 users, 1 of them new; fitted again, 1,604 ratings in all" in done.stdout
    train(merged, name, tmp_path / "batch")
    updated, batch = load_model(tmp_path / "model"), load_model(tmp_path / "batch")
    assert np.array_equal(updated.scores(users), batch.scores(users))
    assert np.array_equal(updated.recommend(users, 60)[0], batch.recommend(users, 60)[0])


def test_two_updates_are_one(simulated, new, model, tmp_path):
    lines = ROWS.splitlines(keepends=True)
    for at, part in enumerate((lines[:2], lines[2:])):
        (tmp_path / f"{at}.csv").write_text(HEADER + "".join(part), encoding="utf-8")
        assert call("train", "--update", model, "--with", tmp_path / f"{at}.csv").exception is None
    train(simulated, "popularity", tmp_path / "other")
    assert call("train", "--update", tmp_path / "other", "--with", new).exception is None
    both = load_model(model).scores(np.array([80])), load_model(tmp_path / "other").scores(np.array([80]))
    assert np.array_equal(*both)


def test_the_updated_model_serves_known_and_new_people(model, new):
    assert call("train", "--update", model, "--with", new).exception is None
    answer = json.loads(call("recommend", model, "--user", "newcomer", "-k", 60, "--json").stdout)
    listed = {item["item_id"] for item in answer["items"]}
    assert not listed & {"m0002", "m0031"}
    assert len(listed) == 58


def test_reasons_for_somebody_who_came_later(simulated, new, tmp_path):
    train(simulated, "ease", tmp_path / "model")
    assert call("train", "--update", tmp_path / "model", "--with", new).exception is None
    done = call("recommend", tmp_path / "model", "--user", "newcomer", "-k", "3", "--explain")
    assert done.exception is None, done.exception
    assert len(done.stdout.strip().splitlines()) > 3


def test_the_model_keeps_the_rows_and_the_catalogue_stays(simulated, model, new):
    before = {path.name: path.read_bytes() for path in simulated.glob("*.csv")}
    assert call("train", "--update", model, "--with", new).exception is None
    assert {path.name: path.read_bytes() for path in simulated.glob("*.csv")} == before
    (entry,) = read_record(model)["updates"]
    assert (model / "updates" / entry["file"]).read_bytes() == new.read_bytes()
    assert (entry["rows"], entry["name"], entry["weights kept"]) == (4, "new.csv", False)
    assert sorted(path.name for path in model.parent.iterdir()) == [".model.lock", "model", "new.csv"]


def test_the_catalogue_with_all_that_was_learned(merged, simulated, model, new):
    assert call("train", "--update", model, "--with", new).exception is None
    found, batch = with_updates(read_catalogue(simulated), model), read_catalogue(merged)
    assert found.user_ids == batch.user_ids == load_saved_model(model).user_ids
    assert found.reviews == batch.reviews
    for column in ("user", "item", "rating", "timestamp", "row"):
        assert np.array_equal(getattr(found.interactions, column), getattr(batch.interactions, column))


def test_the_same_file_twice_is_refused(model, new):
    assert call("train", "--update", model, "--with", new).exception is None
    held = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
    failed = call("train", "--update", model, "--with", new)
    assert isinstance(failed.exception, InputError)
    assert "was learned before" in str(failed.exception)
    assert {path: path.read_bytes() for path in model.rglob("*") if path.is_file()} == held


def test_a_known_rating_is_refused_with_its_row(simulated, model, new):
    first = (simulated / "user_data.csv").read_text(encoding="utf-8").splitlines(keepends=True)[1]
    new.write_text(HEADER + ROWS + first, encoding="utf-8")
    assert "new.csv, row 6: the model knows this rating already" in str(
        call("train", "--update", model, "--with", new).exception
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("u0003,m9999,5,1800000009,\n", "new.csv, row 6, item_id: 'm9999' is no item of the model"),
        ("u0003,m0004,9,1800000009,\n", "new.csv, row 6, rating: '9' is no rating"),
        ("u0003,m0004,5,soon,\n", "new.csv, row 6, timestamp: 'soon' is no time"),
        (",m0004,5,1800000009,\n", "new.csv, row 6, user_id: '' empty"),
        ("u0003,m0002,5,1800000001,\n", "new.csv, row 6, user_id: 'u0003' repeats row 2"),
        ("u0003,m0002\n", "new.csv, row 6: 2 cells under 5 columns"),
    ],
)
def test_faulty_rows_are_named_and_nothing_is_changed(model, new, row, said):
    new.write_text(HEADER + ROWS + row, encoding="utf-8")
    held = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
    failed = call("train", "--update", model, "--with", new)
    assert isinstance(failed.exception, CatalogueError)
    assert said in str(failed.exception)
    assert {path: path.read_bytes() for path in model.rglob("*") if path.is_file()} == held


def test_missing_things_are_said(model, new, tmp_path):
    assert "no such file" in str(call("train", "--update", model, "--with", tmp_path / "no.csv").exception)
    assert "holds no model" in str(call("train", "--update", tmp_path / "no", "--with", new).exception)
    assert "holds no model" in str(call("train", "--update", tmp_path / "no" / "no", "--with", new).exception)
    assert not (tmp_path / "no").exists()
    (tmp_path / "cut.csv").write_text("user_id,item_id\nu0003,m0001\n", encoding="utf-8")
    failed = call("train", "--update", model, "--with", tmp_path / "cut.csv")
    assert "cut.csv, row 1, rating: the column is missing" in str(failed.exception)


@pytest.mark.parametrize("words", [("--update", "m"), ("--with", "n"), ("--update", "m", "--with", "n", "--out", "o")])
def test_half_a_call_is_refused(words):
    assert "an update takes --update MODEL and --with NEW.csv" in str(call("train", *words).exception)


def test_another_catalogue_is_refused(simulated, model, new, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(simulated, moved)
    assert call("train", moved, "--update", model, "--with", new).exception is None  # the same, elsewhere
    with open(moved / "user_data.csv", "a", encoding="utf-8") as stream:
        stream.write("u0003,m0001,5,1700000000,\n")
    (tmp_path / "more.csv").write_text(HEADER + "u0003,m0007,5,1800000010,\n", encoding="utf-8")
    failed = call("train", moved, "--update", model, "--with", tmp_path / "more.csv")
    assert "holds other data than" in str(failed.exception)


def test_kept_rows_that_were_changed_are_noticed(model, new, tmp_path):
    assert call("train", "--update", model, "--with", new).exception is None
    (model / "updates" / "0001.csv").write_text(HEADER, encoding="utf-8")
    (tmp_path / "more.csv").write_text(HEADER + "u0003,m0007,5,1800000010,\n", encoding="utf-8")
    failed = call("train", "--update", model, "--with", tmp_path / "more.csv")
    assert "0001.csv is missing or changed: put new.csv back" in str(failed.exception)


def test_weights_kept(simulated, new, tmp_path):
    train(simulated, "ease", tmp_path / "model")
    weights = load_model(tmp_path / "model").weights
    done = call("train", "--update", tmp_path / "model", "--with", new, "--keep-weights")
    assert "weights kept" in done.stdout
    updated = load_saved_model(tmp_path / "model")
    assert np.array_equal(updated.model.weights, weights)
    items = [updated.item_ids.index(ident) for ident in ("m0002", "m0031")]  # what the newcomer likes
    person = updated.user_indices(["newcomer"])
    assert updated.model.scores(person)[0] == pytest.approx(weights[items].sum(axis=0), abs=1e-6)
    train(simulated, "popularity", tmp_path / "other")
    failed = call("train", "--update", tmp_path / "other", "--with", new, "--keep-weights")
    assert "popularity cannot take in ratings without being fitted" in str(failed.exception)


def test_a_full_disk_leaves_the_old_model(model, new, monkeypatch):
    def full(*words, **named):
        raise OSError(28, "No space left on device")

    held = {path: path.read_bytes() for path in model.rglob("*") if path.is_file()}
    monkeypatch.setattr("mmrec.models.update.write_json", full)
    assert "No space left" in str(call("train", "--update", model, "--with", new).exception)
    assert {path: path.read_bytes() for path in model.rglob("*") if path.is_file()} == held
    assert sorted(path.name for path in model.parent.iterdir()) == [".model.lock", "model", "new.csv"]


def test_whoever_is_killed_leaves_the_old_model_or_the_new(simulated, model, new, tmp_path):
    """The process is stopped for good at each of many moments of one update; afterwards the update can be done."""
    old = load_model(model).scores(np.arange(80))
    shutil.copytree(model, tmp_path / "whole")
    call("train", "--update", tmp_path / "whole", "--with", new)
    done = load_model(tmp_path / "whole").scores(np.arange(80))
    assert not np.array_equal(old, done)
    seen = set()
    for step in range(1, 100):
        work = tmp_path / f"at{step}"
        shutil.copytree(model, work / "model")
        ended = _update_and_die(work / "model", new, step)
        found = load_saved_model(work / "model").model.scores(np.arange(80))
        assert np.array_equal(found, old) or np.array_equal(found, done), f"half a model after step {step}"
        seen.add(np.array_equal(found, done))
        again = call("train", "--update", work / "model", "--with", new)
        assert again.exception is None or "was learned before" in str(again.exception)
        assert np.array_equal(load_model(work / "model").scores(np.arange(80)), done)
        shutil.rmtree(work)
        if ended:
            break
    assert ended
    assert seen == {True, False}


def _update_and_die(model, new, step) -> bool:
    """Run the update in a child that kills itself at the step-th operation on files; whether it ended before."""
    child = os.fork()
    if child == 0:
        try:
            _arm(step)
            from mmrec.models.update import update_model

            update_model(model, new)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return not os.WIFSIGNALED(status)


def _arm(step: int) -> None:
    """Count what writes to the model's folder or next to it, and die before the step-th such operation."""
    left = [step]

    def hook(event: str, arguments: tuple) -> None:
        places = "".join(str(argument) for argument in arguments[:2])
        writes = event in ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "shutil.rmtree")
        writes |= event == "open" and isinstance(arguments[1], str) and bool(set("wax+") & set(arguments[1]))
        if writes and ".model" in places:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def test_killed_from_outside(simulated, model, new, tmp_path):
    """The whole command, killed at times spread over its run."""
    old = load_model(model).scores(np.arange(80))
    command = [
        sys.executable,
        "-m",
        "mmrec.cli",
        "train",
        "--update",
        str(tmp_path / "w" / "model"),
        "--with",
        str(new),
    ]
    for seconds in (0.5, 1.5, 2.0):
        shutil.rmtree(tmp_path / "w", ignore_errors=True)
        shutil.copytree(model, tmp_path / "w" / "model")
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.kill()
        process.wait()
        saved = load_saved_model(tmp_path / "w" / "model")
        known = "newcomer" in saved.user_ids
        assert known or np.array_equal(saved.model.scores(np.arange(80)), old)
