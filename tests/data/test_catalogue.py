"""Interactions and catalogues in memory."""

from dataclasses import replace

import numpy as np

from mmrec.data.catalogue import Interactions
from mmrec.data.reader import read_catalogue


def test_take_by_mask_and_by_order(interactions):
    mask = interactions.user == 3
    assert interactions.take(mask).row.tolist() == np.flatnonzero(mask).tolist()
    order = np.array([5, 2, 9])
    taken = interactions.take(order)
    assert taken.item.tolist() == [interactions.item[at] for at in order]
    assert (taken.users, taken.items, len(taken)) == (interactions.users, interactions.items, 3)


def test_joined_keeps_the_order_and_the_last_sizes(interactions):
    first, second = interactions.take(np.array([4, 1])), interactions.take(slice(7, 9))
    both = Interactions.joined(first, replace(second, users=interactions.users + 2))
    assert both.row.tolist() == [4, 1, 7, 8]
    assert both.rating.tolist() == interactions.rating[[4, 1, 7, 8]].tolist()
    assert (both.users, both.items) == (interactions.users + 2, interactions.items)
    ordered = first.with_rows(second)
    by_user_and_time = sorted(both.row, key=lambda row: (interactions.user[row], interactions.timestamp[row]))
    assert ordered.row.tolist() == by_user_and_time


def test_known_items_have_a_row(interactions):
    few = interactions.take(slice(0, 3))
    assert np.flatnonzero(few.known_items()).tolist() == sorted(set(few.item.tolist()))
    assert few.known_items().shape == (interactions.items,)


def test_likes_have_four_stars(interactions):
    expected = [row for row in range(len(interactions)) if interactions.rating[row] >= 4]
    assert interactions.likes().row.tolist() == expected


def test_all_ones_are_implicit(interactions):
    ones = replace(interactions, rating=np.ones(len(interactions), np.float32))
    assert ones.is_implicit()
    assert not interactions.is_implicit()
    assert len(ones.likes()) == len(ones)


def test_matrix_counts_a_pair_once(interactions):
    twice = interactions.take(np.r_[np.arange(len(interactions)), 0, 0])
    expected = np.zeros((interactions.users, interactions.items))
    for user, item in zip(interactions.user, interactions.item, strict=True):
        expected[user, item] = 1
    assert np.array_equal(twice.matrix().toarray(), expected)


def test_titles_and_ids(tiny_catalogue):
    catalogue = read_catalogue(tiny_catalogue)
    assert catalogue.titles() == ["One", "Two", "Three", "Four"]
    untitled = replace(catalogue, items=catalogue.items.drop(columns="title"))
    assert untitled.titles() == list(untitled.item_ids) == ["i1", "i2", "i3", "i4"]
