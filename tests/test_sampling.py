"""The rows that a scorer is trained on."""

import numpy as np

from mmrec.models.sampling import TrainingRows


def rows_of(train, **settings):
    return TrainingRows(
        train,
        **{"batch_size": 10_000, "negatives": 3, "dislike_weight": 0.5, "rng": np.random.default_rng(0)} | settings,
    )


def test_likes_dislikes_and_drawn_items(interactions):
    train = interactions.take(interactions.item < 30)
    inputs, label, weight = rows_of(train)[0]
    likes = int((train.rating >= 4).sum())
    assert label.sum() == likes
    assert len(label) == likes * 4 + len(train) - likes
    assert inputs["item"].max() < 30  # an item without a training row is never drawn
    pairs = set(zip(inputs["user"][label == 1].tolist(), inputs["item"][label == 1].tolist(), strict=True))
    assert pairs == set(
        zip(train.user[train.rating >= 4].tolist(), train.item[train.rating >= 4].tolist(), strict=True)
    )
    assert (weight == 0.5).sum() == len(train) - likes
    assert np.array_equal(inputs["own"], label)


def test_an_epoch_draws_anew_and_a_seed_repeats_it(interactions):
    first, second = rows_of(interactions), rows_of(interactions)
    assert np.array_equal(first[0][0]["item"], second[0][0]["item"])
    first.on_epoch_end()
    assert not np.array_equal(first[0][0]["item"], second[0][0]["item"])


def test_batches_have_one_size(interactions):
    rows = rows_of(interactions, batch_size=64)
    assert {len(rows[at][1]) for at in range(len(rows))} == {64}
