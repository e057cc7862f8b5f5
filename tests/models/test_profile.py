"""The content profile against plain NumPy."""

from dataclasses import replace

import numpy as np
import pytest

from mmrec.errors import InputError
from mmrec.models import make_model
from mmrec.models.preprocessing import Preprocessor
from mmrec.models.profile import learn_attention

DAY = 86400


def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) if a.any() and b.any() else 0.0


def by_hand(train, table, kind, half_life=180.0):
    """Scores, one pair at a time."""
    table = np.array([row / np.linalg.norm(row) if row.any() else row for row in table.astype(float)])
    scores = np.zeros((train.n_users, train.n_items))
    for user in range(train.n_users):
        rated = [n for n in range(len(train)) if train.user[n] == user and table[train.item[n]].any()]
        used = rated if kind == "rating" else [n for n in rated if train.rating[n] >= 4]
        if not used:
            continue
        newest, mean = max(train.timestamp[n] for n in used), np.mean([train.rating[n] for n in used])
        w = {
            "uniform": [1.0 for n in used],
            "recency": [0.5 ** ((newest - train.timestamp[n]) / DAY / half_life) for n in used],
            "rating": [train.rating[n] - mean for n in used],
        }[kind]
        profile = sum(weight * table[train.item[n]] for weight, n in zip(w, used, strict=True))
        scores[user] = [cosine(profile, row) for row in table]
    return scores


@pytest.mark.parametrize("kind", ["uniform", "recency", "rating"])
@pytest.mark.parametrize("modality", ["text", "image"])
def test_scores(kind, modality, interactions, features):
    days = replace(interactions, timestamp=interactions.timestamp * DAY)
    model = make_model("content", modality=modality, weighting=kind, half_life=2000.0).fit(days, features)
    table = Preprocessor.fit(features, days).tables(features)[modality]
    expected = by_hand(days, table, kind, half_life=2000.0)
    np.testing.assert_allclose(model.scores(np.arange(days.n_users)), expected, atol=2e-5)


def test_counts_as_they_are(interactions, features):
    model = make_model("content", scaled=False).fit(interactions, features)
    expected = by_hand(interactions, features.blocks["text"], "uniform")
    np.testing.assert_allclose(model.scores(np.arange(interactions.n_users)), expected, atol=2e-5)


def test_learned_weights_tell_better_what_else_was_liked(interactions):
    """Its own loss, worked out one like at a time: the held-back item against the items of all likes."""
    rng = np.random.default_rng(0)
    items = rng.normal(size=(40, 10))
    items = (items / np.linalg.norm(items, axis=1, keepdims=True)).astype(np.float32)
    likes = interactions.take(items[interactions.item][:, 0] > rng.normal(size=len(interactions)))

    def loss(v):
        total = 0.0
        for user, item in zip(likes.user, likes.item, strict=True):
            mine = [i for u, i in zip(likes.user, likes.item, strict=True) if u == user and i != item]
            profile = np.exp(items[mine] @ v) @ items[mine] if mine else np.ones(10)
            score = 10 * items[likes.item] @ (profile / np.linalg.norm(profile))
            total -= 10 * cosine(profile, items[item]) - np.log(np.exp(score).sum())
        return total / len(likes)

    given = {"epochs": 12, "batch_size": 64, "learning_rate": 0.05}
    v = learn_attention(items, likes, **given, seed=0)
    assert loss(v) < loss(np.zeros(10)) - 0.01
    np.testing.assert_array_equal(v, learn_attention(items, likes, **given, seed=0))


def test_learned_weights_pool_by_softmax(interactions, features, monkeypatch):
    v = np.linspace(-3, 3, 30).astype(np.float32)
    monkeypatch.setattr("mmrec.models.profile.learn_attention", lambda items, likes, **_: v)
    model = make_model("content", weighting="learned", scaled=False).fit(interactions, features)
    table = features.blocks["text"] / np.maximum(np.linalg.norm(features.blocks["text"], axis=1, keepdims=True), 1e-9)
    likes = interactions.likes()
    mine = [item for user, item in zip(likes.user, likes.item, strict=True) if user == 3 and table[item].any()]
    w = np.exp(table[mine] @ v) / np.exp(table[mine] @ v).sum()
    expected = [cosine(w @ table[mine], row) for row in table]
    np.testing.assert_allclose(model.scores(np.array([3]))[0], expected, atol=2e-5)


def test_nobody_and_nothing_score_zero(interactions, features):
    train = interactions.take(interactions.user != 4)
    scores = make_model("content", modality="image").fit(train, features).scores(np.arange(train.n_users))
    assert not scores[4].any()
    assert not scores[:, ~features.mask("image")].any()


def test_what_cannot_be(interactions, features):
    with pytest.raises(InputError, match="uniform"):
        make_model("content", weighting="magic")
    with pytest.raises(InputError, match="audio"):
        make_model("content", modality="smell")
    with pytest.raises(InputError, match="needs image features"):
        make_model("content", modality="image").fit(interactions, features.only("text"))
