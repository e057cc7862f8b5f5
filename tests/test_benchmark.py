"""The benchmark keeps what is done, goes on from it, and chooses on validation alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from mmrec.commands.benchmark import command
from mmrec.data.split import by_time
from mmrec.errors import InputError
from mmrec.evaluation import benchmark as module
from mmrec.evaluation.benchmark import benchmark, choose_models
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.verdict import summary_lines
from mmrec.models import REGISTRY, make_model, model_class
from mmrec.models.ease import EASE

SECONDS = ("fit_seconds", "score_seconds", "peak_memory_mb")


def figures(result):
    return [{key: value for key, value in run.items() if key not in SECONDS} for run in result["runs"]]


def test_form_of_the_result(bundle, tmp_path):
    out = tmp_path / "r.json"
    result = benchmark(bundle, ["popularity"], seeds=2, cases=["warm", "cold-item", "cold-user"], out=out)
    assert json.loads(out.read_text(), parse_constant=pytest.fail) == result
    assert {"runs", "data", "versions"} <= set(result)
    keys = {"model", "seed", "validation", "test", "test_per_user", "intervals", "settings", *SECONDS}
    keys |= {"cold_item", "cold_user"}
    assert [set(run) for run in result["runs"]] == [keys, keys]
    split = by_time(bundle.interactions)
    expected = evaluate(make_model("popularity").fit(split.train), split).summary
    assert result["runs"][0]["test"]["ndcg@20"] == expected["ndcg@20"]


def test_same_seed_same_figures(bundle):
    first, second = (benchmark(bundle, ["ease", "mf"], seeds=1) for _ in range(2))
    assert figures(first) == figures(second)
    log = [[{**entry, "seconds": 0} for entry in result["search"]["ease"]["log"]] for result in (first, second)]
    assert log[0] == log[1]


def test_finished_runs_are_not_repeated(bundle, tmp_path, monkeypatch):
    out = tmp_path / "r.json"
    whole = benchmark(bundle, ["chance", "bpr"], seeds=2, search=False)
    run = module._run
    calls = []

    def killed_at_third(bundle, name, fitted, *rest):
        calls.append((name, fitted.seed))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(bundle, name, fitted, *rest)

    monkeypatch.setattr(module, "_run", killed_at_third)
    with pytest.raises(KeyboardInterrupt):
        benchmark(bundle, ["chance", "bpr"], seeds=2, search=False, out=out)
    assert figures(benchmark(bundle, ["chance", "bpr"], seeds=2, search=False, out=out)) == figures(whole)
    assert calls == [("chance", 0), ("chance", 1), ("bpr", 0), ("bpr", 0), ("bpr", 1)]


def test_a_model_without_chance_is_fitted_once(bundle, monkeypatch):
    fits = []
    fit = EASE._fit
    monkeypatch.setattr(EASE, "_fit", lambda self, *given: (fits.append(1), fit(self, *given))[1])
    result = benchmark(bundle, ["ease"], seeds=3, search=False)
    assert len(fits) == 1
    assert [run["seed"] for run in result["runs"]] == [0, 1, 2]
    assert len({run["test"]["ndcg@20"] for run in result["runs"]}) == 1


def test_results_of_another_plan_are_set_aside(bundle, tmp_path):
    out = tmp_path / "r.json"
    benchmark(bundle, ["popularity"], seeds=2, out=out)
    before = out.read_text()
    assert len(benchmark(bundle, ["popularity"], seeds=1, search=False, out=out)["runs"]) == 1
    assert (tmp_path / "r.earlier.json").read_text() == before


def test_changed_code_is_another_plan(bundle, tmp_path, monkeypatch):
    out = tmp_path / "r.json"
    benchmark(bundle, ["popularity"], seeds=1, out=out)
    plan = json.loads(out.read_text())["plan"]
    monkeypatch.setattr(module, "code_hash", lambda: "changed")
    assert benchmark(bundle, ["popularity"], seeds=1, out=out)["plan"] != plan


def test_one_failing_model_loses_no_other(bundle, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("no luck")

    monkeypatch.setattr(EASE, "_fit", fail)
    result = benchmark(bundle, ["ease", "popularity"], seeds=1)
    assert result["runs"][0] == {"model": "ease", "seed": 0, "error": "ZeroDivisionError: no luck"}
    assert result["runs"][1]["test"]["users"] > 0
    text = "\n".join(summary_lines(result))
    assert "no luck" in text
    assert "best on validation: popularity" in text


def test_all_leaves_out_models_without_their_features(bundle):
    without = {name for name in REGISTRY if not model_class(name).needs_features}
    assert set(choose_models("all", bundle)) == without
    with pytest.raises(InputError, match="needs item features"):
        choose_models("document-user", bundle)
    with pytest.raises(InputError, match="unknown model"):
        choose_models("magic", bundle)


def test_a_file_of_something_else_is_not_overwritten(bundle, tmp_path):
    out = tmp_path / "notes.json"
    for text in ('{"a": 1}', "no json"):
        out.write_text(text)
        with pytest.raises(InputError, match="no benchmark result"):
            benchmark(bundle, ["popularity"], seeds=1, out=out)
        assert out.read_text() == text


def test_command(tmp_path):
    folder, out = tmp_path / "toy", tmp_path / "r.json"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = [f"{u}\t{i}\t{x}" for u in range(12) for i, x in zip(rng.permutation(20)[:8], [0] * 6 + [1, 2], strict=True)]
    (folder / "toy.inter").write_text("userID\titemID\tx_label\n" + "\n".join(rows) + "\n")
    given = [str(folder), "--layout", "mmrec", "--models", "popularity,ease", "--seeds", "2", "--json", str(out)]
    done = CliRunner().invoke(command, given)
    assert done.exit_code == 0, done.output
    assert "best on validation" in done.output
    runs = json.loads(out.read_text())["runs"]
    assert [(run["model"], run["seed"]) for run in runs] == [(m, s) for m in ("popularity", "ease") for s in (0, 1)]
    assert runs[0]["test"]["auc"] is None  # implicit feedback has one class
    assert CliRunner().invoke(command, [*given, "--cases", "lukewarm"]).exit_code == 2


def test_winner_is_chosen_on_validation_and_tested_against_the_others(bundle):
    result = benchmark(bundle, ["chance", "popularity", "ease", "item-knn"], seeds=2)
    reached = {
        name: np.mean([run["validation"]["ndcg@20"] for run in result["runs"] if run["model"] == name])
        for name in ("chance", "popularity", "ease", "item-knn")
    }
    assert result["winner"] == max(reached, key=reached.get)
    assert set(result["tests"]) == set(reached) - {result["winner"]}
    for test in result["tests"].values():
        assert test["p_holm"] >= test["p"]


def test_last_fit_on_train_and_validation(bundle):
    result = benchmark(bundle, ["popularity", "ease"], seeds=1, refit=True)
    rows, split = bundle.interactions, by_time(bundle.interactions)
    before_test = np.setdiff1d(rows.row, split.test["warm"].row)
    everything = replace(split, train=rows.take(np.isin(rows.row, before_test)))
    for run in result["runs"]:
        expected = evaluate(make_model(run["model"], **run["settings"]).fit(everything.train), everything)
        assert run["refit"]["test"]["ndcg@20"] == pytest.approx(expected.summary["ndcg@20"], abs=1e-12)
        assert run["refit"]["test_per_user"] == np.round(expected.per_user["ndcg@20"], 5).tolist()
        assert run["refit"]["test"] != run["test"]
    assert set(result["tests_refit"]) == set(result["tests"])
    assert "fitted once more" in "\n".join(summary_lines(result))


def test_ensemble_gets_the_settings_chosen_for_its_members(bundle):
    result = benchmark(bundle, ["ease", "item-knn", "rank-fusion"], seeds=1)
    members = result["runs"][-1]["settings"]["member_settings"]
    assert result["wall_seconds"] > 0
    assert members == {name: result["search"][name]["chosen"] for name in ("ease", "item-knn")}


def test_the_command_has_the_budget_of_the_function():
    (option,) = (one for one in command.params if one.name == "budget_seconds")
    assert option.default == module.BUDGET_SECONDS


def test_budget_of_nothing_leaves_the_defaults(bundle):
    result = benchmark(bundle, ["ease", "item-knn"], seeds=1, budget_seconds=0.0)
    assert [len(result["search"][name]["log"]) for name in ("ease", "item-knn")] == [1, 1]
    assert [run["settings"] for run in result["runs"]] == [make_model(name).settings for name in ("ease", "item-knn")]
