"""Conditions on attributes, and what cannot be had."""

import numpy as np
import pandas as pd
import pytest

from mmrec.errors import InputError
from mmrec.lists.filters import allowed_items, indices, matching, read_ids

ITEMS = pd.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "genre": ["Comedy", "drama|comedy", "drama", ""],
        "year": ["1999", "2000", "", "2010.5"],
        "title": ["One, two", "Two", "Three", "Four"],
        "audio": ["x.ogg", "", "", "y.ogg"],
    }
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("genre=comedy", "ab"),
        (" genre = COMEDY ", "ab"),
        ("genre!=comedy", "cd"),
        ("genre=", "d"),
        ("title=One, two", "a"),
        ("title=two", "ab"),
        ("year>=2000", "bd"),
        ("year>2000", "d"),
        ("year<=2000", "ab"),
        ("year<2000", "a"),
        ("audio!=", "ad"),
    ],
)
def test_conditions(condition, expected):
    assert "".join(ITEMS["item_id"][matching(ITEMS, condition)]) == expected


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("comedy", "write it as genre=comedy"),
        ("colour=red", "no column 'colour', only item_id, genre"),
        ("year>=new", "'new' is no number"),
        ("genre>3", "genre of item a: 'Comedy' is no number"),
        ("genre=horror", "no item meets 'genre=horror': genre is such as Comedy, drama"),
    ],
)
def test_conditions_that_cannot_be(condition, told):
    with pytest.raises(InputError, match=told):
        matching(ITEMS, condition)


@pytest.mark.parametrize("text", ["a\n\n c \n", "title,item_id\nOne,a\nThree,c\n", "\ufeffitem_id\na\nc\n"])
def test_ids_from_a_file(text, tmp_path):
    path = tmp_path / "gone.csv"
    path.write_text(text, encoding="utf-8")
    assert read_ids(path) == ["a", "c"]


def test_ids_from_no_file(tmp_path):
    with pytest.raises(InputError, match="no file"):
        read_ids(tmp_path / "none.txt")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no UTF-8 text"):
        read_ids(tmp_path / "bytes")


def test_all_conditions_hold_at_once():
    ids = tuple(ITEMS["item_id"])
    found = allowed_items(ids, unavailable=["b"], items=ITEMS, conditions=["genre=comedy", "year<2005"])
    assert found.tolist() == [True, False, False, False]
    assert allowed_items(ids).all()


def test_what_cannot_be_met():
    ids = tuple(ITEMS["item_id"])
    with pytest.raises(InputError, match="unknown item 'z': the model knows 4 items"):
        allowed_items(ids, unavailable=["z"])
    with pytest.raises(InputError, match="give the catalogue"):
        allowed_items(ids, conditions=["genre=comedy"])
    with pytest.raises(InputError, match="no item is left"):
        allowed_items(ids, unavailable=["a", "b"], items=ITEMS, conditions=["genre=comedy"])


def test_indices_in_the_order_asked_for():
    np.testing.assert_array_equal(indices(("a", "b", "c"), ["c", "a"]), [2, 0])
