"""Popularity from content against ridge regressions fitted one item at a time."""

from dataclasses import replace

import numpy as np
import pytest

from mmrec.models import load_model, make_model
from mmrec.models.ridge import PENALTIES


def by_hand(x, y, l2):
    """Weights and intercept from the normal equations, the intercept not penalised."""
    x = np.column_stack([x, np.ones(len(x))]).astype(float)
    penalty = l2 * np.eye(x.shape[1])
    penalty[-1, -1] = 0
    return np.linalg.solve(x.T @ x + penalty, x.T @ y)


def test_is_the_ridge_with_the_least_leave_one_out_error(interactions, features):
    train = interactions.take(interactions.item < 35)  # five items without a row
    model = make_model("content-popularity").fit(train, features)
    x = model.vectors(features).astype(float)
    likes = train.likes()
    y = np.log1p([int((likes.item == item).sum()) for item in range(35)])

    def left_out(l2):
        found = [by_hand(np.delete(x[:35], item, 0), np.delete(y, item), l2) for item in range(35)]
        return sum((y[item] - x[item] @ w[:-1] - w[-1]) ** 2 for item, w in enumerate(found))

    w = by_hand(x[:35], y, min(PENALTIES, key=left_out))
    found = model.scores(np.arange(3))
    assert found == pytest.approx(np.tile(x @ w[:-1] + w[-1], (3, 1)), abs=1e-4)


def test_new_items_are_ranked_as_by_popularity_and_taste_without_taste(interactions, features):
    """The baseline has the weights of the modalities that the model has, so that its gain is taste alone."""
    train = interactions.take(interactions.item < 35)
    one = make_model("content-popularity").fit(train, features).scores(np.arange(2))
    other = make_model("popularity-and-taste", alpha=0.0).fit(train, features).scores(np.arange(2))
    assert one[:, 35:] == pytest.approx(other[:, 35:], abs=1e-5)


def test_a_modality_that_says_nothing_weighs_less(interactions, features):
    quality = features.blocks["audio"][:, 0]
    keep = quality[interactions.item] + np.random.default_rng(0).normal(size=len(interactions)) > 0
    train = replace(interactions.take(keep), rating=np.full(keep.sum(), 5, np.float32))
    model = make_model("content-popularity").fit(train, features)
    parts = np.split(
        model.vectors(features), np.cumsum([len(one) for one in model.vectors.centre.values()])[:-1], axis=1
    )
    length = {name: (part**2).sum(axis=1).mean() for name, part in zip(model.vectors.centre, parts, strict=True)}
    assert length["audio"] > 2 * min(length.values())


def test_content_that_decides_the_likes_ranks_new_items(interactions, features):
    """Likes grow with one picture column: the order of unrated items follows that column."""
    quality = features.blocks["image"][:, 0]
    keep = quality[interactions.item] + np.random.default_rng(0).normal(size=len(interactions)) > 0
    train = interactions.take(keep & (interactions.item < 30))
    train = replace(train, rating=np.full(len(train), 5, np.float32))
    scores = make_model("content-popularity").fit(train, features).scores(np.array([0]))[0]
    assert np.corrcoef(scores[30:], quality[30:])[0, 1] > 0.6


def test_new_items_score_like_catalogued_ones(interactions, features, tmp_path):
    model = make_model("content-popularity").fit(interactions, features)
    assert model.new_item_scores(np.arange(2), features) == pytest.approx(model.scores(np.arange(2)), abs=1e-6)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m").new_item_scores(np.arange(2), features)
    assert np.array_equal(again, model.new_item_scores(np.arange(2), features))


def test_order_of_rows_and_items_does_not_matter(interactions, features):
    rng = np.random.default_rng(0)
    place = rng.permutation(interactions.items)  # item -> its new index
    rows = interactions.take(rng.permutation(len(interactions)))
    back = np.argsort(place)
    table = replace(
        features,
        item_ids=tuple(features.item_ids[item] for item in back),
        blocks={name: block[back] for name, block in features.blocks.items()},
        present=features.present[back],
    )
    one = make_model("content-popularity").fit(interactions, features).scores(np.array([0]))
    other = make_model("content-popularity").fit(replace(rows, item=place[rows.item]), table).scores(np.array([0]))
    assert other[:, place] == pytest.approx(one, abs=1e-5)
