"""Rounds of showing and answering."""

import numpy as np
import pytest

from mmrec.models.fusion import FusionRecommender
from studies.case.rounds import with_feedback, without_feedback

SMALL = {"units": 8, "embedding_size": 4, "hidden_units": 8, "epochs": 2, "components": (5, 4, 3)}


@pytest.fixture
def fitted(interactions, features):
    return FusionRecommender(**SMALL).fit(interactions, features)


def test_nothing_is_shown_twice_and_answers_follow_the_truth(fitted, interactions, features):
    sure = np.zeros((interactions.n_users, interactions.n_items))
    sure[:, ::2] = 1
    found = with_feedback(fitted, interactions, features, sure, np.random.default_rng(0), rounds=3, k=2)
    np.testing.assert_array_equal(found.liked, found.lists % 2 == 0)
    np.testing.assert_allclose(found.quality, found.liked.mean(axis=2))
    for user in range(interactions.n_users):
        shown = found.lists[:, user].ravel()
        assert len(set(shown)) == 6
        assert not set(shown) & set(interactions.item[interactions.user == user])
    assert len(found.models) == 4
    np.testing.assert_array_equal(found.models[0].network.get_weights()[0], found.models[-1].network.get_weights()[0])


def test_without_feedback_the_lists_are_one_ranking(fitted, interactions, features):
    probability = np.random.default_rng(0).random((interactions.n_users, interactions.n_items))
    lists, quality = without_feedback(fitted, probability, rounds=3, k=2)
    ranked, _ = fitted.recommend(np.arange(interactions.n_users), k=6)
    np.testing.assert_array_equal(np.concatenate(list(lists), axis=1), ranked)
    np.testing.assert_allclose(quality[1], np.take_along_axis(probability, ranked[:, 2:4], axis=1).mean(axis=1))
    updated = with_feedback(fitted, interactions, features, probability, np.random.default_rng(0), rounds=3, k=2)
    np.testing.assert_array_equal(updated.lists[0], lists[0])
