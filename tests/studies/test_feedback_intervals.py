"""Measured coverage of intervals."""

import numpy as np
import pytest

from mmrec.errors import InputError
from studies.feedback.intervals import measured_coverage
from studies.feedback.offpolicy import softmax_policy


def study(predicted_is_right: bool, sharp: float = 1.0, logs: int = 600):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20, 8))
    probability = 1 / (1 + np.exp(-scores))
    logging = softmax_policy(rng.normal(size=(20, 8)), 1.0, floor=0.3)
    target = softmax_policy(scores, 1 / sharp)
    predicted = probability if predicted_is_right else np.full_like(probability, 0.2)
    return (
        measured_coverage(logging, target, probability, predicted, showings=800, logs=logs, rng=rng),
        target,
        probability,
    )


def test_intervals_hold_the_truth_at_their_level():
    found, target, probability = study(True)
    assert found["truth"] == pytest.approx((target * probability).sum() / 20)
    for name in ("IPS", "SNIPS", "doubly robust"):
        share, low, high = found["estimators"][name]["coverage"]
        assert low <= 0.95 <= high, name
        assert low < share < high


def test_a_wrong_prediction_misleads_the_direct_method_alone():
    found, _, _ = study(False)
    assert found["estimators"]["direct"]["coverage"][0] < 0.05
    assert found["estimators"]["doubly robust"]["coverage"][2] >= 0.95


def test_the_share_has_the_interval_of_wilson():
    found, _, _ = study(True, logs=200)
    share, low, high = found["estimators"]["IPS"]["coverage"]
    z, n = 1.959963984540054, 200
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    assert (low, high) == pytest.approx((centre - reach, centre + reach))


def test_bias_has_a_standard_error_and_an_exact_value():
    found, _, _ = study(False)
    rows = found["estimators"]
    for name in ("IPS", "doubly robust"):
        assert rows[name]["exact bias"] == pytest.approx(0, abs=1e-12)
        assert abs(rows[name]["bias"]) < 4 * rows[name]["standard error"]
        assert rows[name]["standard error"] == pytest.approx(rows[name]["deviation"] / np.sqrt(600))
    assert rows["direct"]["exact bias"] == pytest.approx(0.2 - found["truth"])
    assert np.isnan(rows["SNIPS"]["exact bias"])
    assert all(row["undefined"] == 0 for row in rows.values())


@pytest.mark.filterwarnings("error")
def test_logs_without_an_estimate_are_counted():
    """Two items; the target shows only the second, which the logging policy hardly ever shows."""
    logging, target = np.tile([[0.9, 0.1]], (4, 1)), np.tile([[0.0, 1.0]], (4, 1))
    probability = predicted = np.full((4, 2), 0.5)
    given = {"showings": 3, "rng": np.random.default_rng(0)}
    found = measured_coverage(logging, target, probability, predicted, logs=300, **given)["estimators"]
    assert 180 < found["SNIPS"]["undefined"] < 260  # 0.9 ** 3 of 300 is 219
    assert found["IPS"]["undefined"] == found["doubly robust"]["undefined"] == 0
    assert np.isfinite(found["SNIPS"]["bias"])
    with pytest.raises(InputError, match="two logs"):
        measured_coverage(logging, target, probability, predicted, logs=1, **given)
