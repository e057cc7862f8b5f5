"""The study of new items: a fold reads nothing of its test, and kept folds are those of this code."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmrec.evaluation.benchmark_data import BenchmarkData
from mmrec.evaluation.draws import DrawnComparison, from_run

ROWS = {
    "popularity-and-taste": ("popularity-and-taste", {}),
    "ease-features": ("ease-features", {}),
    "graph-filter-features": ("graph-filter-features", {}),
}


@pytest.fixture
def study(monkeypatch):
    """The script, with closed forms alone: what is read does not depend on how long a network learns."""
    from studies.models import new_items as module

    monkeypatch.setattr(module, "LISTS_FOR_EVERYONE", ("popularity", "content-popularity"))
    monkeypatch.setattr(module, "PERSONAL", ROWS)
    monkeypatch.setattr(module, "BY_MODALITY", ("ease-features",))
    return module


@pytest.fixture
def benchmark_data(interactions, features) -> BenchmarkData:
    users = tuple(f"u{user}" for user in range(interactions.n_users))
    return BenchmarkData("toy", users, features.item_ids, interactions, features, "fingerprint")


def test_settings_of_a_fold_do_not_see_its_test(study, benchmark_data, tmp_path):
    settings = []
    split = next(benchmark_data.folds("cold-item", 3))
    test = split.test["cold-item"]
    for rating in (test.rating, 6 - test.rating):
        other = replace(split, test={**split.test, "cold-item": replace(test, rating=rating)})
        found = study.fold(benchmark_data, other, "cold-item", 0, 4, tmp_path / "none")
        settings.append({row: (one["settings"], one["test_users"]) for row, one in found.items() if "settings" in one})
    assert [kept[0] for kept in settings[0].values()] == [kept[0] for kept in settings[1].values()]
    assert settings[0] != settings[1]  # the test was another


def test_each_question_is_a_family_of_its_own(study, benchmark_data, tmp_path):
    folds = [
        study.fold(benchmark_data, split, "cold-item", number, 1, tmp_path / "none")
        for number, split in enumerate(benchmark_data.folds("cold-item", 3))
    ]
    measured = DrawnComparison({row: [from_run(one[row]) for one in folds] for row in folds[0]})
    runs = dict(measured.runs)
    for form in ("fusion: concatenation", "fusion: network"):  # the pair that crosses two models
        runs[f"{form}, text alone"] = runs["ease-features, text alone"]
    measured = DrawnComparison(runs)
    tests = study.results(measured, "cold-item")["tests"]
    assert set(tests) == {"personal", "modalities"}
    assert len(tests["personal"]) == 2 * len(ROWS)
    for found in tests.values():
        least = min(test["p"] for test in found.values())
        assert min(test["p (Holm)"] for test in found.values()) == pytest.approx(min(1, len(found) * least), abs=1e-4)
        for pair, test in found.items():
            first, second = pair.split(" - ")
            gaps = measured.per_draw(first, "ndcg@20") - measured.per_draw(second, "ndcg@20")
            assert test["difference"] == pytest.approx(gaps.mean(), abs=1e-5)
            assert test["p"] >= 2 / 2 ** len(folds) - 1e-9


def test_folds_of_other_code_are_not_taken_from_the_cache(study, tmp_path):
    changed = tmp_path / "new_items.py"
    changed.write_bytes(Path(study.__file__).read_bytes() + b"# changed\n")
    plain = study.kept_in("data", "cold-item", 10, 4)
    assert plain == study.kept_in("data", "cold-item", 10, 4)
    others = [study.kept_in("data", "cold-item", 10, 4, changed), study.kept_in("other", "cold-item", 10, 4)]
    others += [study.kept_in("data", "cold-user", 10, 4), study.kept_in("data", "cold-item", 10, 5)]
    assert len({plain, *others}) == 5
    assert np.unique([path.parent.name for path in (plain, *others)]).tolist() == ["new-items"]
