"""Which model of a benchmark won on validation, and how the others differ from it on test."""

from typing import Any

import numpy as np

from mmrec.evaluation.search import CRITERION
from mmrec.evaluation.statistics import holm, paired_test


def verdict(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The model that is best on validation, and how it does on test against each other one, Holm-corrected."""
    good = [run for run in runs if "error" not in run and run["test_per_user"]]
    names = dict.fromkeys(run["model"] for run in good)
    if not names:
        return {"winner": None, "tests": {}}
    reached = {
        name: np.mean([run["validation"].get(CRITERION, -1.0) for run in good if run["model"] == name])
        for name in names
    }
    winner = max(reached, key=reached.__getitem__)
    found = {"winner": winner, "tests": _tests(winner, good)}
    if all("refit" in run for run in good):
        found["tests_refit"] = _tests(winner, [{"model": run["model"], **run["refit"]} for run in good])
    return found


def _tests(winner: str, runs: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Other model -> difference in NDCG@20 from the winner, and its p."""
    per_user = {
        name: np.mean([run["test_per_user"] for run in runs if run["model"] == name], axis=0)
        for name in dict.fromkeys(run["model"] for run in runs)
    }
    found = {
        other: paired_test(per_user[winner], per_user[other], np.random.default_rng(0))
        for other in per_user
        if other != winner
    }
    adjusted = holm({other: p for other, (_, p) in found.items()})
    return {other: {"difference": gap, "p": p, "p_holm": adjusted[other]} for other, (gap, p) in found.items()}


def summary_lines(result: dict[str, Any]) -> list[str]:
    """A line a model: test figures with their 95% intervals over users, and how the winner on validation compares.

    The interval of several seeds is the mean of theirs. A second table is of the last fit on train and validation,
    where there is one.
    """
    lines = _table(result["runs"], result["tests"], result["winner"])
    if "tests_refit" in result:
        again = [{**run, **run["refit"]} if "error" not in run else run for run in result["runs"]]
        lines += ["", "fitted once more, on train and validation:"]
        lines += _table(again, result["tests_refit"], result["winner"])
    if result["winner"]:
        lines.append(f"best on validation: {result['winner']} (p: paired test of its N@20 on test against each other)")
    return lines


def _table(every: list[dict[str, Any]], tests: dict[str, Any], winner: str | None) -> list[str]:
    lines = [f"{'model':22s} {'R@20':>21s} {'N@20':>21s} {'AUC':>6s} {'fit s':>7s} {'p (Holm)':>9s}"]
    for name in dict.fromkeys(run["model"] for run in every):
        runs = [run for run in every if run["model"] == name]
        good = [run for run in runs if "error" not in run]
        if not good:
            lines.append(f"{name:22s} failed: {runs[0]['error']}")
            continue
        cells = [_cell(good, metric) for metric in ("recall@20", "ndcg@20")]
        auc = np.mean([np.nan if run["test"]["auc"] is None else run["test"]["auc"] for run in good])
        seconds = np.mean([run["fit_seconds"] for run in good])
        p = f"{tests[name]['p_holm']:.4f}" if name in tests else "best" if name == winner else ""
        lines.append(f"{name:22s} {cells[0]:>21s} {cells[1]:>21s} {auc:6.3f} {seconds:7.1f} {p:>9s}")
    return lines


def _cell(runs: list[dict[str, Any]], metric: str) -> str:
    if any(metric not in run["test"] for run in runs):
        return "-"
    low, high = np.mean([run["intervals"][metric] for run in runs], axis=0)
    return f"{np.mean([run['test'][metric] for run in runs]):.4f} [{low:.3f}, {high:.3f}]"
