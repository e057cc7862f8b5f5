"""Off-policy estimates against hand computation and against the truth of small worlds."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binomtest
from scipy.stats import t as student

from mmrec.errors import InputError
from studies.feedback.offpolicy import ESTIMATORS, Log, draw_logs, effective_size, exact_moments, softmax_policy

Z = 1.959963984540054


@pytest.fixture
def log():
    rng = np.random.default_rng(0)
    shape = (3, 50)
    answer = (rng.random(shape) < 0.4).astype(float)
    predicted, planned = 0.3 + 0.3 * rng.random((2, *shape))
    return Log(rng.exponential(size=shape), answer, predicted, planned, 1 + 2 * rng.random(shape))


def world(seed=0, users=6, items=5):
    rng = np.random.default_rng(seed)
    logging = softmax_policy(rng.normal(size=(users, items)), 1.0, floor=0.2)
    target = softmax_policy(rng.normal(size=(users, items)), 0.7)
    return logging, target, rng.random((users, items)), rng.random((users, items)), rng


def test_estimates_by_hand(log):
    for row in range(3):
        w, r, q, plan = log.weight[row], log.answer[row], log.predicted[row], log.planned[row]
        values = {
            "direct": plan.mean(),
            "IPS": np.mean(w * r),
            "SNIPS": (w @ r) / w.sum(),
            "doubly robust": np.mean(plan + w * (r - q)),
        }
        for name, value in values.items():
            assert ESTIMATORS[name](log).value[row] == pytest.approx(value, abs=1e-12)
        found, error = ESTIMATORS["direct"](log), np.std(plan, ddof=1) / np.sqrt(len(plan))
        assert found.low[row] == pytest.approx(plan.mean() - Z * error, abs=1e-12)
        assert found.high[row] == pytest.approx(plan.mean() + Z * error, abs=1e-12)


def spread_at(count, w, r, g, v, side):
    """Mean of (r - g - v)^2 under squared weights, answers turned until their mean is v; showing i counts ``count[i]``.

    Above the mean (side 1) dislikes turn into likes, below (side -1) likes into dislikes.
    """
    middle = np.sum(count * w * (r - g)) / np.sum(count * w)
    like = np.where(r == 1, 1, (v - middle) / (1 - middle)) if side > 0 else np.where(r == 1, v / middle, 0)
    terms = like * (1 - g - v) ** 2 + (1 - like) * (g + v) ** 2
    return np.sum(count * w**2 * terms) / np.sum(count * w**2)


def share_at(count, w, r, v):
    """Share of likes under squared weights, moved by as much as their mean is moved to v."""
    return np.sum(count * w**2 * r) / np.sum(count * w**2) + v - np.sum(count * w * r) / np.sum(count * w)


def student_square(variance, n):
    """Squared 97.5% quantile with Satterthwaite's degrees; the pull of each showing by central differences."""
    ones, step = np.ones(n), 1e-5
    pulls = [(variance(ones + step * one) - variance(ones - step * one)) / (2 * step) for one in np.eye(n)]
    return student.ppf(0.975, max(2 * variance(ones) ** 2 / np.sum(np.square(pulls)), 1)) ** 2


def searched_end(w, r, g, side):
    """The end of SNIPS and doubly robust on one side, by search."""
    middle, ones = (w @ (r - g)) / w.sum(), np.ones(len(w))
    quantile = student_square(lambda count: spread_at(count, w, r, g, middle, side), len(w))

    def beyond(v):
        return (w @ (r - g - v)) ** 2 - quantile * (w @ w) * spread_at(ones, w, r, g, v, side)

    return brentq(beyond, middle, max(side, 0), xtol=1e-12)


def searched_end_of_ips(w, r, square, side):
    value, ones = np.mean(w * r), np.ones(len(w))
    middle = (w @ r) / w.sum()
    quantile = student_square(lambda count: square * share_at(count, w, r, middle) - value**2, len(w))

    def beyond(v):
        return len(w) * (value - v) ** 2 - quantile * (square * share_at(ones, w, r, v) - v**2)

    return brentq(beyond, value, value + side, xtol=1e-12)


@pytest.mark.parametrize("name", ["IPS", "SNIPS", "doubly robust"])
def test_intervals_hold_what_a_test_does_not_reject(log, name):
    found = ESTIMATORS[name](log)
    for row in range(3):
        w, r, square = log.weight[row], log.answer[row], log.square[row].mean()
        g = log.predicted[row] - log.planned[row] if name == "doubly robust" else np.zeros(len(w))
        for side, end in ((-1, found.low[row]), (1, found.high[row])):
            expected = searched_end_of_ips(w, r, square, side) if name == "IPS" else searched_end(w, r, g, side)
            assert end == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("name", ["IPS", "SNIPS"])
