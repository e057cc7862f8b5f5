"""Settings are chosen on validation, beyond the ends of a grid where these win, and within a budget of tries."""

import numpy as np
import pytest

from mmrec.data.split import by_time
from mmrec.errors import InputError
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.search import TRIES, beyond, candidates, choose_settings, halfway, within_training
from mmrec.models import REGISTRY, make_model, model_class
from mmrec.models.ease import EASE
from mmrec.models.settings import Setting


def search(benchmark_data, tries=TRIES, **options):
    return choose_settings(benchmark_data.split(), benchmark_data.features, "ease", {}, tries, **options)


def reached(benchmark_data, **settings):
    split = benchmark_data.split()
    return evaluate(make_model("ease", **settings).fit(split.train), split, on="validation").summary["ndcg@20"]


def declare(grid, open_ended=()):
    """Setting -> values, the default first, as declarations."""
    return {
        name: Setting(default=values[0], meaning="", search=tuple(values[1:]), open_ended=name in open_ended)
        for name, values in grid.items()
    }


def proposed(declared, value_of, *, most=50):
    """What is proposed where each candidate reaches ``value_of(settings)``."""
    proposals = candidates(declared)
    found = [next(proposals)]
    while len(found) < most:
        try:
            found.append(proposals.send(value_of(found[-1])))
        except StopIteration:
            break
    return found


def test_settings_are_the_best_on_validation(benchmark_data):
    fitted, log = search(benchmark_data)
    tried = {entry["settings"]["l2"]: entry["ndcg@20"] for entry in log}
    assert list(tried)[:4] == [EASE.declared["l2"].default, *EASE.declared["l2"].search]
    assert tried == {l2: reached(benchmark_data, l2=l2) for l2 in tried}
    assert tried[fitted.settings["l2"]] == max(tried.values())


def test_the_budget_is_a_number_of_tries(benchmark_data):
    for tries in (1, 3, 7):
        assert len(search(benchmark_data, tries)[1]) == tries


def test_the_budget_is_no_matter_of_time(benchmark_data, monkeypatch):
    """A machine a thousand times as slow tries the same settings."""
    from mmrec.evaluation import search as module

    monkeypatch.setattr(module, "timed", lambda work: (work(), 1e6))
    slow = search(benchmark_data)[1]
    monkeypatch.undo()
    quick = search(benchmark_data)[1]
    assert [entry["settings"] for entry in slow] == [entry["settings"] for entry in quick]


def test_every_baseline_gets_as_many_tries_as_any_model():
    """A search ends early only where the grid does, which none of these closed-form models' does."""
    for name in ("ease", "item-knn", "mf", "graph-filter", "ease-features", "graph-filter-features"):
        kind = model_class(name)
        assert len(proposed(kind.declared, lambda _: 0.0, most=TRIES)) == TRIES, name


def test_one_try_leaves_the_defaults(benchmark_data):
    fitted, log = search(benchmark_data, 1)
    assert len(log) == 1
    assert fitted.model.settings == make_model("ease").settings


def test_the_best_value_is_no_end_of_those_tried():
    declared = declare({"a": (1.0, 2.0)}, open_ended=("a",))
    found = proposed(declared, lambda settings: -abs(np.log(settings["a"] / 40)))
    values = sorted(settings["a"] for settings in found)
    best = min(values, key=lambda value: abs(np.log(value / 40)))
    assert values[0] < best < values[-1]
    assert best == pytest.approx(40, rel=0.1)  # halfway between neighbours, again and again


def test_one_setting_after_the_other_at_the_best_of_those_before():
    found = proposed(declare({"a": (1, 2, 3), "b": ("x", "y")}), lambda settings: settings["a"] == 2)
    assert [(one["a"], one["b"]) for one in found] == [(1, "x"), (2, "x"), (3, "x"), (2, "y")]


def test_what_is_not_open_ended_stays_within_its_values():
    assert [one["a"] for one in proposed(declare({"a": (1.0, 2.0)}), lambda one: one["a"])] == [1.0, 2.0]


def test_nothing_is_tried_twice():
    declared = declare({"a": (1.0, 4.0), "b": (1, 2)}, open_ended=("a",))
    found = proposed(declared, lambda one: one["a"] * one["b"], most=40)
    keys = [tuple(one.values()) for one in found]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("tried", "best", "expected"),
    [
        ((0.2, 0.1, 0.4), 0.4, 0.8),
        ((0.2, 0.1, 0.4), 0.1, 0.05),
        ((0.2, 0.1, 0.4), 0.2, None),
        ((20.0, 0.0, 5.0), 5.0, 1.25),
        ((20.0, 0.0, 5.0), 0.0, None),
        ((3.0,), 3.0, None),
    ],
)
def test_beyond_the_ends(tried, best, expected):
    assert beyond(tried, best) == (None if expected is None else pytest.approx(expected))


def test_halfway_in_the_logarithm():
    assert halfway([1.0, 4.0, 16.0, 0.0], 4.0) == pytest.approx([2.0, 8.0])
    assert halfway([1.0, 4.0], 1.0) == pytest.approx([2.0])
    assert halfway([0.0, 4.0], 0.0) == [2.0]
    assert halfway([0.0], 0.0) == []
    assert halfway([1.0, 1.01], 1.0) == []


def test_what_is_open_ended_is_a_number_that_is_searched():
    for name in REGISTRY:
        for one in model_class(name).declared.values():
            if one.open_ended:
                assert one.search
                assert all(isinstance(value, float) and value >= 0 for value in (one.default, *one.search))


def test_a_value_that_does_not_suit_the_data_loses_no_other(benchmark_data, monkeypatch):
    monkeypatch.setattr(EASE, "declared", declare({"l2": (200.0, -1e9, 50.0)}))
    fitted, log = search(benchmark_data)
    assert [entry["settings"]["l2"] for entry in log] == [200.0, -1e9, 50.0]
    assert "raise l2" in log[1]["error"]
    assert fitted.settings["l2"] in (200.0, 50.0)


def test_defaults_that_do_not_suit_the_data_are_an_error(benchmark_data, monkeypatch):
    monkeypatch.setattr(EASE, "declared", declare({"l2": (-1e9, 50.0)}))
    with pytest.raises(InputError, match="raise l2"):
        search(benchmark_data)


def test_cold_settings_are_chosen_on_training_rows_alone(interactions):
    split = by_time(interactions, cold_items=0.2, seed=1)
    inner = within_training(split, seed=0)
    rows = np.concatenate([inner.train.row, *(part.row for part in inner.test.values())])
    assert set(rows) <= set(split.train.row)
    assert inner.cold_items.any()
    assert inner.cold_users.any()
    assert not np.isin(inner.train.item, np.flatnonzero(inner.cold_items)).any()
