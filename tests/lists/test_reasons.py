"""Reasons: parts that sum to the score, losses that are measured, similarity that is called so."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.features.table import Features
from mmrec.lists.reasons import Explainer, Reason, in_words, rows_of, words_in
from mmrec.models import make_model
from mmrec.text import count_words

WORDS = ("robot", "ship", "kiss", "sea", "科幻", "爱情", "night", "war")


@pytest.fixture
def world(interactions, features):
    """A catalogue whose texts are of few words, with their counts as features."""
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(WORDS, 4)) for _ in range(interactions.n_items)]
    counts = count_words(texts, 512).toarray().astype(np.float32)
    present = features.present.copy()
    present[:, 0] = True
    blocks = {**features.blocks, "text": counts}
    table = Features(features.item_ids, blocks, present, info={"text": {"encoder": "bow"}})
    items = pd.DataFrame({"item_id": features.item_ids, "text": texts})
    none = pd.DataFrame()
    users = tuple(map(str, range(interactions.n_users)))
    return Catalogue(None, items, users, interactions, (), none, none, ""), table, interactions


def of(reasons, basis, kind):
    return {one.name: one.value for one in reasons if (one.basis, one.kind) == (basis, kind)}


def liked_by(train, user):
    return train.likes().matrix()[user].indices


def test_contributions_to_a_linear_score(world):
    catalogue, features, train = world
    model, user = make_model("ease", l2=20.0).fit(train), 3
    liked, items = liked_by(train, user), model.recommend(np.array([user]), 4)[0][0]
    score = model.scores(np.array([user]))[0]
    found = Explainer(model, catalogue, features, train).reasons(liked, items, user=user)
    for item, reasons in zip(items, found, strict=True):
        shares = {catalogue.item_ids[one]: float(model.weights[one, item] / score[item]) for one in liked}
        largest = sorted(shares, key=shares.get, reverse=True)[:3]
        told = of(reasons, "contribution", "liked item")
        assert list(told) == [name for name in largest if shares[name] > 0]
        for name, share in told.items():
            assert share == pytest.approx(shares[name], rel=1e-4)
        assert {one.basis for one in reasons} == {"contribution"}


def test_contributions_of_all_liked_items_are_the_whole(world, monkeypatch):
    monkeypatch.setattr("mmrec.lists.reasons._MOST", 1000)
    catalogue, features, train = world
    model, user = make_model("content").fit(train, features), 3
    liked, items = liked_by(train, user), model.recommend(np.array([user]), 4)[0][0]
    for reasons in Explainer(model, catalogue, features, train).reasons(liked, items, user=user):
        # cosines of counts are not negative, so that all parts are told
        assert sum(of(reasons, "contribution", "liked item").values()) == pytest.approx(1, abs=1e-4)
        assert sum(of(reasons, "contribution", "word").values()) == pytest.approx(1, abs=1e-4)
        assert of(reasons, "contribution", "modality") == {"text": 1.0}


@pytest.mark.parametrize("scaled", [True, False])
def test_words_are_those_of_the_cosine(world, scaled):
    catalogue, features, train = world
    model, user = make_model("content", scaled=scaled).fit(train, features), 3
    liked, items = liked_by(train, user), model.recommend(np.array([user]), 2)[0][0]
    for item, reasons in zip(
        items, Explainer(model, catalogue, features, train).reasons(liked, items, user=user), strict=True
    ):
        whole = float(model.profiles[user] @ model.items[item])
        shares = {}
        for word in set(catalogue.items["text"][item].split()):  # the score without the word's column
            column = count_words([word], 512).indices[0]
            at = np.flatnonzero(model.preprocessor.words == column)[0] if scaled else column
            rest = model.items[item].copy()
            rest[at] = 0
            shares[word] = 1 - float(model.profiles[user] @ rest) / whole
        told = of(reasons, "contribution", "word")
        assert len(told) == 3
        assert list(told.values()) == pytest.approx(sorted(shares.values(), reverse=True)[:3], abs=1e-5)
        assert told == pytest.approx({word: shares[word] for word in told}, abs=1e-5)


def test_a_score_that_is_no_such_sum_is_not_called_one(world):
    catalogue, features, train = world
    model, user = make_model("content", weighting="rating").fit(train, features), 3  # dislikes enter as well
    items = model.recommend(np.array([user]), 2)[0][0]
    for reasons in Explainer(model, catalogue, features, train).reasons(liked_by(train, user), items, user=user):
        assert not of(reasons, "contribution", "liked item")
        assert of(reasons, "similarity", "liked item")


def test_losses_are_what_the_score_loses(world):
    catalogue, features, train = world
    model, user = make_model("document-user", epochs=2, batch_size=64).fit(train, features), 3
    item = int(np.flatnonzero(features.present.all(axis=1))[0])
    (reasons,) = Explainer(model, catalogue, features, train).reasons(liked_by(train, user), [item], user=user)
    whole = model.new_item_scores(np.array([user]), features)[0, item]
    for name in features.modalities:
        blocks = {**features.blocks, name: features.blocks[name] * 0}
        present = features.present.copy()
        present[:, features.modalities.index(name)] = False
        fall = whole - model.new_item_scores(np.array([user]), Features(features.item_ids, blocks, present))[0, item]
        told = of(reasons, "loss", "modality")
        assert (name in told) == (fall > 0)
        assert told.get(name, fall) == pytest.approx(fall, abs=1e-6)


def test_similarity_is_the_nearest_liked_item(world):
    catalogue, features, train = world
    model, liked = make_model("popularity").fit(train), np.array([3, 11, 20, 31])
    (reasons,) = Explainer(model, catalogue, features, train).reasons(liked, [5], user=0)
    assert {one.basis for one in reasons} == {"similarity"}
    tables = Explainer(model, catalogue, features, train).tables
    near = {catalogue.item_ids[one]: np.mean([table[one] @ table[5] for table in tables.values()]) for one in liked}
    best = max(near, key=near.get)
    assert of(reasons, "similarity", "liked item") == pytest.approx({best: near[best]}, abs=1e-6)
    has = [name for name in features.modalities if features.mask(name)[[5, int(best[1:])]].all()]
    assert set(of(reasons, "similarity", "modality")) == set(has)
    both = set(catalogue.items["text"][5].split()) & set(catalogue.items["text"][int(best[1:])].split())
    assert set(of(reasons, "similarity", "word")) <= both
    assert "similarity, not the cause of the score" in in_words(reasons)


def test_new_people(world):
    catalogue, features, train = world
    model = make_model("content").fit(train, features)
    explainer = Explainer(model, catalogue, features, train)
    (by_likes,) = explainer.reasons(np.array([2]), [9])
    if model.items[2] @ model.items[9] > 0:
        assert of(by_likes, "contribution", "liked item") == pytest.approx({"i2": 1.0}, abs=1e-4)
    (by_text,) = explainer.reasons(np.zeros(0, int), [9], described=rows_of(features, [9]))
    assert of(by_text, "contribution", "word")
    assert not of(by_text, "contribution", "liked item")


def test_nothing_to_say(world):
    catalogue, _, train = world
    model = make_model("popularity").fit(train)
    (reasons,) = Explainer(model, catalogue, None, train).reasons(np.array([1]), [2], user=0)
    assert reasons == []
    assert in_words(reasons) == "The model gives no reason."


def test_words_that_share_a_column_are_named_together():
    parts = np.zeros(1)
    parts[0] = 0.5
    assert words_in("b a a", parts, np.array([0]), 1) == [("a/b", 0.5)]
    assert words_in("", parts, np.array([0]), 1) == []


def test_sentences():
    reasons = [
        Reason("contribution", "liked item", "One", 0.5),
        Reason("contribution", "liked item", "Two", 0.25),
        Reason("contribution", "modality", "image", 1.0),
        Reason("loss", "modality", "audio", 0.0312),
    ]
    assert in_words(reasons) == (
        "You liked “One” (50% of the score) and “Two” (25% of the score). All of the score comes from its picture. "
        "The score would fall by 0.031 without its sound."
    )
    assert reasons[3].as_json() == {"basis": "loss", "kind": "modality", "name": "audio", "value": 0.0312}


def test_rows_of_some_items(features):
    part = rows_of(features, [7, 2])
    assert part.item_ids == ("i7", "i2")
    np.testing.assert_array_equal(part.blocks["image"], features.blocks["image"][[7, 2]])
    np.testing.assert_array_equal(part.present, features.present[[7, 2]])


def test_loaded_rows_serve_as_well(world):
    """A loaded model keeps no ratings: what is said must not depend on them for the scales of content."""
    catalogue, features, train = world
    plain: Interactions = replace(train, rating=np.ones_like(train.rating))
    model = make_model("popularity").fit(train)
    one, other = (Explainer(model, catalogue, features, rows).reasons(np.array([3]), [5]) for rows in (train, plain))
    assert one == other