@pytest.mark.parametrize("likes", [0, 1, 7, 20])
def test_equal_weights_give_the_interval_of_wilson(name, likes):
    one, answer = np.ones(20), np.repeat([1.0, 0.0], [likes, 20 - likes])
    found = ESTIMATORS[name](Log(one, answer, one, one, one), 0.9)
    expected = binomtest(likes, 20).proportion_ci(0.9, method="wilson")
    assert found.value == pytest.approx(likes / 20)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_equal_weights_say_as_much_as_all_showings(log):
    assert effective_size(replace(log, weight=np.ones_like(log.weight))) == pytest.approx([50, 50, 50])


def test_weights_that_might_have_come_widen_ips(log):
    """The same log, of policies whose weights are twice as large in square."""
    near, far = ESTIMATORS["IPS"](log), ESTIMATORS["IPS"](replace(log, square=2 * log.square))
    assert np.all(far.low < near.low)
    assert np.all(far.high > near.high)


@pytest.mark.parametrize("liked", [0.1, 0.5, 0.9])
def test_intervals_hold_the_truth_where_few_showings_count(liked):
    """A share short of 95% by more than sampling error fails, and the plain interval of SNIPS falls short here."""
    rng, logs = np.random.default_rng(5), 2000
    scores = rng.normal(size=(40, 30))
    probability = 1 / (1 + (1 - liked) / liked * np.exp(-scores))
    logging = softmax_policy(np.tile(rng.normal(size=30), (40, 1)), 1.0, floor=0.3)
    target, predicted = softmax_policy(scores, 0.5), np.clip(probability + rng.normal(0, 0.2, probability.shape), 0, 1)
    truth = (target * probability).sum(axis=1).mean()
    log = draw_logs(logging, target, probability, predicted, (logs, 300), rng)
    assert effective_size(log).mean() < 50
    for name in ("IPS", "SNIPS", "doubly robust"):
        found = ESTIMATORS[name](log)
        held = np.sum((found.low <= truth) & (truth <= found.high))
        assert binomtest(int(held), logs, 0.95, alternative="less").pvalue > 0.001, (name, held / logs)
    w, value = log.weight, ESTIMATORS["SNIPS"](log).value
    error = np.sqrt(np.sum((w * (log.answer - value[:, None])) ** 2, axis=1)) / w.sum(axis=1)
    plain = np.sum(np.abs(value - truth) <= Z * error)
    assert binomtest(int(plain), logs, 0.95, alternative="less").pvalue < 1e-6


def test_logs_are_drawn_as_the_policies_say():
    logging, target, probability, predicted, rng = world()
    log = draw_logs(logging, target, probability, predicted, (200_000,), rng)
    assert log.weight.mean() == pytest.approx(1, abs=0.02)
    assert log.answer.mean() == pytest.approx((logging * probability).sum(axis=1).mean(), abs=0.006)
    assert log.predicted.mean() == pytest.approx((logging * predicted).sum(axis=1).mean(), abs=0.006)
    assert log.planned.mean() == pytest.approx((target * predicted).sum(axis=1).mean(), abs=0.006)
    squares = sum(logging[:, item] * (target[:, item] / logging[:, item]) ** 2 for item in range(5))
    assert np.unique(log.square) == pytest.approx(np.sort(squares))


@pytest.mark.parametrize("name", ["IPS", "doubly robust"])
def test_unbiased_whatever_the_prediction(name):
    logging, target, probability, _, rng = world(1)
    log = draw_logs(logging, target, probability, probability / 2, (3000, 200), rng)
    value = ESTIMATORS[name](log).value
    truth = (target * probability).sum(axis=1).mean()
    assert abs(value.mean() - truth) < 4 * value.std() / np.sqrt(len(value))
    assert abs(ESTIMATORS["direct"](log).value.mean() - truth) > 0.15  # the prediction is wrong indeed


def test_a_right_prediction_narrows_the_interval():
    logging, target, probability, _, rng = world(2)
    log = draw_logs(logging, target, probability, probability, (200, 400), rng)
    width = {name: (found.high - found.low).mean() for name, found in ((n, e(log)) for n, e in ESTIMATORS.items())}
    assert width["doubly robust"] < width["IPS"]


