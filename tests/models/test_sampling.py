"""What a scorer is trained on."""

import numpy as np
import pytest

from mmrec.data.catalogue import Interactions
from mmrec.models.sampling import TrainingBatches, UnratedItems


def batches_of(train, **settings):
    defaults = {"batch_size": 10_000, "negatives": 3, "dislike_weight": 0.5, "rng": np.random.default_rng(0)}
    return TrainingBatches(train, **defaults | settings)


def test_likes_dislikes_and_drawn_items(interactions):
    train = interactions.take(interactions.item < 30)
    inputs, label, weight = batches_of(train)[0]
    liked = train.rating >= 4
    assert label.sum() == liked.sum()
    assert len(label) == liked.sum() * 4 + (~liked).sum()
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


class EveryRank:
    """Instead of a random generator: the numbers 0 .. n - 1 in turn, n being each row's bound."""

    def integers(self, low, high, size):
        return np.minimum(np.arange(size[1])[None], high - 1)


@pytest.mark.parametrize("share", [0.1, 0.7, 1.0])
def test_unrated_items_are_the_known_ones_without_a_row_of_the_user(interactions, share):
    """Each unrated item belongs to exactly one number that can be drawn: the draw is uniform."""
    kept = np.random.default_rng(1).random(len(interactions)) < share
    train = interactions.take(kept & (interactions.item % 7 > 0))
    unrated, known = UnratedItems(train), np.unique(train.item)
    drawn = unrated.draw(np.arange(train.n_users), len(known), EveryRank())
    for user in range(train.n_users):
        wanted = np.setdiff1d(known, train.item[train.user == user])
        assert unrated.count[user] == len(wanted)
        assert drawn[user, : len(wanted)].tolist() == wanted.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_no_sampled_item_has_a_training_row_of_the_user(interactions, seed):
    """Over many epochs; every unrated item of a user comes up."""
    train = interactions.take(interactions.item % 7 > 0)  # some items without a training row
    batches = batches_of(train, negatives=20, rng=np.random.default_rng(seed))
    rated, met = train.matrix().toarray() > 0, np.zeros((train.n_users, train.n_items), bool)
    for _ in range(10):
        inputs, label, weight = batches[0]
        sampled = (label == 0) & (weight == 1)
        met[inputs["user"][inputs["row"][sampled]], inputs["item"][sampled]] = True
        batches.on_epoch_end()
    known = np.isin(np.arange(train.n_items), train.item)
    asked = np.isin(np.arange(train.n_users), train.likes().user)
    assert not (met & rated).any()
    assert np.array_equal(met[asked], (~rated & known)[asked])


def test_a_user_who_rated_every_item_is_asked_about_all_of_them():
    user, item = np.repeat([0, 1], [4, 2]), np.array([0, 1, 2, 4, 1, 2])
    zeros = np.zeros(6, np.int64)
    train = Interactions(user, item, np.full(6, 5, np.float32), zeros, zeros, 2, 6)
    inputs, label, _ = batches_of(train, negatives=50)[0]
    asker, sampled = inputs["user"][inputs["row"]], label == 0
    assert set(inputs["item"][sampled & (asker == 0)].tolist()) == {0, 1, 2, 4}
    assert set(inputs["item"][sampled & (asker == 1)].tolist()) == {0, 4}


def test_a_pair_with_two_rows_counts_once(interactions):
    twice = interactions.take(np.concatenate([np.arange(len(interactions))] * 2))
    assert np.array_equal(UnratedItems(twice).count, UnratedItems(interactions).count)


def test_an_epoch_draws_anew_and_a_seed_repeats_it(interactions):
    first, second = batches_of(interactions), batches_of(interactions)
    assert np.array_equal(first[0][0]["item"], second[0][0]["item"])
    first.on_epoch_end()
    assert not np.array_equal(first[0][0]["item"], second[0][0]["item"])


SIZES = [(200, 150, 64), (200, 3, 16), (3, 300, 16), (40, 0, 500)]


@pytest.mark.parametrize(("likes", "dislikes", "batch_size"), SIZES)
def test_an_epoch_asks_each_like_and_dislike_once(interactions, likes, dislikes, batch_size):
    """Also where one kind is so rare that most batches hold none of it."""
    order = np.argsort(interactions.rating >= 4, kind="stable")
    train = interactions.take(np.concatenate([order[:dislikes], order[len(order) - likes :]]))
    assert ((train.rating >= 4).sum(), (train.rating < 4).sum()) == (likes, dislikes)
    batches, sizes = batches_of(train, batch_size=batch_size), []
    asked = {0.5: [], 1.0: []}
    for at in range(len(batches)):
        inputs, label, weight = batches[at]
        sizes.append(len(label))
        for kind, rows in ((0.5, weight == 0.5), (1.0, label == 1)):
            asked[kind] += zip(inputs["user"][inputs["row"][rows]].tolist(), inputs["item"][rows].tolist(), strict=True)
    for kind, wanted in ((0.5, train.rating < 4), (1.0, train.rating >= 4)):
        pairs = zip(train.user[wanted].tolist(), train.item[wanted].tolist(), strict=True)
        assert sorted(asked[kind]) == sorted(pairs)
    assert max(sizes) - min(sizes) <= 1 + 1 + 3  # one like with its drawn items, and one dislike
