"""Popularity and taste against plain NumPy, and what the parts promise."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from mmrec.models import load_model, make_model
from mmrec.models.logit import conditional_logit
from mmrec.models.ridge import PENALTIES, Ridge


def model_of(interactions, features, **settings):
    return make_model("popularity-and-taste", **settings).fit(interactions, features)


def test_known_items_follow_the_formula(interactions, features):
    model = model_of(interactions, features, alpha=0.7)
    liked = interactions.likes().matrix().toarray().astype(float)
    n_u, n_i, total = liked.sum(axis=1, keepdims=True), liked.sum(axis=0), liked.sum()
    assert (n_u > 0).all()
    lift = (liked - n_u * n_i / total) / np.sqrt(n_u * np.maximum(n_i, 1))
    expected = np.log1p(n_i) + 0.7 * (lift - lift.mean(axis=0)) @ lift.T @ lift
    assert model.scores(np.arange(interactions.users)) == pytest.approx(expected, abs=1e-4)


def test_without_taste_new_items_are_ranked_by_a_ridge_on_their_content(interactions, features):
    train = interactions.take(interactions.item < 35)  # five items without a row
    text = features.only("text")
    model = model_of(train, text, alpha=0.0)
    scores = model.scores(np.arange(train.users))
    assert (scores == scores[0]).all()
    assert scores[0, :35] == pytest.approx(np.log1p(np.bincount(train.likes().item, minlength=40)[:35]), abs=1e-5)
    x = model.vectors(text).astype(float)
    y = np.log1p(np.bincount(train.likes().item, minlength=40)[:35])
    found = [
        y.mean() + x[35:] @ np.linalg.solve(x[:35].T @ x[:35] + l2 * np.eye(x.shape[1]), x[:35].T @ (y - y.mean()))
        for l2 in PENALTIES
    ]
    assert min(np.abs(scores[0, 35:] - one).max() for one in found) < 1e-4


def test_taste_has_mean_zero(interactions, features):
    train = interactions.take(interactions.item < 35)
    model = model_of(train, features, alpha=2.0)
    scores = model.scores(np.arange(train.users))
    liking = np.bincount(train.likes().user, minlength=train.users) > 0
    assert scores[liking].mean(axis=0) == pytest.approx(model.popularity, abs=1e-4)
    assert scores[liking].std(axis=0).max() > 0.01


@pytest.mark.parametrize("columns", [6, 30], ids=["fewer columns than items", "more"])
def test_left_out_items_are_predicted_from_the_others(columns):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, columns)), rng.normal(size=20)
    x -= x.mean(axis=0)
    ridge = Ridge(x)
    w = np.array([_ridge_without(x, y, item, 2.0) for item in range(20)])
    assert ridge.left_out(y - y.mean(), 2.0) + y.mean() == pytest.approx(w, abs=1e-8)
    others = np.delete(np.arange(20), 3)
    kernel = x @ x.T
    plain = kernel[3, others] @ np.linalg.solve(kernel[np.ix_(others, others)] + 2 * np.eye(19), y[others])
    assert ridge.left_out_hat(2.0)[3] @ y == pytest.approx(plain)
    solved = np.linalg.solve(x.T @ x + 2 * np.eye(columns), x.T @ y)
    assert ridge.weights(x, y, 2.0) == pytest.approx(solved, abs=1e-6)


def _ridge_without(x, y, item, l2):
    keep = np.arange(len(x)) != item
    mean, middle = y[keep].mean(), x[keep].mean(axis=0)
    part = x[keep] - middle
    return mean + (x[item] - middle) @ np.linalg.solve(
        part.T @ part + l2 * np.eye(x.shape[1]), part.T @ (y[keep] - mean)
    )


def test_conditional_logit_finds_planted_weights():
    rng = np.random.default_rng(0)
    popularity, taste = rng.normal(size=60), rng.normal(size=(400, 60))
    noise = rng.gumbel(size=(400, 60))
    order = np.argsort(-(0.8 * popularity + 0.5 * taste + noise), axis=1)
    liked = csr_matrix((np.ones(400), (np.arange(400), order[:, 0])), (400, 60))
    _, beta, gamma = conditional_logit(popularity, taste, liked)
    assert (beta, gamma) == pytest.approx((0.8, 0.5), abs=0.12)


def planted(interactions, features, rng):
    """Users of two kinds, who like the items whose first picture column is above or below 0."""
    kind = np.where(np.arange(interactions.users) % 2, 1.0, -1.0)
    agrees = kind[interactions.user] * features.blocks["image"][interactions.item, 0] > 0
    return replace(interactions, rating=np.where(agrees, 5, 1).astype(np.float32)), kind


def test_taste_that_content_shows_ranks_new_items(interactions, features):
    rows, kind = planted(interactions, features, np.random.default_rng(0))
    train = rows.take(rows.item < 30)
    model = model_of(train, features)
    assert model.alpha > 0
    side = features.blocks["image"][30:, 0]
    scores = model.scores(np.arange(rows.users))[:, 30:]
    assert np.corrcoef(scores[kind > 0].mean(axis=0) - scores[kind < 0].mean(axis=0), side)[0, 1] > 0.6


def test_new_items_score_like_catalogued_ones_without_rows(interactions, features, tmp_path):
    train = interactions.take(interactions.item < 35)
    model = model_of(train, features, alpha=1.0)
    found = model.new_item_scores(np.arange(3), features)[:, 35:]
    assert found == pytest.approx(model.scores(np.arange(3))[:, 35:], abs=1e-5)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert np.array_equal(again.new_item_scores(np.arange(3), features)[:, 35:], found)


def test_order_of_rows_and_items_does_not_matter(interactions, features):
    rng = np.random.default_rng(0)
    place = rng.permutation(interactions.items)  # item -> its new index
    back = np.argsort(place)
    rows = interactions.take(interactions.item < 35).take(rng.permutation((interactions.item < 35).sum()))
    table = replace(
        features,
        item_ids=tuple(features.item_ids[item] for item in back),
        blocks={name: block[back] for name, block in features.blocks.items()},
        present=features.present[back],
    )
    one = model_of(interactions.take(interactions.item < 35), features).scores(np.arange(9))
    other = model_of(replace(rows, item=place[rows.item]), table).scores(np.arange(9))
    assert other[:, place] == pytest.approx(one, abs=1e-4)
