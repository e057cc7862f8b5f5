"""Splits: nothing of a user's test lies before their training rows."""

from dataclasses import replace

import numpy as np
import pytest

from mmrec.data.split import by_time, item_folds, user_folds
from mmrec.errors import InputError


def test_sizes_and_order_by_hand(interactions):
    split = by_time(interactions)
    for user in range(interactions.n_users):
        mine = np.flatnonzero(interactions.user == user)
        mine = mine[np.argsort(interactions.timestamp[mine], kind="stable")]
        first, second = int(0.8 * len(mine)), int(0.9 * len(mine))
        assert split.train.row[split.train.user == user].tolist() == mine[:first].tolist()
        assert split.validation.row[split.validation.user == user].tolist() == mine[first:second].tolist()
        assert split.test["warm"].row[split.test["warm"].user == user].tolist() == mine[second:].tolist()


def test_cold_ones_have_no_training_row(interactions):
    split = by_time(interactions, cold_items=0.2, cold_users=0.1, seed=4, duplicates=[(0, 1), (2, 3)])
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
    assert sorted(joined.train.row.tolist()) == sorted([*split.train.row.tolist(), *split.validation.row.tolist()])
    order = np.lexsort((joined.train.timestamp, joined.train.user))
    assert np.array_equal(order, np.arange(len(joined.train)))
    assert np.array_equal(joined.train.rating, interactions.rating[joined.train.row])
    assert not len(joined.validation)
    assert joined.test is split.test


@pytest.mark.parametrize("shares", [{"test": 0.6, "validation": 0.5}, {"cold_items": 1.0}, {"test": -0.1}])
def test_bad_shares(interactions, shares):
    with pytest.raises(InputError):
        by_time(interactions, **shares)


# Ties in time


def in_bursts(rows, seconds=3000):
    return replace(rows, timestamp=rows.timestamp // seconds)


def rows_of(split):
    return [set(part.row.tolist()) for part in (split.train, split.validation, split.test["warm"])]


def test_the_seed_breaks_ties_and_nothing_else(interactions):
    assert rows_of(by_time(interactions, seed=0)) == rows_of(by_time(interactions, seed=1))  # there are none
    tied = in_bursts(interactions)
    assert rows_of(by_time(tied, seed=0)) != rows_of(by_time(tied, seed=1))
    for seed in range(3):
        split = by_time(tied, seed=seed)
        latest = np.full(tied.n_users, -1)
        np.maximum.at(latest, split.train.user, split.train.timestamp)
        assert (split.test["warm"].timestamp >= latest[split.test["warm"].user]).all()


def test_neither_the_order_of_rows_nor_ids_break_ties(interactions):
    rng, tied = np.random.default_rng(0), in_bursts(interactions)
    expected = rows_of(by_time(tied, seed=5))
    assert rows_of(by_time(tied.take(rng.permutation(len(tied))), seed=5)) == expected
    user, item = rng.permutation(tied.n_users), rng.permutation(tied.n_items)
    assert rows_of(by_time(replace(tied, user=user[tied.user], item=item[tied.item]), seed=5)) == expected


def test_each_row_of_a_tie_is_tested_about_equally_often(interactions):
    tied = in_bursts(interactions, 20_000)  # all rows of a user in one second
    tested = np.zeros(len(tied))
    for seed in range(300):
        tested[by_time(tied, seed=seed).test["warm"].row] += 1
    share = np.bincount(tied.user, minlength=tied.n_users)
    expected = np.ceil(0.1 * share) / share  # of a user's rows
    assert tested.mean() / 300 == pytest.approx(expected[tied.user].mean(), rel=0.01)
    deviations = (tested / 300 - expected[tied.user]) / np.sqrt(expected * (1 - expected) / 300)[tied.user]
    assert np.abs(deviations).max() < 5
    assert deviations.std() == pytest.approx(1, abs=0.15)


def test_settled_rows_are_tested_under_no_seed(interactions):
    tied = in_bursts(interactions)
    settled = by_time(tied, seed=0).settled()
    kept = {*settled.train.row.tolist(), *settled.validation.row.tolist()}
    ever = set().union(*(rows_of(by_time(tied, seed=seed))[2] for seed in range(60)))
    assert kept
    assert not kept & ever
    assert not len(settled.test["warm"])
    whole = by_time(interactions)
    assert len(whole.settled().train) + len(whole.settled().validation) == len(whole.train) + len(whole.validation)


# Folds


def test_every_item_is_new_once_and_duplicates_together(interactions):
    duplicates = [(0, 1, 7), (2, 3)]
    splits = list(item_folds(interactions, 4, seed=2, duplicates=duplicates))
    masks = np.array([split.cold_items for split in splits])
    assert (masks.sum(axis=0) == 1).all()
    for group in duplicates:
        assert len({int(np.argmax(masks[:, item])) for item in group}) == 1
    for split in splits:
        assert not split.cold_items[split.train.item].any()
        assert not split.cold_items[split.validation.item].any()
        assert split.cold_items[split.test["cold-item"].item].all()
    tested = np.concatenate([split.test["cold-item"].row for split in splits])
    assert sorted(tested.tolist()) == interactions.row.tolist()


def test_every_user_is_new_once(interactions):
    splits = list(user_folds(interactions, 3, seed=1))
    assert (np.array([split.cold_users for split in splits]).sum(axis=0) == 1).all()
    other = list(user_folds(interactions, 3, seed=2))
    assert not np.array_equal(splits[0].cold_users, other[0].cold_users)


@pytest.mark.parametrize("folds", [1, 41])
def test_bad_number_of_folds(interactions, folds):
    with pytest.raises(InputError, match="folds"):
        next(item_folds(interactions, folds))
