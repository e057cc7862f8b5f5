"""Interactions and catalogues in memory."""

from dataclasses import replace

import numpy as np

from mmrec.data.reader import read_catalogue


def test_take_by_mask_and_by_order(interactions):
    mask = interactions.user == 3
    assert interactions.take(mask).row.tolist() == np.flatnonzero(mask).tolist()
    order = np.array([5, 2, 9])
    taken = interactions.take(order)
    assert taken.item.tolist() == [interactions.item[at] for at in order]
    assert (taken.users, taken.items, len(taken)) == (interactions.users, interactions.items, 3)


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
