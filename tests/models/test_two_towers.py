"""Two towers: vectors and loss against NumPy, what is held out, and the correction for popularity."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import assert_same_bits_and_saving, random_interactions
from planted import implicit, planted, right_half

from mmrec.errors import InputError
from mmrec.models.two_towers import HeldBack, Towers, TwoTowers, log_draw_of

SMALL = {"embedding_size": 4, "epochs": 2, "batch_size": 8}


def towers() -> tuple[Towers, np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    z, known, draw = rng.normal(size=(9, 5)).astype(np.float32), np.arange(9) < 7, -rng.random(9)
    network = Towers(
        6, z, known, draw, embedding_size=3, temperature=0.4, dropout=0, identity_dropout=0, l2=0.1, seed=0
    )
    network.set_weights([rng.normal(size=weight.shape) for weight in network.weights])
    return network, z, known, draw, {weight.name: np.asarray(weight, float) for weight in network.weights}


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def person(weights: dict[str, np.ndarray], z: np.ndarray, known: np.ndarray, user: int, liked: list[int]) -> np.ndarray:
    """p as printed, one liked item at a time."""
    pooled = [z[item] @ weights["history_projection"] + known[item] * weights["history"][item] for item in liked]
    return unit(weights["users"][user] + (np.mean(pooled, axis=0) if liked else 0))


def test_both_towers_follow_their_formulas():
    network, z, known, _, weights = towers()
    kept = np.zeros((2, 9), np.float32)
    kept[0, [1, 4, 8]] = 1  # the second user has nothing
    got = np.asarray(network.user_vectors(np.array([3, 5]), kept))
    np.testing.assert_allclose(got[0], person(weights, z, known, 3, [1, 4, 8]), atol=1e-5)
    np.testing.assert_allclose(got[1], person(weights, z, known, 5, []), atol=1e-5)
    items = np.asarray(network.item(np.arange(9), known[:, None].astype(np.float32)))
    expected = unit(z @ weights["item_projection"] + known[:, None] * weights["items"])
    np.testing.assert_allclose(items, expected, atol=1e-5)


def test_the_loss_is_a_corrected_softmax_over_the_batch():
    network, z, known, draw, weights = towers()
    kept = np.zeros((2, 9), np.float32)
    kept[0, [1, 4]] = kept[1, [2]] = 1
    rows, asked = np.array([0, 3, 6]), np.array([[1, 0, 1], [0, 1, 0]], np.float32)
    asker, place = (index.astype(np.int32) for index in np.nonzero(asked))
    outputs = network({"user": np.array([1, 4]), "kept": kept, "rows": rows})
    got = float(network.batch_loss({"asker": asker, "place": place}, outputs))
    items = unit(z @ weights["item_projection"] + known[:, None] * weights["items"])
    losses = []
    for row, (user, liked) in enumerate(((1, [1, 4]), (4, [2]))):
        logits = items[rows] @ person(weights, z, known, user, liked) / 0.4 + weights["bias"][rows] - draw[rows]
        losses += [np.log(np.exp(logits).sum()) - logits[place] for place in np.flatnonzero(asked[row])]
    penalty = sum(np.mean(np.sum(value**2, axis=1)) for name, value in weights.items() if name != "bias")
    assert got == pytest.approx(np.mean(losses) + 0.1 * penalty, rel=1e-5)


def test_batches_hold_back_what_they_ask_about():
    liked = random_interactions().likes().matrix().tocsr()
    batches, users = HeldBack(liked, batch_size=7, rng=np.random.default_rng(0)), []
    for index in range(len(batches)):
        inputs, targets = batches[index]
        users += inputs["user"].tolist()
        asked = np.zeros(inputs["kept"].shape)
        asked[targets["asker"], inputs["rows"][targets["place"]]] = 1
        np.testing.assert_array_equal(inputs["kept"] + asked, liked[inputs["user"]].toarray())
        assert set(targets["place"]) == set(range(len(inputs["rows"])))
    assert sorted(users) == np.flatnonzero(np.diff(liked.indptr) > 1).tolist()


def test_the_correction_is_how_often_an_item_is_in_a_batch():
    liked = random_interactions(rows=900).likes().matrix().tocsr()
    batches, seen, steps = HeldBack(liked, batch_size=10, rng=np.random.default_rng(0)), np.zeros(40), 0
    for _ in range(300):
        for index in range(len(batches)):
            seen[batches[index][0]["rows"]] += 1
            steps += 1
        batches.on_epoch_end()
    # users are drawn without putting back, and one share serves all likes of a user: nearly, not quite independent
    np.testing.assert_allclose(np.exp(log_draw_of(liked, 10)), seen / steps, atol=0.06)
    assert np.corrcoef(log_draw_of(liked, 10), np.log(seen))[0, 1] > 0.98


def test_a_planted_taste_is_found_for_new_items_too():
    train, _, features = planted()
    known = train.take(train.item < 30)
    model = TwoTowers(embedding_size=8, epochs=20, batch_size=20, learning_rate=0.03).fit(known, features)
    scores = model.scores(np.arange(60))
    assert right_half(scores) > 0.95
    own = np.arange(30, 40)[None] % 2 == (np.arange(60) % 2)[:, None]
    assert scores[:, 30:][own].mean() > scores[:, 30:][~own].mean() + 1


def test_the_unknown_get_sensible_scores(interactions, features):
    train = interactions.take((interactions.user != 4) & (interactions.item < 35))
    model = TwoTowers(**SMALL).fit(train, features)
    users = np.arange(6)
    np.testing.assert_allclose(model.new_item_scores(users, features)[:, 35:], model.scores(users)[:, 35:], atol=1e-4)
    others = np.unique(train.likes().user)
    np.testing.assert_allclose(model.scores(np.array([4]))[0], model.scores(others).mean(axis=0), atol=1e-4)


def test_a_new_person_is_known_by_their_likes_alone(interactions, features):
    train = implicit(interactions)
    model = TwoTowers(**SMALL).fit(train, features)
    liked = train.matrix().tocsr()[2]
    p = model.history[liked.indices].sum(axis=0)
    expected = model.items @ (p / np.linalg.norm(p)) / model.settings["temperature"] + model.bias
    np.testing.assert_allclose(model.fold_in(liked)[0], expected, rtol=1e-4, atol=1e-4)


def test_same_seed_same_bits_and_saving(interactions, features):
    assert_same_bits_and_saving(lambda: TwoTowers(**SMALL), implicit(interactions), features)


def test_any_subset_of_modalities_and_none_at_all(interactions, features):
    here = (np.arange(40) > 2)[:, None]
    audio = features.only("audio")
    bare = replace(audio, present=audio.present & here, blocks={"audio": audio.blocks["audio"] * here})
    train = interactions.take(interactions.item != 0)  # item 0: neither rows nor features
    assert np.isfinite(TwoTowers(**SMALL).fit(train, bare).scores(np.arange(30))).all()


def test_features_are_needed(interactions):
    with pytest.raises(InputError, match="features"):
        TwoTowers(**SMALL).fit(interactions)
