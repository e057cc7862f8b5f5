"""The probe finds what was put in, and nothing else."""

import numpy as np
import pytest

from mmrec.simulation.scenarios import SCENARIOS
from mmrec.simulation.truth import draw_items, draw_truth
from studies.models.probe import factor_knowledge, item_vectors


@pytest.fixture
def truth():
    rng = np.random.default_rng(0)
    scenario = SCENARIOS["movies"]
    return draw_truth(scenario, draw_items(scenario, 300, rng), 200, rng)


def test_a_known_factor_is_told_and_the_others_are_not(truth):
    genre = truth.items[:, :6]
    found = factor_knowledge(np.column_stack([genre, np.random.default_rng(1).normal(size=(300, 4))]), truth)
    assert found["genre"] > 0.95
    assert all(value < 0.1 for name, value in found.items() if name != "genre")


def test_the_oracle_knows_all_tastes(truth):
    scores = truth.preference(np.arange(200), np.ones(200))
    found = factor_knowledge(item_vectors(scores), truth)
    assert min(value for name, value in found.items() if name != "craft") > 0.8


def test_vectors_keep_what_scores_say_of_items():
    rng = np.random.default_rng(2)
    low = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 20))
    scores = (low - low.mean(axis=1, keepdims=True)) / low.std(axis=1, keepdims=True) + 5
    vectors = item_vectors(scores, 3)
    standard = scores - scores.mean(axis=1, keepdims=True)
    assert vectors @ vectors.T == pytest.approx(standard.T @ standard / 50, abs=1e-6)
