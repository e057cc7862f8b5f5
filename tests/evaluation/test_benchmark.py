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
from mmrec.evaluation.search import TRIES
from mmrec.evaluation.verdict import summary_lines, verdict
from mmrec.models import REGISTRY, make_model, model_class
from mmrec.models.ease import EASE

SECONDS = ("fit_seconds", "score_seconds", "peak_memory_mb")


def figures(result):
    return [{key: value for key, value in run.items() if key not in SECONDS} for run in result["runs"]]


def test_form_of_the_result(benchmark_data, tmp_path):
    out = tmp_path / "r.json"
    cases = ["warm", "cold-item", "cold-user"]
    result = benchmark(benchmark_data, ["popularity"], seeds=2, cases=cases, folds=4, out=out)
    assert json.loads(out.read_text(), parse_constant=pytest.fail) == result
    assert {"runs", "data", "versions", "protocol"} <= set(result)
    keys = {"model", "seed", "validation", "test", "test_users", "test_per_user", "settings", *SECONDS}
    assert [set(run) for run in result["runs"]] == [keys, keys]
    assert set(result["new"]) == {"cold-item", "cold-user"}
    assert len(result["new"]["cold-item"]["models"]["popularity"]["per draw"]) == 4
    split = by_time(benchmark_data.interactions)
    expected = evaluate(make_model("popularity").fit(split.train), split).summary
    assert result["runs"][0]["test"]["ndcg@20"] == expected["ndcg@20"]


def test_same_seed_same_figures(benchmark_data):
    first, second = (benchmark(benchmark_data, ["ease", "mf"], seeds=1) for _ in range(2))
    assert figures(first) == figures(second)
    log = [[{**entry, "seconds": 0} for entry in result["search"]["ease"]["log"]] for result in (first, second)]
    assert log[0] == log[1]


def test_finished_runs_are_not_repeated(benchmark_data, tmp_path, monkeypatch):
    out = tmp_path / "r.json"
    whole = benchmark(benchmark_data, ["random", "bpr"], seeds=2, tries=1)
    run = module._run
    calls = []

    def killed_at_third(benchmark_data, name, fitted, *rest):
        calls.append((name, fitted.seed))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(benchmark_data, name, fitted, *rest)

    monkeypatch.setattr(
        type(benchmark_data), "has_ties", False
    )  # else the winner of the search is fitted again for seed 0

    monkeypatch.setattr(module, "_run", killed_at_third)
    with pytest.raises(KeyboardInterrupt):
        benchmark(benchmark_data, ["random", "bpr"], seeds=2, tries=1, out=out)
    assert figures(benchmark(benchmark_data, ["random", "bpr"], seeds=2, tries=1, out=out)) == figures(whole)
    assert calls == [("random", 0), ("random", 1), ("bpr", 0), ("bpr", 0), ("bpr", 1)]


def test_a_model_without_random_numbers_is_fitted_once(benchmark_data, monkeypatch):
    fits = []
    fit = EASE._fit
    monkeypatch.setattr(EASE, "_fit", lambda self, *given: (fits.append(1), fit(self, *given))[1])
    result = benchmark(benchmark_data, ["ease"], seeds=3, tries=1)
    assert len(fits) == 1
    assert [run["seed"] for run in result["runs"]] == [0, 1, 2]
    assert len({run["test"]["ndcg@20"] for run in result["runs"]}) == 1


def test_results_of_another_plan_are_set_aside(benchmark_data, tmp_path):
    out = tmp_path / "r.json"
    benchmark(benchmark_data, ["popularity"], seeds=2, out=out)
    before = out.read_text()
    assert len(benchmark(benchmark_data, ["popularity"], seeds=1, tries=1, out=out)["runs"]) == 1
    assert (tmp_path / "r.earlier.json").read_text() == before


def test_changed_code_is_another_plan(benchmark_data, tmp_path, monkeypatch):
    out = tmp_path / "r.json"
    benchmark(benchmark_data, ["popularity"], seeds=1, out=out)
    plan = json.loads(out.read_text())["plan"]
    monkeypatch.setattr(module, "code_hash", lambda: "changed")
    assert benchmark(benchmark_data, ["popularity"], seeds=1, out=out)["plan"] != plan


