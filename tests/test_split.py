"""Splits: nothing of a person's test lies before their training rows."""

import numpy as np
import pytest

from mmrec.data.split import by_time
from mmrec.errors import InputError


def test_sizes_and_order_by_hand(interactions):
    split = by_time(interactions)
    for user in range(interactions.users):
        mine = np.flatnonzero(interactions.user == user)
        mine = mine[np.argsort(interactions.timestamp[mine], kind="stable")]
        first, second = int(0.8 * len(mine)), int(0.9 * len(mine))
        assert split.train.row[split.train.user == user].tolist() == mine[:first].tolist()
        assert split.validation.row[split.validation.user == user].tolist() == mine[first:second].tolist()
        assert split.test["warm"].row[split.test["warm"].user == user].tolist() == mine[second:].tolist()


def test_cold_ones_have_no_training_row(interactions):
    split = by_time(interactions, cold_items=0.2, cold_users=0.1, seed=4, twins=[(0, 1), (2, 3)])
    assert split.cold_items.sum() == pytest.approx(8, abs=2)
    assert not split.cold_items[split.train.item].any()
    assert not split.cold_users[split.train.user].any()
    assert split.cold_items[split.test["cold-item"].item].all()
    assert split.cold_items[0] == split.cold_items[1]
    rows = np.concatenate([split.train.row, split.validation.row, *(part.row for part in split.test.values())])
    assert len(np.unique(rows)) == len(rows)


def test_same_seed_same_split(interactions):
    first, second, other = (by_time(interactions, cold_items=0.2, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.cold_items, second.cold_items)
    assert not np.array_equal(first.cold_items, other.cold_items)


def test_joined_rows_are_those_before_the_test(interactions):
    split = by_time(interactions)
    joined = split.joined()
    assert joined.train.row.tolist() == sorted({*split.train.row.tolist(), *split.validation.row.tolist()})
    assert np.array_equal(joined.train.rating, interactions.rating[joined.train.row])
    assert not len(joined.validation)
    assert joined.test is split.test


@pytest.mark.parametrize("shares", [{"test": 0.6, "validation": 0.5}, {"cold_items": 1.0}, {"test": -0.1}])
def test_bad_shares(interactions, shares):
    with pytest.raises(InputError):
        by_time(interactions, **shares)
