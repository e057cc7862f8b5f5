"""Intervals cover at their level; tests and corrections by hand."""

import numpy as np
import pytest

from mmrec.evaluation.statistics import bootstrap_interval, holm, paired_test


def test_intervals_cover_the_mean():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        _, low, high = bootstrap_interval(rng.normal(1, 1, 60), rng, draws=400)
        covered += low <= 1 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_holm_by_hand():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == {
        "a": pytest.approx(0.03),
        "b": pytest.approx(0.06),
        "c": pytest.approx(0.06),
    }


def test_paired_test_is_level_under_no_difference():
    rng = np.random.default_rng(1)
    p = [paired_test(rng.normal(size=30), rng.normal(size=30), rng, draws=300)[1] for _ in range(200)]
    assert np.mean(np.array(p) < 0.1) < 0.18


def test_paired_test_finds_a_difference():
    rng = np.random.default_rng(2)
    base = rng.normal(size=50)
    gap, p = paired_test(base + 0.5 + 0.1 * rng.normal(size=50), base, rng)
    assert gap == pytest.approx(0.5, abs=0.1)
    assert p < 0.001


def test_no_values_have_no_interval():
    assert np.isnan(bootstrap_interval(np.zeros(0), np.random.default_rng(0))).all()
