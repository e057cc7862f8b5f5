"""Ratings factorised: at the optimum of its loss, and better than the means on planted factors."""

from dataclasses import replace

import numpy as np
import pytest

from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError
from mmrec.models import make_model


def test_items_are_at_the_optimum_of_the_loss(interactions):
    model = make_model("mf-ratings", embedding_size=3, l2=0.2, epochs=4).fit(interactions)
    user, item = interactions.user, interactions.item

    def loss(items, bias):
        told = model.mean + model.user_bias[user] + bias[item] + (model.users[user] * items[item]).sum(axis=1)
        penalty = (items[item] ** 2).sum() + (bias[item] ** 2).sum()
        return ((interactions.rating - told) ** 2).sum() + 0.2 * penalty

    least, rng = loss(model.items, model.item_bias), np.random.default_rng(0)
    for _ in range(20):
        items = model.items + 0.01 * rng.normal(size=model.items.shape)
        assert loss(items, model.item_bias + 0.01 * rng.normal(size=len(items))) > least


def test_foretells_planted_ratings():
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=(80, 2)), rng.normal(size=(50, 2))
    truth = 3 + p @ q.T
    user, item = np.nonzero(rng.random(truth.shape) < 0.5)
    test = rng.random(len(user)) < 0.1
    zeros = np.zeros(len(user), np.int64)
    rows = Interactions(user, item, truth[user, item].astype(np.float32), zeros, zeros, 80, 50)
    model = make_model("mf-ratings", embedding_size=2, l2=0.02, epochs=20).fit(rows.take(~test))
    told = model.scores(np.arange(80))[user[test], item[test]]
    assert np.sqrt(np.mean((told - rows.rating[test]) ** 2)) < 0.2 * rows.rating.std()


def test_ones_alone_are_refused(interactions):
    ones = interactions.take(interactions.rating == interactions.rating.max())
    ones = replace(ones, rating=np.ones(len(ones), np.float32))
    with pytest.raises(InputError, match="ratings that differ"):
        make_model("mf-ratings").fit(ones)
