"""Factorisation solves its rows in blocks: each block is what a loop over rows would give."""

import numpy as np
import pytest
from scipy.sparse import random as random_sparse

from mmrec.models import factorisation, make_model
from mmrec.models.factorisation import rows_of_like_length


def test_every_entry_is_in_one_block(monkeypatch):
    monkeypatch.setattr(factorisation, "ENTRIES_AT_ONCE", 40)
    monkeypatch.setattr(factorisation, "ROWS_AT_ONCE", 5)
    matrix = random_sparse(60, 30, 0.05, format="csr", random_state=np.random.default_rng(0))
    assert (np.diff(matrix.indptr) == 0).any()
    rebuilt = np.zeros((60, 31))
    for rows, columns, values in rows_of_like_length(matrix):
        assert len(rows) <= 5
        assert columns.size <= 40 or len(rows) == 1
        rebuilt[rows[:, None], columns] += values
    assert rebuilt[:, :30] == pytest.approx(matrix.toarray(), abs=0)
    assert not rebuilt[:, 30].any()


def test_nothing_to_solve():
    assert list(rows_of_like_length(random_sparse(4, 3, 0.0, format="csr"))) == []


def test_solved_as_a_loop_over_people_would(interactions):
    model = make_model("mf", embedding_size=5, alpha=4.0, l2=2.0, epochs=2).fit(interactions)
    liked = interactions.likes().matrix()
    items = model.items.astype(float)
    expected = np.zeros((len(model.users), len(items)))
    for user in range(len(expected)):
        own = items[liked[user].indices]
        left = items.T @ items + 4.0 * own.T @ own + 2.0 * np.eye(5)
        expected[user] = items @ np.linalg.solve(left, 5.0 * own.sum(axis=0))
    assert model.fold_in(liked) == pytest.approx(expected, abs=1e-6)
