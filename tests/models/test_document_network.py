"""The network of both readings against a NumPy version of its formulas."""

import keras
import numpy as np
import pytest

from mmrec.layers import BagOfWords
from mmrec.models.document_network import DocumentNetwork, Trainer

SIZES = {"text": 7, "image": 5}


@pytest.fixture
def network() -> DocumentNetwork:
    made = DocumentNetwork(sizes=SIZES, users=6, embedding_size=4, units=3, dropout=0.5, l2=1e-4)
    made.build()
    return made


@pytest.fixture
def items() -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(1)
    present = np.column_stack([rng.random((9, 2)) < 0.7, np.zeros(9, bool)])
    tables = {
        name: (rng.normal(size=(9, size)) * present[:, column : column + 1]).astype(np.float32)
        for column, (name, size) in enumerate(SIZES.items())
    }
    return tables, present


def test_profiles_are_formula_one(network, items):
    tables, present = items
    liked = (np.random.default_rng(2).random((4, 9)) < 0.5).astype(np.float32)
    liked[3] = 0  # who liked nothing has no profile
    has = present.astype(np.float32)
    made = np.asarray(network.profile(liked, network.project(tables, has)[1], has))
    for person in range(3):
        expected = 0
        for column, name in enumerate(SIZES):
            texts = tables[name][(liked[person] > 0) & present[:, column]]
            pooled = np.asarray(BagOfWords(weighting="uniform")(texts[None]))[0]
            expected = expected + pooled @ np.asarray(network.projections[name].kernel)
        np.testing.assert_allclose(made[person], expected, rtol=1e-4, atol=1e-6)
    assert not made[3].any()


def test_training_and_use_score_alike(network, items):
    tables, present = items
    popularity = np.linspace(-1, 1, 9).astype(np.float32)
    liked = (np.random.default_rng(3).random((6, 9)) < 0.5).astype(np.float32)
    row, item = np.repeat(np.arange(6), 9), np.tile(np.arange(9), 6)
    inputs = {"user": np.arange(6), "liked": liked, "row": row, "item": item}
    logit = np.asarray(Trainer(network, tables, present, popularity)(inputs))[:, 0]

    q = network.project_items(tables, present)
    has = present.astype(np.float32)
    p = np.asarray(network.embedding.embeddings) + np.asarray(
        network.profile(liked, network.project(tables, has)[1], has)
    )
    np.testing.assert_allclose(network.rate(p, q, popularity).ravel(), 1 / (1 + np.exp(-logit)), rtol=1e-4, atol=1e-6)

    kernel, bias, last, last_bias = (np.asarray(value) for value in [*network.fusion.weights, *network.scorer.weights])
    concat = np.concatenate([p[2], q[5], p[2] * q[5], popularity[5:6]])
    by_hand = np.maximum(concat @ kernel + bias, 0) @ last + last_bias
    assert logit[2 * 9 + 5] == pytest.approx(float(by_hand[0]), rel=1e-4)


def test_each_question_has_its_own_weight(network, items):
    tables, present = items
    rng = np.random.default_rng(4)
    inputs = {
        "user": np.arange(6),
        "liked": (rng.random((6, 9)) < 0.5).astype(np.float32),
        "row": rng.integers(0, 6, 20),
        "item": rng.integers(0, 9, 20),
    }
    label, weight = (rng.random(20) < 0.5).astype(np.float32), rng.random(20).astype(np.float32)
    trainer = Trainer(network, tables, present, np.zeros(9, np.float32))
    trainer.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    chance = 1 / (1 + np.exp(-np.asarray(trainer(inputs))[:, 0]))
    expected = -(weight * np.log(np.where(label == 1, chance, 1 - chance))).mean() + float(sum(trainer.losses))

    class Once(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return inputs, label, weight

    assert float(trainer.evaluate(Once(), verbose=0)) == pytest.approx(expected, rel=1e-4)
