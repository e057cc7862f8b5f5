"""Which model of a benchmark won on validation, and how the others differ from it on test."""

from typing import Any

import numpy as np

from mmrec.evaluation.search import CRITERION
from mmrec.evaluation.statistics import at_floor, bootstrap_interval, format_p, holm, paired_test


def verdict(runs: list[dict[str, Any]], search: dict[str, Any]) -> dict[str, Any]:
    """The model that is best on validation, and how it does on test against each other one, Holm-corrected.

    Args:
        runs: of a benchmark.
        search: model -> what its search reached on validation rows that are test rows under no order of ties.
    """
    good = [run for run in runs if "error" not in run and run["test_users"]]
    names = dict.fromkeys(run["model"] for run in good)
    if not names:
        return {"winner": None, "tests": {}}
    reached = {name: search[name]["reached"] for name in names}
    winner = max(names, key=lambda name: -1.0 if reached[name] is None else reached[name])
    found = {"winner": winner, "tests": _tests(winner, good)}
    if all("refit" in run for run in good):
        found["tests_refit"] = _tests(winner, [{"model": run["model"], **run["refit"]} for run in good])
    return found


def measured_users(runs: list[dict[str, Any]]) -> np.ndarray:
    """(n,) indices of the users whom some run measured, ascending."""
    return np.unique(np.concatenate([run["test_users"] for run in runs]).astype(np.int64))


def user_means(runs: list[dict[str, Any]], metric: str = CRITERION) -> np.ndarray:
    """(n,) the metric of each user on test, averaged over the runs that measured the user; in the order of the users.

    Runs differ in whom they measure where ties in time decide what is test. Models that were run with the same seeds
    are measured on the same users.
    """
    users = measured_users(runs)
    table = np.full((len(runs), len(users)), np.nan)
    for row, run in zip(table, runs, strict=True):
        row[np.searchsorted(users, run["test_users"])] = run["test_per_user"][metric]
    return np.nanmean(table, axis=0)


def test_interval(runs: list[dict[str, Any]], metric: str) -> tuple[float, float, float]:
    """The mean over users of their means over the seeds, with its 95% bootstrap interval over users."""
    return bootstrap_interval(user_means(runs, metric), np.random.default_rng(0))


def _tests(winner: str, runs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Other model -> difference in NDCG@20 from the winner, its p, and whether that is at the permutations' floor.

    A model is left out where it was not measured on the winner's users with the winner's seeds: where one of its runs
    failed, the order of ties in time differs, and the same number of users may be other users.
    """
    by_model: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        by_model.setdefault(run["model"], []).append(run)
    own, others = by_model[winner], {name: kept for name, kept in by_model.items() if name != winner}
    found = {
        other: paired_test(user_means(own), user_means(kept), np.random.default_rng(0))
        for other, kept in others.items()
        if sorted(one["test_users"] for one in kept) == sorted(one["test_users"] for one in own)
    }
    adjusted = holm({other: p for other, (_, p) in found.items()})
    return {
        other: {"difference": gap, "p": p, "p_holm": adjusted[other], "at_floor": at_floor(p)}
        for other, (gap, p) in found.items()
    }


def summary_lines(result: dict[str, Any]) -> list[str]:
    """A line per model: test metrics with their 95% intervals over users, and how the winner on validation compares.

    A second table is of the last fit on train and validation, where there is one; further ones of new items and users.
    """
    lines = _table(result["runs"], result["tests"], result["winner"])
    if "tests_refit" in result:
        again = [{**run, **run["refit"]} if "error" not in run else run for run in result["runs"]]
        lines += ["", "fitted once more, on train and validation:"]
        lines += _table(again, result["tests_refit"], result["winner"])
    if result["winner"]:
        lines.append(f"best on validation: {result['winner']} (p: paired test of its N@20 on test against each other)")
    for case, found in result["new"].items():
        lines += ["", *_new_table(case, found)]
    return lines


def _table(every: list[dict[str, Any]], tests: dict[str, Any], winner: str | None) -> list[str]:
    lines = [f"{'model':22s} {'R@20':>21s} {'N@20':>21s} {'AUC':>6s} {'fit s':>7s} {'p (Holm)':>10s}"]
    for name in dict.fromkeys(run["model"] for run in every):
        runs = [run for run in every if run["model"] == name]
        good = [run for run in runs if "error" not in run]
        if not good:
            lines.append(f"{name:22s} failed: {runs[0]['error']}")
            continue
        cells = [_cell(good, metric) for metric in ("recall@20", "ndcg@20")]
        auc = np.mean([np.nan if run["test"]["auc"] is None else run["test"]["auc"] for run in good])
        seconds = np.mean([run["fit_seconds"] for run in good])
        p = "best" if name == winner else ""
        if name in tests:
            p = format_p(tests[name]["p_holm"], tests[name]["at_floor"])
        lines.append(f"{name:22s} {cells[0]:>21s} {cells[1]:>21s} {auc:6.3f} {seconds:7.1f} {p:>10s}")
    return lines


def _cell(runs: list[dict[str, Any]], metric: str) -> str:
    if any(not run["test_users"] for run in runs):
        return "-"
    mean, low, high = test_interval(runs, metric)
    return f"{mean:.4f} [{low:.3f}, {high:.3f}]"


def _new_table(case: str, found: dict[str, Any]) -> list[str]:
    lines = [f"{case}, {found['folds']} folds, N@20; difference from {found['base']} and its test over folds:"]
    for name, row in found["models"].items():
        mean, low, high = row["ndcg@20"]
        line = f"{name:22s} {mean:.4f} [{low:.3f}, {high:.3f}]"
        if test := row.get("against the base"):
            line += f" {test['difference']:+.4f} [{test['low']:+.3f}, {test['high']:+.3f}]"
            p = format_p(test["p (Holm)"], test["at floor"])
            line += f" ahead in {test['ahead']:.0f} of {test['draws']:.0f}, p {p}"
        lines.append(line)
    return lines + [f"{name:22s} failed: {error}" for name, error in found["errors"].items()]
