"""EASE with content: the solution of its own least squares."""

import numpy as np
import pytest

from mmrec.data.catalogue import LIKE_THRESHOLD
from mmrec.models import make_model
from mmrec.models.similarity import content_similarity


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_gradient_vanishes_off_the_diagonal(interactions, features, dropout):
    settings = {"l2": 7.0, "content": 3.0, "dropout": dropout, "dislike": 0.25}
    weights = make_model("ease-features", **settings).fit(interactions, features).weights.astype(float)
    chosen = np.zeros((interactions.n_users, interactions.n_items))
    worth = np.where(interactions.rating >= LIKE_THRESHOLD, 1, 0.25)
    np.add.at(chosen, (interactions.user, interactions.item), worth)
    gram = chosen.T @ chosen
    ridge = 7.0 + dropout / (1 - dropout) * np.diag(gram)
    gram = gram + 3.0 * content_similarity(features, interactions)
    gradient = gram @ weights - gram + ridge[:, None] * weights
    assert np.abs(gradient[~np.eye(len(gram), dtype=bool)]).max() < 1e-3
    assert not np.diag(weights).any()


def test_new_item_is_scored_by_its_content(interactions, features):
    train = interactions.take(interactions.item < 35)
    scores = make_model("ease-features").fit(train, features).scores(np.arange(train.n_users))
    assert np.std(scores[:, 35:], axis=0).min() > 0
    assert not make_model("ease").fit(train).scores(np.arange(train.n_users))[:, 35:].any()
