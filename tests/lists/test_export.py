"""Written lists: three forms of the same numbers, whole or not at all."""

import csv
import json
import resource

import numpy as np
import pytest
from pyarrow import parquet

from mmrec.errors import InputError
from mmrec.lists.export import listed, number, write_lists
from mmrec.lists.ranking import rank_all
from mmrec.models import make_model

USERS = tuple(f"u{user}" for user in range(30))
ITEMS = tuple(f"i{item}" for item in range(40))
TITLES = tuple(f'第{item}部, "the film"' for item in range(40))


@pytest.fixture
def model(interactions):
    return make_model("ease").fit(interactions)


def blocks(model, k=35, block=8):
    return rank_all(model, np.arange(30), k, block=block)


@pytest.mark.parametrize("titles", [None, TITLES])
def test_three_forms_hold_the_same(titles, model, tmp_path):
    for form in ("json", "csv", "parquet"):
        assert write_lists(tmp_path / f"lists.{form}", blocks(model), USERS, ITEMS, titles) == 30
    answers = json.loads((tmp_path / "lists.json").read_text(encoding="utf-8"))
    items, scores = model.recommend(np.arange(30), 35)
    assert [answer["user"] for answer in answers] == list(USERS)
    expected = []
    for user, answer in enumerate(answers):
        there = items[user] >= 0
        assert [row["item_id"] for row in answer["items"]] == [ITEMS[item] for item in items[user][there]]
        assert np.array_equal(np.float32([row["score"] for row in answer["items"]]), scores[user][there])
        for rank, row in enumerate(answer["items"], 1):
            assert set(row) == {"item_id", "score"} | ({"title"} if titles else set())
            expected.append({"user_id": answer["user"], "rank": rank, **row})
    table = parquet.read_table(tmp_path / "lists.parquet")
    assert table.column_names == ["user_id", "rank", "item_id", "score", *(["title"] if titles else [])]
    assert [{**row, "score": number(row["score"])} for row in table.to_pylist()] == expected
    with open(tmp_path / "lists.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [{**row, "rank": int(row["rank"]), "score": float(row["score"])} for row in rows] == expected


def test_a_row_group_a_block_and_no_block_ahead(model, tmp_path, monkeypatch):
    held, most = [], []
    score = model.scores
    monkeypatch.setattr(model, "scores", lambda users: most.append(len(users)) or score(users))

    def watched():
        for block in blocks(model, k=3):
            held.append(len(most))
            yield block

    write_lists(tmp_path / "lists.parquet", watched(), USERS, ITEMS)
    assert held == [1, 2, 3, 4]  # a block is scored when the one before is written
    assert most == [8, 8, 8, 6]
    written = parquet.ParquetFile(tmp_path / "lists.parquet").metadata
    assert [written.row_group(at).num_rows for at in range(written.num_row_groups)] == [24, 24, 24, 18]


def test_nobody(model, tmp_path):
    for form in ("json", "csv", "parquet"):
        assert write_lists(tmp_path / f"lists.{form}", [], USERS, ITEMS) == 0
    assert json.loads((tmp_path / "lists.json").read_text()) == []
    assert parquet.read_table(tmp_path / "lists.parquet").num_rows == 0


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_no_room_leaves_the_old_file_and_nothing_else(form, model, tmp_path):
    path = tmp_path / f"lists.{form}"
    path.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (2000, before[1])
    )  # the system refuses to write more, as a full disk does
    try:
        with pytest.raises(InputError, match=rf"cannot write .*lists\.{form}: .*; nothing was changed"):
            write_lists(path, blocks(model), USERS, ITEMS, TITLES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_failing_model_leaves_nothing(tmp_path, model):
    def failing():
        yield next(blocks(model))
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        write_lists(tmp_path / "lists.parquet", failing(), USERS, ITEMS)
    assert not list(tmp_path.iterdir())


def test_another_ending(tmp_path):
    with pytest.raises(InputError, match=r"ends in \.csv, \.json, \.parquet"):
        write_lists(tmp_path / "lists.xlsx", [], USERS, ITEMS)


def test_numbers_are_short_and_exact():
    for score in np.random.default_rng(0).normal(size=50).astype(np.float32):
        assert np.float32(number(score)) == score
        assert len(repr(number(score))) <= 14


def test_the_tail_is_left_out():
    rows = listed(np.array([2, -1]), np.array([0.5, -np.inf], np.float32), ITEMS, None)
    assert rows == [{"item_id": "i2", "score": 0.5}]
