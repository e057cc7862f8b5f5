"""Pairwise factorisation: the score and the loss as printed, what is drawn, and what is said of the unknown."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import assert_same_bits_and_saving, random_interactions
from planted import implicit, planted, right_half

from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError
from mmrec.models.vbpr import BPR, VBPR, LikedAndDrawn, PairwiseFactors

SMALL = {"embedding_size": 4, "epochs": 2, "batch_size": 64, "negatives": 8}


def test_scores_follow_the_formula(interactions, features):
    model = VBPR(**SMALL).fit(interactions, features)
    z, d = model.reduction.vectors(features).astype(float), 4
    p, extra = model.user_vectors[:, :d], model.user_vectors[:, d:]
    q, e = model.items[:, :d], model.projection[:, d:]
    visual = z @ e
    np.testing.assert_allclose(model.items[:, d:], visual, atol=1e-5)
    b = model.bias - z @ model.content_bias
    for user, item in ((0, 3), (7, 31)):
        expected = b[item] + p[user] @ q[item] + extra[user] @ visual[item] + model.content_bias @ z[item]
        assert model.scores(np.array([user]))[0, item] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("with_content", [False, True])
def test_the_loss_is_the_one_of_pairs(with_content):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(9, 5)).astype(np.float32) if with_content else None
    network = PairwiseFactors(6, 9, embedding_size=3, z=z, l2=0.2)
    network.set_weights([rng.normal(size=weight.shape) for weight in network.weights])
    named = {weight.name: np.asarray(weight) for weight in network.weights}
    user, item, drawn = np.array([0, 5, 2, 2]), np.array([3, 8, 0, 3]), np.array([1, 3, 7])
    users, who = np.unique(user, return_inverse=True)
    items, place = np.unique(np.concatenate([item, drawn]), return_inverse=True)
    targets = {"who": who, "liked": place[:4], "drawn": place[4:]}
    got = float(network.batch_loss(targets, network({"users": users, "items": items})))

    content = np.zeros((9, 0)) if z is None else z @ named["projection"]
    vectors = np.hstack([named["items"], content])
    bias = named["bias"] + (0 if z is None else z @ named["content_bias"])
    losses, norms = [], []
    for u, i in zip(user, item, strict=True):
        for j in drawn:
            gap = named["users"][u] @ (vectors[i] - vectors[j]) + bias[i] - bias[j]
            losses.append(-np.log(1 / (1 + np.exp(-gap))))
    for table, at in ((named["users"], user), (vectors, item), (vectors, drawn), (bias[:, None], item)):
        norms.append(np.mean(np.sum(table[at] ** 2, axis=1)))
    norms.append(np.mean(bias[drawn] ** 2))
    assert got == pytest.approx(np.mean(losses) + 0.2 * np.sum(norms), rel=1e-5)


def test_an_epoch_holds_each_like_once_all_of_a_person_together_and_draws_only_known_items():
    likes = random_interactions().likes()
    known = np.arange(0, 40, 2)
    batches = LikedAndDrawn(likes, known, batch_size=50, negatives=30, popularity=0.0, rng=np.random.default_rng(0))
    orders = []
    for _ in range(2):
        users, seen, drawn = [], [], []
        for index in range(len(batches)):
            inputs, targets = batches[index]
            users += list(inputs["users"])
            seen += list(zip(inputs["users"][targets["who"]], inputs["items"][targets["liked"]], strict=True))
            drawn += list(inputs["items"][targets["drawn"]])
        assert sorted(users) == np.unique(likes.user).tolist()
        assert sorted(seen) == sorted(zip(likes.user, likes.item, strict=True))
        assert set(drawn) <= set(known.tolist())
        orders.append(users)
        batches.on_epoch_end()
    assert orders[0] != orders[1]


def test_a_person_with_more_likes_than_a_batch_holds_stays_whole():
    count = np.array([2, 90, 3])
    user, item = np.repeat(np.arange(3), count), np.concatenate([np.arange(many) for many in count])
    likes = Interactions(user, item, np.ones(95, np.float32), item, item, 3, 90)
    batches = LikedAndDrawn(
        likes, np.arange(90), batch_size=10, negatives=4, popularity=0.0, rng=np.random.default_rng(0)
    )
    sizes = [len(batches[index][1]["liked"]) for index in range(len(batches))]
    assert min(sizes) > 0
    assert sum(sizes) == 95


def test_popular_items_are_drawn_as_said():
    count = np.array([1, 3, 7, 15])  # likes, to which one is added
    item = np.repeat(np.arange(4), count)
    at = np.arange(len(item))
    likes = Interactions(at, item, np.ones(len(item), np.float32), at, at, len(item), 4)
    batches = LikedAndDrawn(
        likes, np.arange(4), batch_size=len(item), negatives=40_000, popularity=0.5, rng=np.random.default_rng(0)
    )
    inputs, targets = batches[0]
    share = np.bincount(inputs["items"][targets["drawn"]], minlength=4) / 40_000
    expected = np.sqrt([2, 4, 8, 16]) / np.sqrt([2, 4, 8, 16]).sum()
    np.testing.assert_allclose(share, expected, atol=0.01)


@pytest.mark.parametrize("kind", [BPR, VBPR])
def test_a_planted_taste_is_found(kind):
    train, _, features = planted()
    model = kind(embedding_size=8, epochs=20, batch_size=96, negatives=16, learning_rate=0.05).fit(train, features)
    assert right_half(model.scores(np.arange(60))) > 0.95


def test_new_items_are_told_by_their_features():
    train, _, features = planted()
    known = train.take(train.item < 30)
    model = VBPR(embedding_size=8, epochs=20, batch_size=96, negatives=16, learning_rate=0.05).fit(known, features)
    scores = model.scores(np.arange(60))[:, 30:]
    own = np.arange(30, 40)[None] % 2 == (np.arange(60) % 2)[:, None]
    assert np.mean(scores[own]) > np.mean(scores[~own]) + 0.5
    users = np.arange(5)
    np.testing.assert_allclose(model.new_item_scores(users, features)[:, 30:], model.scores(users)[:, 30:], atol=1e-5)


@pytest.mark.parametrize("kind", [BPR, VBPR])
def test_the_unknown_get_sensible_scores(kind, interactions, features):
    train = interactions.take((interactions.user != 4) & (interactions.item < 35))
    model = kind(**SMALL).fit(train, features)
    others = np.unique(train.likes().user)
    expected = model.scores(others).mean(axis=0)
    np.testing.assert_allclose(model.scores(np.array([4]))[0], expected, atol=1e-5)  # the average user
    if kind is BPR:
        assert np.unique(model.scores(np.arange(30))[:, 35:]).tolist() == [model.bias[:35].min()]


@pytest.mark.parametrize(("kind", "graded"), [(BPR, True), (VBPR, False)])
def test_same_seed_same_bits_and_saving(kind, graded, interactions, features):
    train = interactions if graded else implicit(interactions)
    first = assert_same_bits_and_saving(lambda: kind(**SMALL), train, features)
    other = kind(**SMALL, seed=1).fit(train, features)
    assert not np.array_equal(other.scores(np.arange(6)), first.scores(np.arange(6)))


@pytest.mark.parametrize("names", [("text",), ("image", "audio")])
def test_any_subset_of_modalities_and_none_at_all(names, interactions, features):
    subset = features.only(*names)
    none = replace(
        subset,
        present=subset.present & (np.arange(40) > 2)[:, None],
        blocks={name: block * (np.arange(40) > 2)[:, None] for name, block in subset.blocks.items()},
    )
    model = VBPR(**SMALL).fit(interactions, none)
    assert np.isfinite(model.scores(np.arange(30))).all()
    assert not model.items[:3, 4:].any()  # nothing is told by features that are absent


def test_features_are_needed(interactions):
    with pytest.raises(InputError, match="features"):
        VBPR(**SMALL).fit(interactions)