def test_a_policy_without_support_is_refused():
    logging, target, probability, predicted, rng = world()
    logging[:, 0] = 0
    with pytest.raises(InputError, match="never shows some items"):
        draw_logs(logging, target, probability, predicted, (10,), rng)
    with pytest.raises(InputError, match="temperature must be above 0"):
        softmax_policy(predicted, 0.0)


def test_softmax_by_hand():
    scores = np.array([[0.0, 1.0, 3.0]])
    weights = np.exp(scores[0] / 2)
    expected = 0.9 * weights / weights.sum() + 0.1 / 3
    assert softmax_policy(scores, 2.0, floor=0.1)[0] == pytest.approx(expected)
    assert softmax_policy(1e6 * scores, 1.0, floor=0.3)[0] == pytest.approx([0.1, 0.1, 0.8])


@pytest.mark.filterwarnings("error")
def test_a_log_of_zero_weights_says_nothing_and_says_so(log):
    """The middle log has zero weights; its neighbours keep their estimates."""
    weight = log.weight.copy()
    weight[1] = 0
    found = {name: estimator(replace(log, weight=weight)) for name, estimator in ESTIMATORS.items()}
    assert found["IPS"].value[1] == 0
    assert np.isnan(found["SNIPS"].value[1])
    assert found["doubly robust"].value[1] == pytest.approx(log.planned[1].mean(), abs=1e-12)
    for name in ("IPS", "SNIPS", "doubly robust"):
        assert list(found[name].unsupported) == [False, True, False]
        assert (found[name].low[1], found[name].high[1]) == (0, 1)
    assert not found["direct"].unsupported.any()  # the prediction needs no weights
    assert 0 < found["direct"].low[1] < found["direct"].high[1] < 1
    assert effective_size(replace(log, weight=weight))[1] == 0
    for name, estimator in ESTIMATORS.items():
        whole = estimator(log)
        for part in ("value", "low", "high", "unsupported"):
            assert np.array_equal(getattr(found[name], part)[[0, 2]], getattr(whole, part)[[0, 2]]), (name, part)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(40,), (1,)])
def test_a_single_log_of_zero_weights(shape):
    zero, half = np.zeros(shape), np.full(shape, 0.5)
    for name, value in {"IPS": 0.0, "SNIPS": np.nan, "doubly robust": 0.5}.items():
        found = ESTIMATORS[name](Log(zero, np.ones(shape), half, half, half))
        assert found.value == pytest.approx(value, nan_ok=True)
        assert (found.low, found.high, found.unsupported) == (0, 1, True)
    if shape == (1,):
        found = ESTIMATORS["direct"](Log(zero, zero, half, half, half))
        assert (found.value, found.low, found.high) == (0.5, 0, 1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_empty_log_is_refused(name):
    with pytest.raises(InputError, match="no showing"):
        ESTIMATORS[name](Log(*np.zeros((5, 3, 0))))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_snips_does_not_depend_on_the_scale_of_the_weights(log, factor):
    """Squares of such weights are 0 or infinite in float64."""
    plain, scaled = (ESTIMATORS["SNIPS"](replace(log, weight=log.weight * by)) for by in (1, factor))
    for part in ("value", "low", "high"):
        assert getattr(scaled, part) == pytest.approx(getattr(plain, part), abs=1e-9)
    assert effective_size(replace(log, weight=log.weight * factor)) == pytest.approx(effective_size(log))


@pytest.mark.parametrize("wrong", [0.0, 0.5, 1.0])
def test_ips_and_doubly_robust_are_unbiased_exactly(wrong):
    """Summed over all users, items and answers, far apart as the policies are; and draws agree with the sum."""
    logging, target, probability, predicted, rng = world(3)
    target, predicted = softmax_policy(10 * rng.normal(size=target.shape), 1.0), (1 - wrong) * predicted
    truth = (target * probability).sum(axis=1).mean()
    exact = exact_moments(logging, target, probability, predicted)
    for name in ("IPS", "doubly robust"):
        assert exact[name][0] == pytest.approx(truth, abs=1e-12)
    assert exact["direct"][0] == pytest.approx((target * predicted).sum(axis=1).mean(), abs=1e-12)
    log = draw_logs(logging, target, probability, predicted, (2000, 100), rng)
    for name, (mean, deviation) in exact.items():
        value = ESTIMATORS[name](log).value
        assert value.std() == pytest.approx(deviation / 10, rel=0.08, abs=1e-12)
        assert abs(value.mean() - mean) <= 4 * deviation / np.sqrt(200_000) + 1e-12
