"""The fusion models: every form and subset fits, questions are asked as said, and use with less is what it claims."""

import numpy as np
import pytest
from conftest import random_interactions

from mmrec.data.catalogue import LIKE_THRESHOLD, Interactions
from mmrec.errors import InputError
from mmrec.models import load_model
from mmrec.models.fusion import FusionRecommender, principal_axes
from mmrec.models.fusion_training import FusionBatches, FusionTrainer
from mmrec.models.preprocessing import Preprocessor
from mmrec.models.user_item_network import FORMS, UserItemNetwork, equal_units

SMALL = {"epochs": 1, "batch_size": 16, "embedding_size": 4, "units": 4, "hidden_units": 6}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_fits_saves_and_repeats(form, interactions, features, tmp_path):
    train = interactions.take(interactions.item < 35)
    model = FusionRecommender(fusion=form, **SMALL).fit(train, features)
    users = np.arange(5)
    for target in ("like", "list"):
        scores = model.aim(target).scores(users)
        assert ((scores > 0) & (scores < 1)).all()
    model.save(tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert np.array_equal(loaded.aim("like").scores(users), model.aim("like").scores(users))
    less = features.only("text", "audio")
    assert np.array_equal(loaded.use(less).scores(users), model.use(less).scores(users))
    assert not np.array_equal(model.use(less).scores(users), model.scores(users))
    assert np.array_equal(
        FusionRecommender(fusion=form, **SMALL).fit(train, features).scores(users), model.scores(users)
    )


@pytest.mark.parametrize(
    "names",
    [("text",), ("image",), ("audio",), ("text", "image"), ("text", "audio"), ("image", "audio")],
)
def test_any_subset_can_be_learned_from_and_used(names, interactions, features):
    model = FusionRecommender(fusion="mimo", **SMALL).fit(interactions, features.only(*names))
    assert np.isfinite(model.scores(np.arange(3))).all()
    assert np.isfinite(model.use(features.only(names[0])).scores(np.arange(3))).all()


@pytest.mark.parametrize("absent", ["zero", "mean", "learned"])
def test_absent_modalities(absent, interactions, features):
    model = FusionRecommender(fusion="gated", absent=absent, components=(0, 0, 0), **SMALL).fit(interactions, features)
    vectors = [np.asarray(vector) for vector in model.network.fill.vectors]
    if absent == "zero":
        assert not any(vector.any() for vector in vectors)
    if absent == "mean":
        table = model.preprocessor.tables(features)["audio"]
        np.testing.assert_allclose(vectors[2], table[features.mask("audio")].mean(axis=0), rtol=1e-5)
    if absent == "learned":
        assert all(vector.any() for vector in vectors)


def test_a_new_item_scores_as_the_same_item_that_nobody_rated(interactions, features):
    train = interactions.take(interactions.item != 7)
    model = FusionRecommender(**SMALL).fit(train, features)
    users = np.arange(4)
    np.testing.assert_allclose(model.new_item_scores(users, features)[:, 7], model.scores(users)[:, 7], rtol=1e-6)
    assert not np.allclose(model.new_item_scores(users, features)[:, 8], model.scores(users)[:, 8])


def test_people_can_be_read_off_newer_ratings(interactions, features):
    model = FusionRecommender(**SMALL).fit(interactions, features)
    before = model.scores(np.arange(4))
    half = interactions.take(interactions.user != 2)
    updated = model.update_profiles(half, features)
    after = updated.scores(np.arange(4))
    assert np.array_equal(after[[0, 1, 3]], before[[0, 1, 3]])
    assert not np.array_equal(after[2], before[2])
    assert np.array_equal(model.scores(np.arange(4)), before)  # the first model stays as it was
    assert (updated.recommend(np.array([2]), k=40)[0] >= 0).all()


def test_people_are_pooled_as_formula_1_says(interactions, features):
    model = FusionRecommender(fusion="late", **SMALL).fit(interactions, features)
    network, rng = model.network, np.random.default_rng(0)
    rated, met = rng.normal(size=(3, 40)).astype("float32"), (rng.random((3, 40)) < 0.5).astype("float32")
    rated *= met
    z = rng.normal(size=(40, 12)).astype("float32")
    got = np.asarray(network.users(rated, met, z))
    for person in range(3):
        scale = np.sqrt(1 + met[person].sum())
        profile = np.stack([rated[person] @ z, met[person] @ z]) / scale  # (2, 12)
        for part in range(3):
            x = profile[:, 4 * part : 4 * part + 4].ravel()
            w, b = (np.asarray(value) for value in network.user_hidden[part].weights)
            v, c = (np.asarray(value) for value in network.user_output[part].weights)
            expected = (np.maximum(x @ w + b, 0) @ v + c).reshape(2, 4)
            np.testing.assert_allclose(got[:, person, 4 * part : 4 * part + 4], expected, rtol=1e-4, atol=1e-5)


def test_batches_hold_back_what_they_ask_about():
    from scipy.sparse import csr_matrix

    some = random_interactions()
    train = some.take(some.item < 35)
    stars = csr_matrix((train.rating, (train.user, train.item)), (train.n_users, train.n_items))
    rated = csr_matrix((train.rating - 3.5, (train.user, train.item)), (train.n_users, train.n_items))
    batches = FusionBatches(stars, rated, like=LIKE_THRESHOLD, batch_size=7, rng=np.random.default_rng(0))
    n_users = 0
    for index in range(len(batches)):
        users = batches.order[7 * index : 7 * index + 7]
        inputs, targets = batches[index]
        n_users += len(users)
        true = stars[users].toarray()
        row, item, given = (targets[name] for name in ("row", "item", "stars"))
        np.testing.assert_array_equal(given, true[row, item])
        assert given.all()
        assert not inputs["met"][row, item].any()
        held = np.zeros_like(true)
        held[row, item] = 1
        np.testing.assert_array_equal(targets["liked"], held * (true >= LIKE_THRESHOLD))
        np.testing.assert_array_equal(targets["unrated"], (true == 0) & (np.arange(40) < 35))  # not what nobody rated
        np.testing.assert_array_equal(inputs["met"], (true > 0) - held)
        np.testing.assert_array_equal(inputs["rated"], (true - 3.5) * inputs["met"])
    assert n_users == train.n_users


def test_the_loss_is_the_one_described(interactions, features):
    """Against plain loops: a level for each rating held out, and likes against drawn items that have a row."""
    train = interactions.take(interactions.item < 35)
    preprocessor = Preprocessor.fit(features, train)
    tables, known = preprocessor.tables(features), np.bincount(train.item, minlength=40) > 0
    network = UserItemNetwork(
        sizes=preprocessor.sizes, items=40, levels=4, fusion="network", embedding_size=4, units=4, hidden_units=6,
        dropout=0, l2=0, absent="zero", identity=True,
    )  # fmt: skip
    network.build()
    levels = np.array([2, 3, 4, 5], np.float32)
    network.thresholds.assign([0.3, 0.1, -0.2, -0.4])
    trainer = FusionTrainer(
        network, tables, features.present, known, levels, liking=0.7, unrated_weight=0.2, auxiliary_weight=0,
        modality_dropout=0, identity_dropout=0, seed=0,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    kind = rng.choice(4, size=(3, 40), p=[0.2, 0.2, 0.2, 0.4])  # kept, held out, out of question, unrated
    met = (kind == 0).astype("float32")
    rated = rng.normal(size=(3, 40)).astype("float32") * met
    row, item = np.nonzero(kind == 1)
    stars = rng.integers(1, 6, len(row)).astype("float32")
    liked, unrated = np.zeros((3, 40), "float32"), (kind == 3).astype("float32")
    liked[row, item] = stars >= LIKE_THRESHOLD
    targets = {"row": row, "item": item, "stars": stars, "liked": liked, "unrated": unrated}
    got = float(trainer.batch_loss(targets, trainer({"rated": rated, "met": met})))
    place = np.arange(40, dtype=np.int32)
    z, q, b, _ = network.items(tables, features.present.astype("float32"), place, known[:, None].astype("float32"))
    p = np.asarray(network.users(rated, met, z))
    logits = np.einsum("hpd,id->hpi", p, np.asarray(q)) + np.asarray(b).T[:, None]
    liking, choosing, weights = [], [], []
    for person, asked, given in zip(row, item, stars, strict=True):
        cuts = logits[0, person, asked] + np.asarray(network.thresholds)
        each = [np.logaddexp(0, -cut if given >= level else cut) for cut, level in zip(cuts, levels, strict=True)]
        liking.append(sum(each))
        if given >= LIKE_THRESHOLD:
            choosing.append(np.logaddexp(0, -logits[1, person, asked]))
            weights.append(1)
    for person, other in zip(*np.nonzero(kind == 3), strict=True):
        choosing.append(np.logaddexp(0, logits[1, person, other]))
        weights.append(0.2)
    assert got == pytest.approx(0.7 * np.mean(liking) + np.average(choosing, weights=weights), rel=1e-4)


def test_implicit_feedback_asks_only_what_is_chosen(features):
    some = random_interactions()
    ones = Interactions(
        some.user, some.item, np.ones_like(some.rating), some.timestamp, some.row, some.n_users, some.n_items
    )
    model = FusionRecommender(**SMALL).fit(ones, features)
    assert np.array_equal(model.aim("like").scores(np.arange(3)), model.scores(np.arange(3)))


def test_principal_axes_are_those_of_the_covariance():
    rng = np.random.default_rng(0)
    table = (rng.normal(size=(50, 6)) * [5, 1, 4, 1, 3, 1] + 2).astype("float32")
    axes = principal_axes(table, 3, scale=True)
    got = table @ axes[:-1] - axes[-1]  # (50, 3)
    values, vectors = np.linalg.eigh(np.cov(table.T))
    expected = (table - table.mean(axis=0)) @ vectors[:, :-4:-1] / np.sqrt(values[:-4:-1].sum())
    np.testing.assert_allclose(np.abs(got), np.abs(expected), rtol=1e-3, atol=1e-4)
    assert principal_axes(table[:4], 9, scale=False).shape == (7, 4)


def test_nothing_is_reduced_where_nothing_differs():
    same = np.ones((5, 3), "float32")
    axes = principal_axes(same, 2, scale=True)
    np.testing.assert_array_equal(same @ axes[:-1] - axes[-1], same)


def test_the_mean_of_the_weights_is_what_is_kept(interactions, features):
    users, last = np.arange(5), FusionRecommender(averaging=0.0, **SMALL).fit(interactions, features)
    mean = FusionRecommender(averaging=0.9, **SMALL).fit(interactions, features)
    almost = FusionRecommender(averaging=1e-9, **SMALL).fit(interactions, features)
    np.testing.assert_allclose(almost.scores(users), last.scores(users), rtol=1e-5)
    assert not np.allclose(mean.scores(users), last.scores(users), rtol=1e-3)


def test_equal_units_keep_to_the_budget():
    sizes = {"text": 50, "image": 30, "audio": 10}
    for form in FORMS[1:]:
        assert equal_units(form, sizes, 8000) > 0
    wide, narrow = (equal_units("network", sizes, budget) for budget in (8000, 2000))
    assert wide > narrow


@pytest.mark.parametrize("settings", [{"fusion": "magic"}, {"target": "magic"}])
def test_unknown_choices_are_named(settings):
    with pytest.raises(InputError, match="magic"):
        FusionRecommender(**settings)


def test_features_are_needed(interactions):
    with pytest.raises(InputError, match="fusion needs item features"):
        FusionRecommender().fit(interactions)


def test_ratings_of_zero_are_refused(interactions, features):
    from dataclasses import replace

    lowest = replace(interactions, rating=interactions.rating - 1)
    with pytest.raises(InputError, match="above 0"):
        FusionRecommender(**SMALL).fit(lowest, features)
