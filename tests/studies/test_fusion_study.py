"""The fusion study on a small simulated catalogue: folds, families, the chosen modality and the baselines."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from mmrec.data.reader import read_catalogue
from mmrec.data.split import by_time, item_folds
from mmrec.evaluation.protocol import evaluate
from mmrec.features import extract
from mmrec.models.user_item_network import FORMS

FOLDS, SEEDS = 2, 1
ROWS = ("concatenation", "network", "text alone", "image alone", "shuffled features")


@pytest.fixture(scope="module")
def program():
    from studies.fusion import record

    return record


@pytest.fixture(scope="module")
def catalogue(simulated):
    return read_catalogue(simulated)


@pytest.fixture(scope="module")
def rows(program, catalogue):
    split = by_time(catalogue.interactions)
    short = {"embedded": {"epochs": 1}, "films": {"epochs": 1}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "SETTINGS", short)
        patch.setattr(program, "ENCODERS", {name: () for name in short})
        made = program.variants("embedded", extract(catalogue), split, catalogue)
    return {name: made[name] for name in ROWS}


@pytest.fixture(scope="module")
def made(program, catalogue, rows):
    """The whole study, once as on the embedded catalogue and once as on the films."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "AVERAGED", {"averaged: both": ROWS[:2], "averaged: network": ("network",)})
        patch.setattr(program, "PERSONAL", (*ROWS[:2], "averaged: both"))
        return {
            name: program.study(name, catalogue, rows, folds=FOLDS, seeds=SEEDS, jobs=1)
            for name in ("embedded", "films")
        }


def test_new_items_are_measured_on_every_fold(made, program, catalogue, rows):
    """Fold f with seed f, for each row; the record's mean is that of the folds."""
    kept = made["embedded"]["rows"]["network"]["cold-item"]
    by_hand = [
        evaluate(program.fit(rows["network"], split, fold), split, "cold-item").summary["ndcg@20"]
        for fold, split in enumerate(item_folds(catalogue.interactions, FOLDS))
    ]
    assert kept["ndcg@20 per run"] == pytest.approx(by_hand, abs=1e-5)
    mean, low, high = kept["ndcg@20"]
    assert mean == pytest.approx(np.mean(by_hand), abs=1e-5)
    assert low <= mean <= high
    assert len(kept["auc per run"]) == FOLDS


def test_known_items_have_seeds_or_the_folds(made):
    assert len(made["embedded"]["rows"]["network"]["warm"]["ndcg@20 per run"]) == SEEDS
    assert len(made["films"]["rows"]["network"]["warm"]["ndcg@20 per run"]) == FOLDS
    assert made["films"]["rows"]["network"]["cold-item"] == made["embedded"]["rows"]["network"]["cold-item"]
    assert {"without text", "without image", "without audio"} < set(made["films"]["rows"]["network"])


def test_means_of_several_rows_are_measured_on_folds_and_those_of_seeds_on_known_items(made):
    assert set(made["embedded"]["rows"]["averaged: both"]) >= {"warm", "cold-item"}
    assert "cold-item" not in made["embedded"]["rows"]["averaged: network"]
    assert "averaged: network" not in made["films"]["rows"]


def test_new_items_have_the_lists_without_a_user(made):
    for results in made.values():
        for name in ("content-popularity", "document-literal"):
            assert set(results["rows"][name]) == {"cold-item"}
        for control in ("users exchanged", "mean score"):
            assert set(results["rows"][f"network, {control}"]) == {"cold-item"}
        assert "network - network, mean score" in results["tests"]["personal"]["cold-item"]
        assert "network - content-popularity" in results["tests"]["without a user"]["cold-item"]


def test_tests_count_folds_for_new_items_and_users_for_known_ones(made):
    new = made["embedded"]["tests"]["forms"]["cold-item"]["concatenation - network"]
    values = made["embedded"]["rows"]
    for metric in ("ndcg@20", "auc"):
        gaps = np.subtract(*(values[name]["cold-item"][f"{metric} per run"] for name in ("concatenation", "network")))
        assert new[metric]["difference"] == pytest.approx(gaps.mean(), abs=2e-5)
        assert new[metric]["ahead"] == (gaps > 0).sum()
        assert new[metric]["draws"] == FOLDS
        assert new[metric]["p"] >= 2 / 2**FOLDS
        assert new[metric]["low"] <= new[metric]["difference"] <= new[metric]["high"]
    known = made["embedded"]["tests"]["forms"]["warm"]["concatenation - network"]
    gap = values["concatenation"]["warm"]["ndcg@20"][0] - values["network"]["warm"]["ndcg@20"][0]
    assert known["ndcg@20"]["difference"] == pytest.approx(gap, abs=2e-5)
    assert known["ndcg@20"]["low"] <= gap <= known["ndcg@20"]["high"]
    assert "draws" not in known["ndcg@20"]


