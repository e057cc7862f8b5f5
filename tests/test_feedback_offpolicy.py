"""Off-policy estimates against hand computation and against the truth of small worlds."""

import numpy as np
import pytest

from mmrec.errors import InputError
from mmrec.feedback.offpolicy import ESTIMATORS, Log, draw_logs, effective_size, softmax_policy

Z = 1.959963984540054


@pytest.fixture
def log():
    rng = np.random.default_rng(0)
    shape = (3, 50)
    answer = (rng.random(shape) < 0.4).astype(float)
    return Log(rng.exponential(size=shape), answer, rng.random(shape), rng.random(shape))


def world(seed=0, users=6, items=5):
    rng = np.random.default_rng(seed)
    logging = softmax_policy(rng.normal(size=(users, items)), 1.0, floor=0.2)
    target = softmax_policy(rng.normal(size=(users, items)), 0.7)
    return logging, target, rng.random((users, items)), rng.random((users, items)), rng


def test_estimates_by_hand(log):
    for row in range(3):
        w, r, q, plan = log.weight[row], log.answer[row], log.predicted[row], log.planned[row]
        terms = {"direct": plan, "doubly robust": plan + w * (r - q)}
        for name, values in terms.items():
            found = ESTIMATORS[name](log)
            error = np.sqrt(np.var(values, ddof=1) / len(values))
            assert found.value[row] == pytest.approx(values.mean(), abs=1e-12)
            assert found.low[row] == pytest.approx(values.mean() - Z * error, abs=1e-12)
            assert found.high[row] == pytest.approx(values.mean() + Z * error, abs=1e-12)
        ratio = ESTIMATORS["SNIPS"](log)
        value = (w @ r) / w.sum()
        # the delta method: a ratio of means varies as the mean of its linear part
        linear = (w * r - value * w) / w.mean()
        error = np.sqrt(np.mean(linear**2) / len(w))
        assert ratio.value[row] == pytest.approx(value, abs=1e-12)
        assert ratio.high[row] - ratio.low[row] == pytest.approx(2 * Z * error, abs=1e-12)


def test_the_interval_of_ips_is_freed_of_skewness(log):
    """Hall's cubic, solved for its roots."""
    found = ESTIMATORS["IPS"](log)
    for row in range(3):
        terms = log.weight[row] * log.answer[row]
        n, spread = len(terms), np.std(terms, ddof=1)
        a = np.mean((terms - terms.mean()) ** 3) / spread**3 / np.sqrt(n)
        assert found.value[row] == pytest.approx(terms.mean(), abs=1e-12)
        for end, limit in ((Z, found.low[row]), (-Z, found.high[row])):
            roots = np.roots([a**2 / 27, a / 3, 1, a / 6 - end])
            (real,) = roots[np.abs(roots.imag) < 1e-8].real
            assert limit == pytest.approx(terms.mean() - real * spread / np.sqrt(n), abs=1e-9)


def test_no_answer_gives_no_width():
    nothing = np.zeros((2, 9))
    found = ESTIMATORS["IPS"](Log(np.ones((2, 9)), nothing, nothing, nothing))
    assert not np.any([found.value, found.low, found.high])


def test_equal_weights_give_the_mean(log):
    same = Log(np.ones_like(log.weight), log.answer, log.predicted, log.planned)
    assert ESTIMATORS["IPS"](same).value == pytest.approx(log.answer.mean(axis=1))
    assert ESTIMATORS["SNIPS"](same).value == pytest.approx(log.answer.mean(axis=1))
    assert effective_size(same) == pytest.approx([50, 50, 50])


def test_logs_are_drawn_as_the_policies_say():
    logging, target, chance, predicted, rng = world()
    log = draw_logs(logging, target, chance, predicted, (200_000,), rng)
    assert log.weight.mean() == pytest.approx(1, abs=0.02)
    assert log.answer.mean() == pytest.approx((logging * chance).sum(axis=1).mean(), abs=0.006)
    assert log.predicted.mean() == pytest.approx((logging * predicted).sum(axis=1).mean(), abs=0.006)
    assert log.planned.mean() == pytest.approx((target * predicted).sum(axis=1).mean(), abs=0.006)


@pytest.mark.parametrize("name", ["IPS", "doubly robust"])
def test_unbiased_whatever_the_prediction(name):
    logging, target, chance, _, rng = world(1)
    log = draw_logs(logging, target, chance, chance / 2, (3000, 200), rng)
    value = ESTIMATORS[name](log).value
    truth = (target * chance).sum(axis=1).mean()
    assert abs(value.mean() - truth) < 4 * value.std() / np.sqrt(len(value))
    assert abs(ESTIMATORS["direct"](log).value.mean() - truth) > 0.15  # the prediction is wrong indeed


def test_a_right_prediction_narrows_the_interval():
    logging, target, chance, _, rng = world(2)
    log = draw_logs(logging, target, chance, chance, (200, 400), rng)
    width = {name: (found.high - found.low).mean() for name, found in ((n, e(log)) for n, e in ESTIMATORS.items())}
    assert width["doubly robust"] < width["IPS"]


def test_a_policy_without_support_is_refused():
    logging, target, chance, predicted, rng = world()
    logging[:, 0] = 0
    with pytest.raises(InputError, match="never shows some items"):
        draw_logs(logging, target, chance, predicted, (10,), rng)
    with pytest.raises(InputError, match="temperature must be above 0"):
        softmax_policy(predicted, 0.0)


def test_softmax_by_hand():
    scores = np.array([[0.0, 1.0, 3.0]])
    weights = np.exp(scores[0] / 2)
    expected = 0.9 * weights / weights.sum() + 0.1 / 3
    assert softmax_policy(scores, 2.0, floor=0.1)[0] == pytest.approx(expected)
    assert softmax_policy(1e6 * scores, 1.0, floor=0.3)[0] == pytest.approx([0.1, 0.1, 0.8])
