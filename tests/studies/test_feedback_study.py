"""Several policies and seeds, against plain computations on their traces."""

import numpy as np
import pytest
from scipy import stats

from mmrec.errors import InputError
from mmrec.simulation.truth import Truth
from studies.feedback import policies
from studies.feedback.belief import LinearBelief
from studies.feedback.study import choose_settings, compare_over_draws, compare_policies, seed_interval

PEOPLE = np.arange(30)


@pytest.fixture(scope="module")
def truth(simulated):
    return Truth.load(simulated / "truth.npz")


def greedy(truth, l2=1.0):
    return lambda audience, seed: policies.Greedy(LinearBelief(truth.items, audience.users, l2))


@pytest.fixture(scope="module")
def study(truth):
    makers = {
        "oracle": lambda audience, seed: policies.Oracle(audience),
        "chance": lambda audience, seed: policies.Chance(),
        "greedy": greedy(truth),
    }
    return compare_policies(makers, truth, PEOPLE, seeds=3, rounds=5, k=4)


def test_figures_follow_from_the_traces(study):
    last = [trace.regret()[-1].mean() for trace in study.traces["greedy"]]
    mean, low, high = study.figures("greedy")["regret (seeds)"]
    assert mean == pytest.approx(np.mean(last))
    expected = stats.t.interval(0.95, 2, loc=np.mean(last), scale=stats.sem(last))
    assert (low, high) == pytest.approx(expected)
    over_people = study.figures("greedy")["regret (people)"]
    assert over_people[0] == pytest.approx(mean)
    assert over_people[1] < mean < over_people[2]
    assert study.curves("greedy")["regret"][-1] == pytest.approx(mean)


def test_within_a_seed_all_meet_the_same_luck(study):
    for seed in range(3):
        answers = {}
        for traces in study.traces.values():
            trace = traces[seed]
            for user in PEOPLE:
                for item, like in zip(trace.items[:, user].ravel(), trace.likes[:, user].ravel(), strict=True):
                    assert answers.setdefault((user, item), like) == like
    first, second = (study.traces["oracle"][seed].likes for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_differences_are_paired_over_people(study):
    table = study.against("greedy")
    assert list(table.index) == ["oracle - greedy", "chance - greedy"]
    gap = study.per_user("chance") - study.per_user("greedy")
    assert table.loc["chance - greedy", "difference"] == pytest.approx(gap.mean())
    assert table.loc["oracle - greedy", "difference"] < 0 < table.loc["chance - greedy", "difference"]
    assert (table["p (Holm)"] >= table["p"]).all()


def test_settings_are_those_of_least_regret(truth):
    best, log = choose_settings(
        lambda l2: greedy(truth, l2), [{"l2": 1e6}, {"l2": 1.0}], truth, PEOPLE, seeds=1, seed=9, rounds=4, k=4
    )
    assert best == {"l2": 1.0}
    assert log[1]["regret"] < log[0]["regret"]
    alone = compare_policies({"it": greedy(truth, 1e6)}, truth, PEOPLE, seeds=1, seed=9, rounds=4, k=4)
    assert log[0]["regret"] == pytest.approx(alone.per_user("it").mean())


def test_a_single_seed_has_no_interval():
    mean, low, high = seed_interval(np.array([2.0]))
    assert mean == 2.0
    assert np.isnan(low)
    assert np.isnan(high)


def test_differences_over_draws_by_all_sign_flips():
    rng = np.random.default_rng(0)
    base = rng.normal(size=8)
    found = {"base": base, "worse": base + 1 + rng.random(8), "same": base + rng.normal(0, 0.1, 8)}
    table = compare_over_draws(found, "base")
    worse, same = table.loc["worse - base"], table.loc["same - base"]
    assert worse["p"] == 2 / 2**8
    assert worse["p at floor"]
    assert worse["below"] == 0
    gap = found["same"] - base
    expected = stats.permutation_test((gap,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert same["p"] == pytest.approx(expected)
    assert not same["p at floor"]
    low, high = stats.t.interval(0.95, 7, loc=gap.mean(), scale=stats.sem(gap))
    assert (same["low"], same["high"]) == pytest.approx((low, high))
    assert worse["p (Holm)"] == pytest.approx(2 * worse["p"])
    with pytest.raises(InputError, match="over 1 draws"):
        compare_over_draws({name: values[:1] for name, values in found.items()}, "base")


def test_parts_that_another_commit_made_are_named():
    """``studies.feedback.record --only`` keeps the other parts of the record; its commit is not theirs."""
    from studies.feedback import record as program

    earlier = {"commit": "b", "results": {"policies": 1, "replay": 2, program.KEPT: {"replay": "a"}}}
    assert program.kept_parts(earlier, ["offpolicy"]) == {"policies": "b", "replay": "a"}
    assert program.kept_parts(earlier, list(program.PARTS)) == {}
    assert program.kept_parts({}, ["draws"]) == {}