def test_the_single_modality_is_not_chosen_on_test_rows(program):
    """The one that is best on test in each run is not taken where another is best on the rows for choosing."""

    class One:
        def __init__(self, value):
            self.summary = {"ndcg@20": value}

    def row(chosen_by, on_test):
        named = {"warm": on_test, "validation": chosen_by, "cold-item": on_test, "within training": chosen_by}
        return {case: [{"list": One(value)} for value in values] for case, values in named.items()}

    runs = {"text alone": row([0.3, 0.1], [0.1, 0.1]), "image alone": row([0.2, 0.2], [0.9, 0.2])}
    choices = program.with_best_single(runs)
    assert choices == {"best single": {case: ["text alone", "image alone"] for case in ("warm", "cold-item")}}
    for case in ("warm", "cold-item"):
        assert [one["list"].summary["ndcg@20"] for one in runs["best single"][case]] == [0.1, 0.2]
    assert set(runs["text alone"]) == {"warm", "cold-item"}


def test_what_was_chosen_is_recorded(made):
    for results in made.values():
        for chosen in results["best single"]["best single"].values():
            assert set(chosen) <= set(ROWS[2:4])
        assert "validation" not in results["rows"]["text alone"]


def test_shuffled_features_are_drawn_in_each_run(program, rows, catalogue):
    split = by_time(catalogue.interactions)
    kept = []
    for number in (0, 1):
        task = program.Task("shuffled features", ((rows["shuffled features"], 0),), split, number, True, False)
        kept.append(program.run(task)["shuffled features", "warm"]["like"].rated_scores)
    assert not np.allclose(*kept)


def test_families_are_small_enough_to_be_significant(program):
    """With ten folds and 26 pairs, Holm's least p would be 26 x 2 / 1,024 > .05."""
    encoders = [f"{modality}={name}" for modality in ("text", "image", "audio") for name in "abc"]
    tuned = [f"tuned: {form}{more}" for form in ("concatenation", "network") for more in ("", ", encoders together")]
    named = [
        *FORMS,
        "late, equal total",
        *ROWS[2:],
        "audio alone",
        *encoders,
        *tuned,
        "encoders together",
        "absent: mean",
    ]
    named += ["absent: learned", "no modality dropout", "mimo, auxiliary weight 0.1", "mimo, auxiliary weight 1.0"]
    named += ["concatenation, encoders together", "best single", "best single, encoders together"]
    named += [*program.AVERAGED, *program.LISTS_FOR_EVERYONE]
    named += [f"{name}, {control}" for name in program.PERSONAL for control in program.CONTROLS]
    found = program.families(named)
    assert len(found) == 10
    assert all(0 < len(pairs) * 2 / 2**10 < 0.05 for pairs in found.values())
    controls = [pair for name, pairs in found.items() if name != "personal" for pair in pairs]
    assert not [name for pair in controls for name in pair if name.endswith(program.CONTROLS)]
    assert ("tuned: network, encoders together", "encoders together") in found["settings"]


def test_the_oracle_and_its_shares(made):
    oracle, rows = made["embedded"]["oracle"], made["embedded"]["rows"]
    for case in ("warm", "cold-item"):
        share = (rows["network"][case]["auc"][0] - 0.5) / (oracle[case]["auc"] - 0.5)
        assert rows["network"][case]["share of the oracle"] == pytest.approx(share, abs=1e-4)


def test_the_results_are_json(made):
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_no_record_from_an_uncommitted_tree(program, monkeypatch):
    monkeypatch.setattr("mmrec.evaluation.record.commit", lambda: "abc+")
    monkeypatch.setattr(sys, "argv", ["fusion_study.py", "embedded"])
    monkeypatch.delenv("MMREC_ALLOW_UNCOMMITTED", raising=False)
    monkeypatch.setattr(program, "open_dataset", lambda name: pytest.fail("work was begun"))
    with pytest.raises(Exception, match="committed tree alone"):
        program.main()


def test_the_page_of_results_reads_this_record(made, tmp_path, monkeypatch):
    """``tools/readme.py`` after the study, on what the study gives."""
    spec = importlib.util.spec_from_file_location("readme", Path(__file__).parents[2] / "tools/readme.py")
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    monkeypatch.setattr(readme, "ROOT", tmp_path)
    monkeypatch.setattr(readme, "FORMS", ROWS[:2])
    (tmp_path / "results").mkdir()
    for name, results in made.items():
        record = {"results": results, "command": "c", "seeds": 1, "commit": "0" * 40}
        (tmp_path / f"results/fusion-{name}.json").write_text(json.dumps(record))
        test = results["tests"]["one modality"]["warm"]["network - best single"]["ndcg@20"]
        row = next(line for line in readme.fusion(name).splitlines() if line.startswith("| `network` |"))
        assert f"| {test['difference']:+.3f} |" in row
        assert readme.fusion_verdict(name).startswith("Compared with `best single` by NDCG@20")
