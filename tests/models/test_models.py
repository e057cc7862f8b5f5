"""The recommender contract, and each model against an independent computation."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.errors import InputError
from mmrec.models import REGISTRY, load_model, make_model, model_class
from mmrec.models.abilities import FoldsInUsers

QUICK = {"epochs": 2, "batch_size": 64, "steps": 4}


def make(name):
    """A model that is fitted in a moment."""
    settings = {key: value for key, value in QUICK.items() if key in model_class(name).declared}
    if name in ("rank-fusion", "stacked"):
        settings["member_settings"] = {"graph-network": {"steps": 4}, "two-towers": {"epochs": 2}}
    return make_model(name, **settings)


@pytest.mark.parametrize("name", REGISTRY)
def test_contract(name, interactions, features, tmp_path):
    train = interactions.take(interactions.item < 35)  # five items without a row
    model = make(name).fit(train, features)
    users = np.array([3, 0, 7])
    scores = model.scores(users)
    assert scores.shape == (3, interactions.n_items)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    items, best = model.recommend(users, k=50)
    seen = train.matrix()[users].toarray() > 0
    for row in range(3):
        listed = items[row][items[row] >= 0]
        assert not seen[row][listed].any()
        assert len(listed) == interactions.n_items - seen[row].sum()
        assert (np.diff(best[row][: len(listed)]) <= 0).all()
    model.save(tmp_path / "m")
    assert np.array_equal(load_model(tmp_path / "m").scores(users), scores)
    again = make(name).fit(train, features).scores(users)
    assert np.array_equal(again, scores)  # same seed, same scores


@pytest.mark.parametrize("name", [name for name in REGISTRY if issubclass(model_class(name), FoldsInUsers)])
def test_new_people(name, interactions, features, tmp_path):
    model = make(name).fit(interactions, features)
    liked = csr_matrix((np.ones(4, np.float32), ([0, 0, 1, 2], [1, 5, 7, 1])), (3, interactions.n_items))
    scores = model.fold_in(liked)
    assert scores.shape == (3, interactions.n_items)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert model.fold_in(liked[[1]])[0] == pytest.approx(scores[1], abs=1e-5)  # nobody depends on who else asks
    assert not np.array_equal(scores[0], scores[1])
    model.save(tmp_path / "m")
    assert np.array_equal(load_model(tmp_path / "m").fold_in(liked), scores)


@pytest.mark.parametrize("name", REGISTRY)
def test_no_training_row_is_an_error(name, interactions, features):
    with pytest.raises(InputError, match="no training row"):
        make(name).fit(interactions.take(np.zeros(len(interactions), bool)), features)


def test_unknown_model_lists_the_choices():
    with pytest.raises(InputError, match="popularity"):
        make_model("magic")


def test_ease_solves_its_own_equation(interactions):
    l2 = 30.0
    weights = make_model("ease", l2=l2).fit(interactions).weights.astype(float)
    liked = interactions.likes().matrix().toarray().astype(float)
    gram = liked.T @ liked
    # at the optimum the gradient of |X - XB|^2 + l2 |B|^2 vanishes off the diagonal
    gradient = gram @ weights - gram + l2 * weights
    assert np.abs(gradient[~np.eye(len(gram), dtype=bool)]).max() < 1e-3
    assert np.abs(np.diag(weights)).max() == 0


def test_factorisation_is_at_a_fixed_point_of_its_loss(interactions):
    model = make_model("mf", embedding_size=4, alpha=3.0, l2=2.0, epochs=40).fit(interactions)
    liked = interactions.likes().matrix().toarray()
    users, items = model.users.copy(), model.items

    def loss(users):
        error = (1 + 3.0 * liked) * (liked - users @ items.T) ** 2
        return error.sum() + 2.0 * ((users**2).sum() + (items**2).sum())

    least = loss(users)
    rng = np.random.default_rng(0)
    assert all(loss(users + 0.01 * rng.normal(size=users.shape)) > least - 1e-3 for _ in range(5))
    # at the fixed point a user who comes again with the same likes is the same user
    assert model.fold_in(interactions.likes().matrix()) == pytest.approx(users @ items.T, abs=1e-2)


def test_popularity_counts_likes(interactions):
    likes = interactions.likes()
    expected = [int((likes.item == item).sum()) for item in range(interactions.n_items)]
    assert make_model("popularity").fit(interactions).scores(np.array([0]))[0].tolist() == expected


def test_literal_reading_gives_everybody_the_same(interactions, features):
    scores = make("document-literal").fit(interactions, features).scores(np.arange(5))
    assert (scores == scores[0]).all()
    assert ((scores > 0) & (scores < 1)).all()


@pytest.mark.parametrize("name", ["document-user", "document-literal"])
def test_readings_follow_their_printed_equation(name, interactions, features, tmp_path):
    """R in NumPy, as chapter 6 prints it, from the saved weights and the scaled features of all three modalities."""
    make(name).fit(interactions, features).save(tmp_path / "m")
    model = load_model(tmp_path / "m")
    net, tables, h = model.network, model.preprocessor.tables(features), features.present.astype(float)
    W = {modality: np.asarray(layer.kernel, float) for modality, layer in net.projections.items()}
    assert list(W) == list(MODALITIES)
    W_h = np.asarray(net.presence.kernel, float)
    W_f, b_f, W_r, b_r = (np.asarray(value, float) for value in [*net.fusion.weights, *net.scorer.weights])
    users = np.array([0, 2, 11])
    expected = np.zeros((len(users), interactions.n_items))
    for row, user in enumerate(users):
        mine = (interactions.user == user) & (interactions.rating >= 4)
        p = np.asarray(net.embedding.embeddings, float)[user] if name == "document-user" else None
        for at, modality in enumerate(MODALITIES):
            pooled = [tables[modality][item] for item in interactions.item[mine] if h[item, at]]
            if p is not None and pooled:
                p = p + np.mean(pooled, axis=0) @ W[modality]
        for item in range(interactions.n_items):
            q = sum(tables[modality][item] @ W[modality] for modality in MODALITIES) + h[item] @ W_h
            concat = q if p is None else np.concatenate([p, q, p * q, [model.preprocessor.popularity[item]]])
            logit = np.maximum(0, concat @ W_f + b_f) @ W_r[:, 0] + b_r[0]
            expected[row, item] = 1 / (1 + np.exp(-logit))
    assert model.scores(users) == pytest.approx(expected, abs=1e-5)


def test_cold_user_is_the_average_person(interactions, features):
    train = interactions.take(interactions.user != 4)
    model = make("document-user").fit(train, features)
    table = np.asarray(model.network.embedding.embeddings)
    known = np.bincount(train.user, minlength=train.n_users) > 0
    assert model.user_vectors[4] == pytest.approx(table[known].mean(axis=0), abs=1e-6)


def test_one_class_of_rating_only(interactions, features):
    ones = Interactions(
        interactions.user, interactions.item, np.ones(len(interactions), np.float32), interactions.timestamp,
        interactions.row, interactions.n_users, interactions.n_items,
    )  # fmt: skip
    assert np.isfinite(make("document-user").fit(ones, features).scores(np.arange(2))).all()


def test_new_items_score_like_catalogued_ones(interactions, features):
    """Everything but the popularity of an item is told by its features."""
    model = make("document-user").fit(interactions, features)
    known = np.full(interactions.n_items, model.preprocessor.popularity.min(), np.float32)
    expected = model.network.rate(model.user_vectors[:2], model.items, known)
    assert np.allclose(model.new_item_scores(np.arange(2), features), expected, atol=1e-6)


@pytest.mark.parametrize("key", ["state/people", "state/member:people"])
def test_vectors_saved_by_0_1_are_read(interactions, tmp_path, monkeypatch, key):
    model = make_model("random").fit(interactions)
    monkeypatch.setattr(model, "state", lambda: {key.removeprefix("state/"): np.ones(3)})
    model.save(tmp_path)
    found = {}
    monkeypatch.setattr(type(model), "restore", lambda self, state: found.update(state))
    load_model(tmp_path)
    assert list(found) == [key.removeprefix("state/").replace("people", "user_vectors")]