def test_one_failing_model_loses_no_other(benchmark_data, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("no luck")

    monkeypatch.setattr(EASE, "_fit", fail)
    result = benchmark(benchmark_data, ["ease", "popularity"], seeds=1)
    assert result["runs"][0] == {"model": "ease", "seed": 0, "error": "ZeroDivisionError: no luck"}
    assert result["runs"][1]["test"]["users"] > 0
    text = "\n".join(summary_lines(result))
    assert "no luck" in text
    assert "best on validation: popularity" in text


def test_all_leaves_out_models_without_their_features(benchmark_data):
    without = {name for name in REGISTRY if not model_class(name).needs_features}
    assert set(choose_models("all", benchmark_data)) == without
    with pytest.raises(InputError, match="needs item features"):
        choose_models("document-user", benchmark_data)
    with pytest.raises(InputError, match="unknown model"):
        choose_models("magic", benchmark_data)


def test_a_file_of_something_else_is_not_overwritten(benchmark_data, tmp_path):
    out = tmp_path / "notes.json"
    for text in ('{"a": 1}', "no json"):
        out.write_text(text)
        with pytest.raises(InputError, match="no benchmark result"):
            benchmark(benchmark_data, ["popularity"], seeds=1, out=out)
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


def test_winner_is_chosen_on_validation_and_tested_against_the_others(benchmark_data):
    result = benchmark(benchmark_data, ["random", "popularity", "ease", "item-knn"], seeds=2)
    reached = {
        name: max(entry["ndcg@20"] for entry in result["search"][name]["log"])
        for name in ("random", "popularity", "ease", "item-knn")
    }
    assert reached == {name: result["search"][name]["reached"] for name in reached}
    assert result["winner"] == max(reached, key=reached.get)
    assert set(result["tests"]) == set(reached) - {result["winner"]}
    for test in result["tests"].values():
        assert test["p_holm"] >= test["p"]


def test_last_fit_on_train_and_validation(benchmark_data):
    result = benchmark(benchmark_data, ["popularity", "ease"], seeds=1, refit=True)
    rows, split = benchmark_data.interactions, by_time(benchmark_data.interactions)
    before_test = np.setdiff1d(rows.row, split.test["warm"].row)
    everything = replace(split, train=rows.take(np.isin(rows.row, before_test)))
    for run in result["runs"]:
        expected = evaluate(make_model(run["model"], **run["settings"]).fit(everything.train), everything)
        assert run["refit"]["test"]["ndcg@20"] == pytest.approx(expected.summary["ndcg@20"], abs=1e-12)
        assert run["refit"]["test_per_user"]["ndcg@20"] == np.round(expected.per_user["ndcg@20"], 5).tolist()
        assert run["refit"]["test"] != run["test"]
    assert set(result["tests_refit"]) == set(result["tests"])
    assert "fitted once more" in "\n".join(summary_lines(result))


def test_ensemble_gets_the_settings_chosen_for_its_members(benchmark_data):
    result = benchmark(benchmark_data, ["ease", "item-knn", "rank-fusion"], seeds=1)
    members = result["runs"][-1]["settings"]["member_settings"]
    assert result["wall_seconds"] > 0
    assert members == {name: result["search"][name]["chosen"] for name in ("ease", "item-knn")}


def test_the_command_has_the_budget_of_the_function():
    defaults = {one.name: one.default for one in command.params}
    assert (defaults["tries"], defaults["folds"]) == (TRIES, module.FOLDS)


def test_one_try_leaves_the_defaults(benchmark_data):
    result = benchmark(benchmark_data, ["ease", "item-knn"], seeds=1, tries=1)
    assert [len(result["search"][name]["log"]) for name in ("ease", "item-knn")] == [1, 1]
    assert [run["settings"] for run in result["runs"]] == [make_model(name).settings for name in ("ease", "item-knn")]


def test_the_number_of_tries_is_the_same_for_all_that_have_as_many(benchmark_data):
    result = benchmark(benchmark_data, ["ease", "item-knn", "mf"], seeds=1, tries=6)
    assert [len(result["search"][name]["log"]) for name in ("ease", "item-knn", "mf")] == [6, 6, 6]


def in_bursts(benchmark_data):
    """The same rows, five of each user in one second."""
    rows = benchmark_data.interactions
    return replace(benchmark_data, interactions=replace(rows, timestamp=rows.timestamp // 2500))


def test_ties_in_time_are_drawn_by_the_seed_and_averaged(benchmark_data):
    tied = in_bursts(benchmark_data)
    assert tied.has_ties
    result = benchmark(tied, ["ease"], seeds=3, tries=2)
    assert len({run["test"]["ndcg@20"] for run in result["runs"]}) == 3
    for run in result["runs"]:
        split = by_time(tied.interactions, seed=run["seed"])
        expected = evaluate(make_model("ease", **run["settings"]).fit(split.train), split)
        assert run["test"]["ndcg@20"] == expected.summary["ndcg@20"]
        assert run["test_users"] == expected.users.tolist()


def test_settings_are_chosen_on_rows_that_no_order_of_ties_tests(benchmark_data):
    tied = in_bursts(benchmark_data)
    rows = np.concatenate([tied.for_search.train.row, tied.for_search.validation.row])
    assert len(rows)
    for seed in range(20):
        assert not np.isin(tied.ordered(seed).test["warm"].row, rows).any()


def test_items_rated_in_validation_are_masked_unless_asked(benchmark_data):
    both = {mask: benchmark(benchmark_data, ["ease"], seeds=1, tries=1, mask=mask) for mask in ("all", "train")}
    split = benchmark_data.split()
    model = make_model("ease").fit(split.train)
    for mask, result in both.items():
        assert result["runs"][0]["test"]["ndcg@20"] == evaluate(model, split, mask=mask).summary["ndcg@20"]
        assert result["protocol"]["mask"] == mask
    assert both["all"]["runs"][0]["test"]["ndcg@20"] > both["train"]["runs"][0]["test"]["ndcg@20"]


def test_every_item_and_user_is_new_once(benchmark_data):
    for case, of in (("cold-item", "cold_items"), ("cold-user", "cold_users")):
        masks = np.array([getattr(split, of) for split in benchmark_data.folds(case, 5)])
        assert (masks.sum(axis=0) == 1).all()


def test_an_interrupted_run_of_folds_goes_on(benchmark_data, tmp_path, monkeypatch):
    out, options = tmp_path / "r.json", {"seeds": 1, "cases": ["cold-item"], "folds": 3, "tries": 2}
    models = ["ease", "item-knn", "rank-fusion"]  # the last takes the settings chosen for the others on its fold
    whole = benchmark(benchmark_data, models, **options)
    measured = module._measured
    calls = []

    def killed_at_third(*given, **options):
        if options.get("case"):
            calls.append(1)
            if len(calls) == 3:
                raise KeyboardInterrupt
        return measured(*given, **options)

    monkeypatch.setattr(module, "_measured", killed_at_third)
    with pytest.raises(KeyboardInterrupt):
        benchmark(benchmark_data, models, out=out, **options)
    again = benchmark(benchmark_data, models, out=out, **options)
    assert len(calls) == 3 + 7
    chosen = {name: run["0"]["settings"] for name, run in again["new"]["cold-item"]["runs"].items()}
    assert chosen["rank-fusion"]["member_settings"] == {name: chosen[name] for name in models[:2]}
    assert again["new"] == whole["new"]


def test_models_of_other_users_are_not_paired():
    """A run that failed leaves other users behind where ties in time decide; there may be as many of them."""

    def run(model, seed, users, value):
        return {"model": model, "seed": seed, "test_users": users, "test_per_user": {"ndcg@20": [value] * len(users)}}

    runs = [run("a", 0, [0, 1, 2], 0.5), run("a", 1, [1, 2], 0.5)]
    runs += [run("same", 1, [1, 2], 0.1), run("same", 0, [0, 1, 2], 0.1), run("other", 0, [1, 2, 3], 0.1)]
    found = verdict(runs, {"a": {"reached": 0.3}, "same": {"reached": 0.2}, "other": {"reached": 0.1}})
    assert (found["winner"], set(found["tests"])) == ("a", {"same"})
