"""New users and new items, against what the model says of those it knows."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.lists.newcomers import likes_matrix, rank_for_description, rank_for_likes, rank_users
from mmrec.lists.reasons import rows_of
from mmrec.models import load_model, make_model

LINEAR = ["ease", "content"]


def full_order(scores):
    return sorted(range(len(scores)), key=lambda at: (-scores[at], at))


def test_likes_as_a_matrix():
    found = likes_matrix([np.array([2, 0, 2]), np.array([], int), np.array([1])], 4).toarray()
    assert found.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize("settings", [{}, {"weighting": "learned", "epochs": 1}, {"scaled": False}])
def test_a_known_person_folded_in_scores_the_same(settings, interactions, features, tmp_path):
    model = make_model("content", **settings).fit(interactions, features)
    liked = interactions.likes().matrix()
    np.testing.assert_allclose(model.fold_in(liked), model.scores(np.arange(interactions.n_users)), atol=1e-6)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    np.testing.assert_array_equal(again.fold_in(liked), model.fold_in(liked))
    np.testing.assert_array_equal(again.vectors(features), model.items)


@pytest.mark.parametrize("name", LINEAR)
def test_what_a_new_person_named_is_not_listed(name, interactions, features):
    model = make_model(name).fit(interactions, features)
    liked, allowed = likes_matrix([np.array([3, 8]), np.array([5])], interactions.n_items), np.ones(40, bool)
    allowed[:3] = False
    items, scores = rank_for_likes(model, liked, 50, allowed=allowed)
    expected = model.fold_in(liked)
    for row, named in enumerate(([3, 8], [5])):
        order = [item for item in full_order(expected[row]) if item not in named and item >= 3]
        assert items[row].tolist() == order + [-1] * (50 - len(order))
        np.testing.assert_array_equal(scores[row][: len(order)], expected[row][order])


@pytest.mark.parametrize("settings", [{}, {"scaled": False}])
def test_who_says_an_items_text_likes_that_item_best(settings, interactions, features):
    model = make_model("content", **settings).fit(interactions, features)
    has = np.flatnonzero(features.blocks["text"].any(axis=1))[:5]
    items, scores = rank_for_description(model, rows_of(features, has), 3)
    assert items[:, 0].tolist() == has.tolist()
    np.testing.assert_allclose(scores[:, 0], 1, atol=1e-6)


def test_a_text_that_tells_nothing(interactions, features):
    model = make_model("content").fit(interactions, features)
    silent = Features(("x",), {"text": np.zeros((1, 30), np.float32)}, np.array([[True, False, False]]))
    with pytest.raises(InputError, match="nothing that it knows"):
        rank_for_description(model, silent, 3)
    pictures = make_model("content", modality="image").fit(interactions, features)
    with pytest.raises(InputError, match="nothing that it knows"):
        rank_for_description(pictures, rows_of(features.only("text"), [0]), 3)


def test_who_would_like_a_new_item(interactions, features):
    model, users = make_model("content").fit(interactions, features), np.arange(interactions.n_users)
    new = rows_of(features, [4, 9])
    scores = model.new_item_scores(users, new)
    np.testing.assert_allclose(scores, model.scores(users)[:, [4, 9]], atol=1e-6)
    found, best = rank_users(model, users, new, 40)
    for row in range(2):
        order = full_order(scores[:, row])
        assert found[row].tolist() == order + [-1] * 10
        np.testing.assert_array_equal(best[row][:30], scores[order, row])
    some = np.array([7, 2, 11])
    assert set(rank_users(model, some, new, 3)[0].ravel()) == {2, 7, 11}


def test_models_that_cannot(interactions, features):
    model = make_model("popularity").fit(interactions)
    for work in (
        lambda: rank_for_likes(model, csr_matrix((1, interactions.n_items)), 3),
        lambda: rank_for_description(model, features, 3),
        lambda: rank_users(model, np.arange(3), features, 3),
    ):
        with pytest.raises(InputError, match=r"popularity cannot .*: train one of .*content"):
            work()
