"""The declared checks of columns, value by value."""

import calendar

import numpy as np
import pandas as pd
import pandera.errors
import pytest

from mmrec.data import schema


def failures(declared, **columns) -> set[tuple[str, int]]:
    try:
        declared.validate(pd.DataFrame(columns, dtype=str), lazy=True)
    except pandera.errors.SchemaErrors as error:
        return set(zip(error.failure_cases["column"], error.failure_cases["index"].astype(int), strict=True))
    return set()


def test_times_are_seconds():
    given = pd.Series(["0", "-5", "1716000000", "2024-05-18", "2024-05-18T02:40:00+02:00", "soon", "", "2024-13-01"])
    expected = [0, -5, 1716000000, calendar.timegm((2024, 5, 18, 0, 0, 0)), calendar.timegm((2024, 5, 18, 0, 40, 0))]
    seconds = schema.parse_time(given)
    assert seconds[:5].tolist() == expected
    assert np.isnan(seconds[5:]).all()


@pytest.mark.parametrize("bad", ["five", "nan", "inf", "-inf", "", "0", "5.5", "1,5"])
def test_ratings(bad):
    texts = {"user_id": ["u"] * 3, "item_id": ["i"] * 3, "timestamp": ["1"] * 3, "text": [""] * 3}
    assert failures(schema.RATINGS, rating=["0.5", bad, "5"], **texts) == {("rating", 1)}


@pytest.mark.parametrize("bad", ["", " u", "u ", "\t"])
def test_ids(bad):
    assert failures(schema.USERS, user_id=["007", bad, "张三"]) == {("user_id", 1)}


@pytest.mark.parametrize("bad", ["../x", "a/../../x", "/etc/hostname", "~/x", "C:\\x", "a\\..\\..\\x"])
def test_paths_stay_inside(bad):
    declared = {"item_id": ["a", "b"], "text": ["", ""], "audio": ["", "a..b/c.ogg"]}
    assert failures(schema.PRODUCTS, image=["media/a.jpg", bad], **declared) == {("image", 1)}


def test_a_date_without_dashes_is_no_time():
    found = schema.parse_time(pd.Series(["20240531", "19991231", "20241331", "881250949", "20240531.0"]))
    assert found.isna().tolist() == [True, True, False, False, False]
