"""Similarity in content, and which modality goes with being liked together."""

import numpy as np
import pytest

from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models.similarity import content_similarity, modality_similarities, modality_weights


def planted(rng, users=300, items=60, groups=5):
    """Every user likes the items of one group; pictures tell the group, sounds tell nothing."""
    group = rng.integers(0, groups, items)
    user = np.repeat(np.arange(users), 6)
    item = np.concatenate([rng.choice(np.flatnonzero(group == u % groups), 6) for u in range(users)])
    ones, none = np.ones(len(user), np.float32), np.zeros(len(user), np.int64)
    train = Interactions(user, item, ones, none, np.arange(len(user)), users, items)
    picture = (np.eye(groups)[group] + 0.2 * rng.normal(size=(items, groups))).astype(np.float32)
    sound = rng.normal(size=(items, 8)).astype(np.float32)
    present = np.tile(np.array([False, True, True]), (items, 1))
    present[3, 1] = False
    picture[3] = 0
    ids = tuple(str(item) for item in range(items))
    return Features(ids, {"image": picture, "audio": sound}, present), train


def test_the_modality_that_tells_gets_the_weight():
    features, train = planted(np.random.default_rng(0))
    shares = modality_weights(modality_similarities(features, train), train)
    assert shares["image"] > 0.9
    assert sum(shares.values()) == pytest.approx(1)


def test_similarity_is_the_cosine_about_the_mean():
    features, train = planted(np.random.default_rng(1))
    found = modality_similarities(features, train)["image"]
    block, here = features.blocks["image"].astype(float), features.mask("image")
    known = here & np.isin(np.arange(len(block)), train.item)
    scaled = (block - block[known].mean(axis=0)) / block[known].std(axis=0)
    centred = scaled - scaled[here].mean(axis=0)
    one, other = centred[7], centred[9]
    assert found[7, 9] == pytest.approx(one @ other / np.linalg.norm(one) / np.linalg.norm(other), abs=1e-5)
    assert not found[3].any()


def test_mixture_is_positive_semidefinite(interactions, features):
    mixed = content_similarity(features, interactions)
    assert np.linalg.eigvalsh(mixed.astype(float)).min() > -1e-5


def test_useless_modalities_weigh_alike():
    _, train = planted(np.random.default_rng(2))
    opposite = {"image": -np.ones((60, 60)), "audio": -np.ones((60, 60))}
    assert modality_weights(opposite, train) == {"image": 0.5, "audio": 0.5}


def test_the_same_data_give_the_same_array_until_they_are_gone(interactions, features):
    train = interactions.take(interactions.item < 30)
    first = content_similarity(features, train)
    assert content_similarity(features, train) is first
    assert not first.flags.writeable
    expected = first.copy()
    assert content_similarity(features, interactions) is not first
    del train
    assert content_similarity(features, interactions.take(interactions.item < 30)) == pytest.approx(expected)
