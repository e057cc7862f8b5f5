"""Models of sequences: order of time, windows, causality, the loss against NumPy, and a planted order that is found."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import assert_same_bits_and_saving, random_interactions
from planted import implicit

from mmrec.data.catalogue import Interactions
from mmrec.errors import InputError
from mmrec.features.table import Features
from mmrec.models.histories import Histories, in_order_of_time, padded
from mmrec.models.sequence import CNN, GRU, LSTM, SequenceNetwork, Transformer

KINDS = (GRU, LSTM, CNN, Transformer)
SMALL = {"embedding_size": 4, "epochs": 1, "batch_size": 16, "length": 6}


def test_histories_are_in_order_of_time():
    likes = random_interactions().likes()
    sequences = in_order_of_time(likes)
    assert len(sequences) == likes.n_users
    for user, items in enumerate(sequences):
        mine = [row for row in range(len(likes)) if likes.user[row] == user]
        mine.sort(key=lambda row: likes.timestamp[row])
        assert items.tolist() == likes.item[mine].tolist()


def test_windows_are_shifted_by_one():
    sequences = [np.arange(start, start + size) for start, size in ((0, 2), (10, 5), (20, 30))]
    batches = Histories(sequences, length=8, batch_size=3, rng=np.random.default_rng(0))
    starts = set()
    for _ in range(40):
        inputs, following = batches[0]
        assert inputs["history"].shape == (3, 8)
        before = inputs["history"].ravel()[inputs["place"]]
        np.testing.assert_array_equal(following, before + 1)
        assert len(before) == 1 + 4 + 8
        starts |= {int(row[0]) for row in inputs["history"] if row[0] >= 20}
    assert min(starts) == 20
    assert max(starts) + 8 == 49  # the newest like is asked for too


def test_padding_is_at_the_end():
    table, place = padded([np.array([4, 5]), np.array([7, 8, 9])], 4)
    assert table.tolist() == [[4, 5, 0, 0], [7, 8, 9, 0]]
    assert place.tolist() == [0, 1, 4, 5, 6]


def network(kind, **changes) -> tuple[SequenceNetwork, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    z, known = rng.normal(size=(9, 5)).astype(np.float32), np.arange(9) < 7
    options = {"identity": True, "identity_dropout": 0, "dropout": 0, "l2": 0.1, "seed": 0, **changes}
    made = SequenceNetwork(
        kind(**SMALL).encoder(), z, known, np.arange(9, dtype=np.float32), embedding_size=4, **options
    )
    return made, z, known


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_knows_nothing_of_what_comes_later(kind):
    made, _, _ = network(kind)
    x, place = made.items(), np.array([2], np.int32)
    history = np.array([[1, 2, 3, 4, 5, 6]], np.int32)
    state = np.asarray(made.states(x, history, place))
    later, earlier = history.copy(), history.copy()
    later[0, 3:], earlier[0, 1] = 0, 5
    np.testing.assert_allclose(np.asarray(made.states(x, later, place)), state, atol=1e-6)
    assert not np.allclose(np.asarray(made.states(x, earlier, place)), state, atol=1e-4)


@pytest.mark.parametrize("identity", [True, False])
def test_the_loss_is_a_softmax_over_all_items(identity):
    made, z, known = network(CNN, identity=identity)
    rng = np.random.default_rng(1)
    made.set_weights([rng.normal(size=weight.shape) for weight in made.weights])
    x = z @ np.asarray(made.w, float)
    if identity:
        x = x + known[:, None] * np.asarray(made.e, float)
    np.testing.assert_allclose(np.asarray(made.items()), x, atol=1e-5)
    history, place = padded([np.array([1, 2, 3]), np.array([4])], 6)
    following = np.array([2, 3, 5, 0], np.int32)
    h = np.asarray(made.states(x.astype(np.float32), history, place), float)
    logits = h @ x.T + np.asarray(made.b, float)
    losses = [np.log(np.exp(row).sum()) - row[item] for row, item in zip(logits, following, strict=True)]
    expected = np.mean(losses) + 0.1 * np.mean(np.sum(x**2, axis=1))
    got = made.batch_loss(following, made({"history": history, "place": place}))
    assert float(got) == pytest.approx(expected, rel=1e-4)


def test_gru_and_readout_follow_the_formula():
    """h_t = u h_t-1 + (1 - u) tanh(...), step by step in NumPy."""
    made, _, _ = network(GRU)
    kernel, recurrent, bias = (np.asarray(weight, float) for weight in made.encoder.weights)
    w, b = (np.asarray(weight, float) for weight in made.read.weights)
    x, h = np.asarray(made.items(), float), np.zeros(4)

    def sigmoid(value):
        return 1 / (1 + np.exp(-value))

    for item in (3, 1, 6):
        own, past = x[item] @ kernel + bias[0], h @ recurrent + bias[1]
        update, reset = sigmoid(own[:4] + past[:4]), sigmoid(own[4:8] + past[4:8])
        h = update * h + (1 - update) * np.tanh(own[8:] + reset * past[8:])
    got = np.asarray(made.states(made.items(), np.array([[3, 1, 6]], np.int32), np.array([2], np.int32)))
    np.testing.assert_allclose(got[0], h @ w + b, atol=1e-5)


def ring(users: int = 60, items: int = 12) -> tuple[Interactions, Features]:
    """Users go round: after item i comes i + 1. What comes next follows from the last item alone."""
    rng = np.random.default_rng(0)
    start = rng.integers(items, size=users)
    user, step = np.repeat(np.arange(users), 7), np.tile(np.arange(7), users)
    item = (start[user] + step) % items
    rows = np.arange(len(user))
    train = Interactions(user, item, np.ones(len(user), np.float32), 1000 - 7 * users + rows, rows, users, items)
    present = np.zeros((items, 3), bool)
    present[:, 1] = True
    features = Features(tuple(map(str, range(items))), {"image": np.eye(items, dtype=np.float32)}, present)
    return train.take(rng.permutation(len(rows))), features


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_order_is_found(kind):
    train, features = ring()
    settings = {"embedding_size": 16, "epochs": 50, "batch_size": 60, "length": 8, "learning_rate": 0.02}
    model = kind(**settings, dropout=0, identity=kind is not LSTM).fit(train, features)
    last = np.array([items[-1] for items in in_order_of_time(train)])
    assert np.mean(model.recommend(np.arange(60), k=1)[0][:, 0] == (last + 1) % 12) > 0.9


@pytest.mark.parametrize(("kind", "identity"), [(CNN, True), (Transformer, False)])
def test_same_bits_saving_and_the_unknown(kind, identity, interactions, features):
    train = interactions.take((interactions.user != 4) & (interactions.item < 35))
    train = train if identity else implicit(train)
    users = np.arange(6)
    first = assert_same_bits_and_saving(lambda: kind(identity=identity, **SMALL), train, features)
    scores = first.scores(users)
    np.testing.assert_allclose(first.new_item_scores(users, features)[:, 35:], scores[:, 35:], atol=1e-5)
    others = np.unique(train.likes().user)
    np.testing.assert_allclose(scores[4], first.scores(others).mean(axis=0), atol=1e-4)


def test_data_without_time_or_features_are_refused(interactions, features):
    with pytest.raises(InputError, match="timestamps"):
        GRU(**SMALL).fit(replace(interactions, timestamp=np.zeros_like(interactions.timestamp)), features)
    with pytest.raises(InputError, match="features"):
        GRU(**SMALL).fit(interactions)
