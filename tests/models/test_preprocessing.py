"""Scales and words come from training items alone."""

import numpy as np
import pytest

from mmrec.features.table import Features
from mmrec.models.preprocessing import Preprocessor


@pytest.fixture
def table(interactions) -> Features:
    rng = np.random.default_rng(0)
    items = interactions.n_items
    present = np.ones((items, 3), bool)
    present[::7, 1] = False
    blocks = {
        "text": rng.poisson(0.4, (items, 25)).astype(np.float32),
        "image": (rng.normal(3, 5, (items, 6)) * present[:, 1:2]).astype(np.float32),
        "audio": rng.normal(-2, 0.1, (items, 4)).astype(np.float32),
    }
    blocks["text"][:, 24] = 0
    blocks["text"][35:, 24] = 3  # a word that only the cold items have
    return Features(tuple(map(str, range(items))), blocks, present)


def test_nothing_of_cold_items_is_learned(interactions, table):
    train = interactions.take(interactions.item < 35)
    fitted = Preprocessor.fit(table, train)
    changed = {name: block.copy() for name, block in table.blocks.items()}
    for block in changed.values():
        block[35:] = 77
    again = Preprocessor.fit(Features(table.item_ids, changed, table.present), train)
    first, second = fitted.state(), again.state()
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert 24 not in fitted.words


def test_each_modality_has_about_unit_length(interactions, table):
    tables = Preprocessor.fit(table, interactions).tables(table)
    for name, block in tables.items():
        length = np.sqrt((block[table.mask(name)] ** 2).sum(axis=1).mean())
        assert length == pytest.approx(1, abs=0.05), name
    assert not tables["image"][::7].any()


def test_weights_by_hand(interactions, table):
    fitted = Preprocessor.fit(table, interactions)
    row = table.blocks["text"][3]
    known = np.unique(interactions.item)
    weighed = [
        np.log1p(row[word]) * (np.log((1 + len(known)) / (1 + (table.blocks["text"][known, word] > 0).sum())) + 1)
        for word in fitted.words
    ]
    np.testing.assert_allclose(fitted.tables(table)["text"][3], weighed / np.linalg.norm(weighed), rtol=1e-5)


def test_state_goes_round(interactions, table):
    fitted = Preprocessor.fit(table, interactions)
    again = Preprocessor.restore(fitted.state())
    for name, block in fitted.tables(table).items():
        np.testing.assert_array_equal(again.tables(table)[name], block)


def test_without_scaling_the_features_are_as_they_were(interactions, table):
    fitted = Preprocessor.fit(table, interactions.take(interactions.item < 35))
    plain = fitted.tables(table, scale=False)
    np.testing.assert_array_equal(plain["text"], table.blocks["text"][:, fitted.words])
    np.testing.assert_array_equal(plain["image"], table.blocks["image"])
