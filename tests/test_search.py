"""Settings are chosen on validation, beyond the ends of a grid where these win, and within the budget."""

import pytest

from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.search import MOST_VALUES, beyond, choose_settings, tries_of
from mmrec.models import REGISTRY, make_model, model_class
from mmrec.models.ease import EASE


def reached(bundle, **settings):
    split = bundle.split()
    return evaluate(make_model("ease", **settings).fit(split.train), split, on="validation").summary["ndcg@20"]


def test_settings_are_the_best_on_validation(bundle):
    fitted, log = choose_settings(bundle, "ease", {}, 240.0)
    tried = {entry["settings"]["l2"]: entry["ndcg@20"] for entry in log}
    assert list(tried)[:4] == list(EASE.grid["l2"])
    assert tried == {l2: reached(bundle, l2=l2) for l2 in tried}
    assert tried[fitted.settings["l2"]] == max(tried.values())


def test_the_best_value_is_no_end_of_those_tried(bundle, monkeypatch):
    monkeypatch.setattr(EASE, "grid", {"l2": (1e-4, 2e-4)})
    fitted, log = choose_settings(bundle, "ease", {}, 240.0)
    tried = sorted(entry["settings"]["l2"] for entry in log)
    assert len(tried) > 2
    assert fitted.settings["l2"] not in (tried[0], tried[-1]) or len(tried) == MOST_VALUES


def test_what_is_not_open_ended_stays_within_its_grid(bundle, monkeypatch):
    monkeypatch.setattr(EASE, "grid", {"l2": (1e-4, 2e-4)})
    monkeypatch.setattr(EASE, "open_ended", ())
    assert [entry["settings"]["l2"] for entry in choose_settings(bundle, "ease", {}, 240.0)[1]] == [1e-4, 2e-4]


def test_a_budget_is_shared_out_by_what_there_is_to_try():
    assert tries_of("ease") == 3
    assert tries_of("popularity") == 0


def test_without_budget_the_defaults_are_all(bundle):
    fitted, log = choose_settings(bundle, "ease", {}, 0.0)
    assert len(log) == 1
    assert fitted.model.settings == make_model("ease").settings


@pytest.mark.parametrize(
    ("tried", "best", "expected"),
    [
        ((0.2, 0.1, 0.4), 0.4, [0.8]),
        ((0.2, 0.1, 0.4), 0.1, [0.05]),
        ((0.2, 0.1, 0.4), 0.2, []),
        ((20.0, 0.0, 5.0), 5.0, [1.25]),
        ((20.0, 0.0, 5.0), 0.0, []),
        ((3.0,), 3.0, []),
        (tuple(2.0**n for n in range(MOST_VALUES)), 1.0, []),
    ],
)
def test_beyond_the_ends(tried, best, expected):
    assert beyond(tried, best) == pytest.approx(expected)


def test_what_is_open_ended_is_a_number_of_the_grid():
    for name in REGISTRY:
        kind = model_class(name)
        assert set(kind.open_ended) <= set(kind.grid)
        for setting in kind.open_ended:
            assert all(isinstance(value, float) and value >= 0 for value in kind.grid[setting])


def test_a_value_that_does_not_suit_the_data_loses_no_other(bundle, monkeypatch):
    monkeypatch.setattr(EASE, "grid", {"l2": (200.0, -1e9, 50.0)})
    monkeypatch.setattr(EASE, "open_ended", ())
    fitted, log = choose_settings(bundle, "ease", {}, 240.0)
    assert [entry["settings"]["l2"] for entry in log] == [200.0, -1e9, 50.0]
    assert "raise l2" in log[1]["error"]
    assert fitted.settings["l2"] in (200.0, 50.0)
