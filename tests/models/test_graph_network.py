"""The light graph network: propagation and loss against dense matrices, the frozen item graph, and new items."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import assert_same_bits_and_saving
from planted import implicit, planted, right_half
from scipy.sparse import csr_matrix

from mmrec.errors import InputError
from mmrec.models import graphs
from mmrec.models.graph_network import Blocks, GraphNetwork, GraphRecommender
from mmrec.models.graphs import Spread, normalised, resemblance

SMALL = {"embedding_size": 4, "steps": 3, "neighbours": 3}


def random_graph(seed: int = 0) -> tuple[csr_matrix, csr_matrix, np.ndarray]:
    """Likes of 7 users of 9 items, of which the last has none, and a resemblance of the items."""
    rng = np.random.default_rng(seed)
    liked = (rng.random((7, 9)) < 0.4).astype(np.float32)
    liked[:, 8] = 0
    alike = rng.random((9, 9)) * (rng.random((9, 9)) < 0.3)
    alike[8, 2] = 0.7
    return csr_matrix(liked), csr_matrix(alike), liked.any(axis=0)


@pytest.mark.parametrize("most", [0, 10**6])
def test_spreading_is_a_product_of_matrices(most, monkeypatch):
    monkeypatch.setattr(graphs, "DENSE_BELOW", most)
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(12, 7)) * (rng.random((12, 7)) < 0.3)
    matrix[-2:] = 0  # the last rows are empty
    spread, x = Spread(csr_matrix(matrix)), rng.normal(size=(7, 4)).astype(np.float32)
    assert (spread.whole is None) == (most == 0)
    np.testing.assert_allclose(np.asarray(spread(x)), matrix @ x, atol=1e-5)


def test_normalised_divides_by_the_roots_of_the_sums():
    liked, _, _ = random_graph()
    dense = liked.toarray()
    expected = np.zeros_like(dense)
    for row, column in zip(*dense.nonzero(), strict=True):
        expected[row, column] = dense[row, column] / np.sqrt(dense[row].sum() * dense[:, column].sum())
    np.testing.assert_allclose(normalised(liked).toarray(), expected, rtol=1e-6)


def test_resemblance_keeps_the_nearest():
    rng = np.random.default_rng(2)
    known = {"text": rng.normal(size=(8, 5)), "image": rng.normal(size=(8, 3))}
    known["image"][5] = 0  # an item without a picture
    got = resemblance(known, known, 2, own=True).toarray()
    expected = np.zeros((8, 8))
    for item in range(8):
        total = np.zeros(8)
        for table in known.values():
            length = np.linalg.norm(table, axis=1)
            cosine = table @ table[item] / np.maximum(length * length[item], 1e-12)
            cosine[item] = 0
            best = [other for other in sorted(range(8), key=lambda other: -cosine[other])[:2] if cosine[other] > 0]
            if best:
                total[best] += cosine[best] / cosine[best].sum()
        expected[item] = total / max(total.sum(), 1e-12)
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_resemblance_in_blocks_is_the_same(monkeypatch):
    rng = np.random.default_rng(3)
    known = {"audio": rng.normal(size=(11, 4))}
    whole = resemblance(known, known, 3, own=True).toarray()
    monkeypatch.setattr(graphs, "ITEMS_AT_ONCE", 4)
    np.testing.assert_array_equal(resemblance(known, known, 3, own=True).toarray(), whole)


CONTENT = np.random.default_rng(6).normal(size=(9, 5)).astype(np.float32)


def network(dropout: float = 0.0) -> GraphNetwork:
    liked, alike, known = random_graph()
    made = GraphNetwork(
        liked,
        alike,
        CONTENT,
        known,
        embedding_size=3,
        layers=2,
        content=0.6,
        temperature=0.3,
        dropout=dropout,
        identity_dropout=dropout,
        seed=0,
    )
    rng = np.random.default_rng(4)
    made.set_weights([rng.normal(size=weight.shape) for weight in made.weights])
    return made


def dense_scores(made: GraphNetwork) -> np.ndarray:
    """(7, 9): scores by powers of the adjacency matrix of users and items together."""
    liked, alike, known = random_graph()
    users, items, projection, bias = (np.asarray(weight, float) for weight in made.get_weights())
    graph = np.zeros((16, 16))
    graph[:7, 7:] = liked.toarray()
    graph += graph.T
    degree = np.maximum(graph.sum(axis=1), 1e-12)
    graph /= np.sqrt(np.outer(degree, degree))
    start = np.vstack([users, items * known[:, None] + CONTENT @ projection])
    mean = sum(np.linalg.matrix_power(graph, power) @ start for power in range(3)) / 3
    p, q = mean[:7], mean[7:]
    q = q + 0.6 * alike.toarray() @ start[7:]
    cosine = (p @ q.T) / np.outer(np.linalg.norm(p, axis=1), np.linalg.norm(q, axis=1))
    return cosine / 0.3 + bias


def test_scores_follow_the_formula():
    made = network()
    p, q = (np.asarray(part) for part in made.vectors())
    np.testing.assert_allclose(p @ q.T + np.asarray(made.b), dense_scores(made), atol=1e-4)


def test_the_loss_is_a_softmax_over_the_block():
    made, (liked, _, _) = network(), random_graph()
    user, item = np.array([0, 2, 5]), np.array([1, 3, 4, 6, 7])
    asked = liked.toarray()[np.ix_(user, item)]
    got = float(made.batch_loss(asked, made({"user": user, "item": item})))
    scores = dense_scores(made)[np.ix_(user, item)]
    probability = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert asked.sum() > 2
    assert got == pytest.approx(-np.mean(np.log(probability[asked > 0])), rel=1e-4)


def test_blocks_take_what_fits():
    liked, _, known = random_graph()
    options = {"steps": 4, "rng": np.random.default_rng(0)}
    whole = Blocks(liked, known, batch_size=100, candidates=100, **options)
    inputs, _ = whole[0]
    users = np.flatnonzero(np.diff(liked.indptr))
    np.testing.assert_array_equal(inputs["user"], users)
    np.testing.assert_array_equal(inputs["item"], np.flatnonzero(known))
    some = Blocks(liked, known, batch_size=3, candidates=4, **options)
    for index in range(len(some)):
        inputs, liked_pairs = some[index]
        assert len(set(inputs["user"])) == 3
        assert len(set(inputs["item"])) == 4
        assert known[inputs["item"]].all()  # that nobody chose a new item says nothing
        np.testing.assert_array_equal(liked_pairs, liked.toarray()[np.ix_(inputs["user"], inputs["item"])])


def test_a_planted_taste_is_found_for_new_items_too():
    train, _, features = planted()
    model = GraphRecommender(embedding_size=8, steps=30).fit(train.take(train.item < 30), features)
    scores = model.scores(np.arange(60))
    assert right_half(scores) > 0.95
    own = np.arange(30, 40)[None] % 2 == (np.arange(60) % 2)[:, None]
    assert scores[:, 30:][own].min() > scores[:, 30:][~own].max()


def test_new_items_score_as_the_same_items_that_nobody_rated(interactions, features):
    train = interactions.take((interactions.item < 35) & (interactions.user != 4))
    model = GraphRecommender(**SMALL).fit(train, features)
    users = np.arange(6)
    np.testing.assert_allclose(model.new_item_scores(users, features)[:, 35:], model.scores(users)[:, 35:], atol=1e-4)
    others = np.unique(train.likes().user)
    np.testing.assert_allclose(model.scores(np.array([4]))[0], model.scores(others).mean(axis=0), atol=1e-4)


def test_a_new_person_is_the_mean_over_layers_without_a_vector_of_their_own():
    train, _, features = planted()
    model = GraphRecommender(**SMALL).fit(train, features)
    liked = train.likes().matrix().tocsr()
    items = np.flatnonzero(liked[5].toarray())
    counts = np.asarray(liked.sum(axis=0)).ravel()
    p = sum(model.history[item] for item in items)
    expected = model.items @ p / np.linalg.norm(p) / model.settings["temperature"] + model.bias
    np.testing.assert_allclose(model.fold_in(liked[5])[0], expected, rtol=1e-3, atol=1e-4)
    # one step over the graph, by hand: without further layers a user is the mean of Q_0
    flat = GraphRecommender(**SMALL, layers=1).fit(train, features)
    np.testing.assert_allclose(
        flat.history[flat.items.any(axis=1)],
        (flat.known_items / np.sqrt(np.maximum(counts, 1))[np.unique(train.item)][:, None]),
        rtol=1e-4,
        atol=1e-6,
    )


def test_same_seed_same_bits_and_saving(interactions, features):
    assert_same_bits_and_saving(lambda: GraphRecommender(**SMALL, dropout=0.2), implicit(interactions), features)


def test_items_without_any_modality(interactions, features):
    here = (np.arange(40) % 9 > 0)[:, None]
    bare = replace(
        features,
        present=features.present & here,
        blocks={name: block * here for name, block in features.blocks.items()},
    )
    train = interactions.take(interactions.item != 9)  # item 9: neither rows nor features
    model = GraphRecommender(**SMALL).fit(train, bare)
    scores = model.scores(np.arange(30))
    assert np.isfinite(scores).all()
    assert np.unique(scores[:, 9]).tolist() == [model.bias[9]]


def test_features_are_needed(interactions):
    with pytest.raises(InputError, match="features"):
        GraphRecommender(**SMALL).fit(interactions)
