"""What a scorer is trained on."""

import numpy as np

from mmrec.models.sampling import TrainingBatches


def batches_of(train, **settings):
    defaults = {"batch_size": 10_000, "negatives": 3, "dislike_weight": 0.5, "rng": np.random.default_rng(0)}
    return TrainingBatches(train, **defaults | settings)


def test_likes_dislikes_and_drawn_items(interactions):
    train = interactions.take(interactions.item < 30)
    inputs, label, weight = batches_of(train)[0]
    liked = train.rating >= 4
    assert label.sum() == liked.sum()
    assert len(label) == liked.sum() * 4 + (~liked).sum()
    assert inputs["item"].max() < 30  # an item without a training row is never drawn
    asker = inputs["user"][inputs["row"]]
    for rows, wanted in ((label == 1, liked), (weight == 0.5, ~liked)):
        pairs = set(zip(asker[rows].tolist(), inputs["item"][rows].tolist(), strict=True))
        assert pairs == set(zip(train.user[wanted].tolist(), train.item[wanted].tolist(), strict=True))
    assert label[weight == 0.5].sum() == 0


def test_the_answer_is_not_in_the_history(interactions):
    inputs, label, weight = batches_of(interactions)[0]
    history = interactions.likes().matrix()
    for at in np.flatnonzero(label == 1):
        person, item = inputs["row"][at], inputs["item"][at]
        expected = history[inputs["user"][person]].toarray()[0]
        assert expected[item] == 1
        expected[item] = 0
        assert np.array_equal(inputs["liked"][person], expected)
        assert (inputs["row"] == person).sum() == 4  # the drawn items are asked of the same history
    for at in np.flatnonzero(weight == 0.5):
        person = inputs["row"][at]
        assert np.array_equal(inputs["liked"][person], history[inputs["user"][person]].toarray()[0])


def test_an_epoch_draws_anew_and_a_seed_repeats_it(interactions):
    first, second = batches_of(interactions), batches_of(interactions)
    assert np.array_equal(first[0][0]["item"], second[0][0]["item"])
    first.on_epoch_end()
    assert not np.array_equal(first[0][0]["item"], second[0][0]["item"])


def test_batches_have_one_size_and_an_epoch_repeats_nothing(interactions):
    batches = batches_of(interactions, batch_size=64)
    assert len({len(batches[at][1]) for at in range(len(batches))}) == 1
    pairs = []
    for at in range(len(batches)):
        inputs, label, _ = batches[at]
        pairs += zip(
            inputs["user"][inputs["row"]][label == 1].tolist(), inputs["item"][label == 1].tolist(), strict=True
        )
    assert len(pairs) == len(set(pairs))
