"""Intervals cover at their level; tests and corrections by hand."""

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mmrec.errors import InputError
from mmrec.evaluation.statistics import (
    at_floor,
    auc_difference,
    auc_interval,
    bootstrap_interval,
    format_p,
    holm,
    paired_test,
    ratio_interval,
    sign_flip_test,
)
from studies.feedback.study import compare_over_draws


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


def test_sign_flips_by_hand():
    flips = [sign_flip_test(np.array(values), np.random.default_rng(0)) for values in ([1.0, 2, 3], [3.0, -1], [0.5])]
    assert flips == [(2.0, 2 / 8, True), (1.0, 1.0, False), (0.5, 1.0, True)]


@pytest.mark.parametrize("size", [8, 40])
def test_tests_by_flips_written_out(size):
    """Ties among tenths, whose sums differ by rounding, are as far as what was seen."""
    values = np.random.default_rng(size).integers(-2, 5, size) / 10
    signs = np.random.default_rng(1).integers(0, 2, (500, size), dtype=np.int8) * 2 - 1
    far = int((np.abs((signs * values).mean(axis=1)) >= abs(values.mean()) - 1e-9).sum())
    assert paired_test(values, np.zeros(size), np.random.default_rng(1), draws=500)[1] == (1 + far) / 501
    every = np.array(list(product((-1, 1), repeat=8)))
    few = values[:8]
    far = int((np.abs((every * few).mean(axis=1)) >= abs(few.mean()) - 1e-9).sum())
    assert sign_flip_test(few, np.random.default_rng(0))[1:] == (far / 2**8, far <= 2)


def test_interval_of_a_ratio_draws_both_together():
    rng = np.random.default_rng(3)
    below = rng.random(60) + 0.5
    above = 0.4 * below + rng.normal(0, 0.05, 60)
    place = np.random.default_rng(5).integers(0, 60, (200, 60))
    drawn = above[place].sum(axis=1) / below[place].sum(axis=1)
    found = ratio_interval(above, below, np.random.default_rng(5), level=0.9, draws=200)
    assert found == pytest.approx((above.sum() / below.sum(), *np.quantile(drawn, [0.05, 0.95])), abs=1e-12)
    assert ratio_interval(np.ones(1), np.full(1, 4), rng) == (0.25, 0.25, 0.25)


def test_p_at_the_floor_of_the_permutations_is_a_bound():
    _, floor = paired_test(np.ones(50), np.zeros(50), np.random.default_rng(0))
    assert floor == 1 / 10_001
    assert at_floor(floor)
    assert at_floor(9.999e-05)  # as a record holds it
    assert not at_floor(2 * floor)
    assert not at_floor(1e-9)  # of another test: no bound
    assert format_p(6 * floor, at_floor(floor)) == "<= 0.0006"
    assert format_p(6 * floor) == "0.0006"
    assert format_p(0.17688, relation=True) == "= 0.177"
    assert format_p(6 / 1024, True, relation=True) == "<= 0.0059"
    assert format_p(1.0, True) == "1.000"


def test_no_values_have_no_interval():
    assert np.isnan(bootstrap_interval(np.zeros(0), np.random.default_rng(0))).all()


def test_auc_interval_agrees_with_sklearn_draw_by_draw():
    """Each bootstrap draw, with its ties, against scikit-learn on the pairs repeated as drawn."""
    rng = np.random.default_rng(0)
    users, likes = rng.integers(0, 12, 90), rng.random(90) < 0.6
    scores = np.round(rng.random((2, 90)) + 0.3 * likes, 1)
    found = auc_interval(users, scores, likes, np.random.default_rng(5), draws=40)
    draws = np.random.default_rng(5).multinomial(12, np.full(12, 1 / 12), size=40)
    expected = []
    for times in draws:
        rows = np.repeat(np.arange(90), times[users])
        expected.append(np.mean([roc_auc_score(likes[rows], run[rows]) for run in scores]))
    assert found[0] == pytest.approx(np.mean([roc_auc_score(likes, run) for run in scores]), abs=1e-12)
    assert found[1:] == pytest.approx(tuple(np.quantile(expected, [0.025, 0.975])), abs=1e-12)


def test_auc_interval_without_dislikes():
    assert np.isnan(auc_interval(np.arange(3), np.ones((1, 3)), np.ones(3, bool), np.random.default_rng(0))).all()


def test_auc_difference_is_paired():
    rng = np.random.default_rng(2)
    groups, liked = rng.integers(0, 40, 800), rng.random(800) < 0.7
    better, worse = liked + rng.normal(size=800), liked + 3 * rng.normal(size=800)
    gap, low, high = auc_difference(groups, better, worse, liked, np.random.default_rng(3), draws=300)
    assert gap == pytest.approx(roc_auc_score(liked, better) - roc_auc_score(liked, worse))
    assert 0 < low < gap < high
    same = auc_difference(groups, better, better, liked, np.random.default_rng(3), draws=50)
    assert same == (0, 0, 0)


@pytest.mark.parametrize("values", [[0.1, np.nan, 0.2], [0.1, np.inf, 0.2], [np.nan] * 20, []])
@pytest.mark.parametrize(
    "test",
    [
        lambda values: paired_test(values, np.zeros(len(values)), np.random.default_rng(0), draws=10),
        lambda values: sign_flip_test(values, np.random.default_rng(0), draws=10),
    ],
    ids=["paired", "sign flips"],
)
def test_differences_that_are_no_numbers_have_no_p(test, values):
    """No arrangement of signs compares with NaN: counted as none, p would be the least there is."""
    with pytest.raises(InputError, match="not finite"):
        test(np.array(values, float))


def test_draws_that_are_no_numbers_have_no_p():
    with pytest.raises(InputError, match="1 of them not finite"):
        compare_over_draws({"a": np.array([0.1, np.nan, 0.3]), "b": np.zeros(3)}, "b")
