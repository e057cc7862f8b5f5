"""Models side by side under the evaluation contract, with every run kept as soon as it is done."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from tqdm import tqdm

from mmrec.cache import code_hash, versions
from mmrec.data.split import Split
from mmrec.errors import InputError
from mmrec.evaluation.layouts import Bundle
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.record import commit
from mmrec.files import sha256_json, write_json
from mmrec.models import REGISTRY, model_class
from mmrec.models.base import Recommender

CRITERION = "ndcg@20"
"""What settings are chosen by, on validation."""
COLD_SHARE = 0.1


def choose_models(names: str, bundle: Bundle) -> list[str]:
    """The models that ``--models`` names; ``all`` means all that the data allow.

    Raises:
        InputError: an unknown name, or a model that needs features which the data lack.
    """
    if names == "all":
        return [name for name in REGISTRY if bundle.features.modalities or not model_class(name).needs_features]
    chosen = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    for name in chosen:
        if model_class(name).needs_features and not bundle.features.modalities:
            raise InputError(f"{name} needs item features, and {bundle.name} holds none")
    if not chosen:
        raise InputError("--models names no model")
    return chosen


def benchmark(
    bundle: Bundle,
    models: Sequence[str],
    *,
    seeds: int,
    cases: Sequence[str] = ("warm",),
    search: bool = True,
    budget_seconds: float = 300.0,
    out: Path | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Run every model with every seed.

    Settings are chosen once a model, with the first seed, by NDCG@20 on validation among the model's
    declared ``grid``; the search stops when its budget is used up. One failing model does not lose the
    results of the others. Runs that ``out`` already holds for the same data, options and code are not
    repeated; a file of other ones is set aside as ``NAME.earlier.json``.

    Args:
        bundle: the data.
        models: names.
        seeds: runs a model, with seeds 0, 1, ...
        cases: ``"warm"`` (the pure split in time) and, from a second fit, ``"cold-item"``, ``"cold-user"``.
        search: choose settings; otherwise the defaults are used.
        budget_seconds: for the search of one model.
        out: JSON file to keep and to go on from.
        progress: show a bar.

    Returns:
        ``{"runs": [...], "search": {...}, "data": {...}, "versions": {...}}``.
    """
    plan = {"data": bundle.fingerprint, "cases": list(cases), "search": search, "budget": budget_seconds}
    plan |= {"versions": versions(), "code": code_hash()}
    result = _earlier(out, sha256_json(plan)) or {
        "runs": [],
        "search": {},
        "data": {
            "name": bundle.name,
            "users": len(bundle.user_ids),
            "items": len(bundle.item_ids),
            "interactions": len(bundle.interactions),
            "modalities": list(bundle.features.modalities),
            "fingerprint": bundle.fingerprint,
        },
        "versions": {**versions(), "commit": commit()},
        "plan": sha256_json(plan),
    }
    done = {(run["model"], run["seed"]) for run in result["runs"] if "error" not in run}
    result["runs"] = [run for run in result["runs"] if "error" not in run]
    todo = [(name, seed) for name in models for seed in range(seeds) if (name, seed) not in done]
    for name, seed in tqdm(todo, desc="runs", disable=None if progress else True):
        try:
            if name not in result["search"]:
                result["search"][name] = _search(bundle, name, budget_seconds if search else 0.0)
            run = _run(bundle, name, seed, result["search"][name]["chosen"], cases)
        except Exception as error:  # whatever one model does, the others' results are kept
            run = {"model": name, "seed": seed, "error": f"{type(error).__name__}: {error}"}
        result["runs"].append(run)
        if out is not None:
            write_json(out, _clean(result))
    return _clean(result)


def _earlier(out: Path | None, plan: str) -> dict[str, Any] | None:
    if out is None or not out.is_file():
        return None
    try:
        earlier = json.loads(out.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(f"{out} exists and is no benchmark result: choose another --json file") from error
    if "runs" not in earlier:
        raise InputError(f"{out} exists and is no benchmark result: choose another --json file")
    if earlier.get("plan") == plan:
        return earlier
    out.replace(out.with_suffix(".earlier.json"))
    return None


def _make(name: str, seed: int, settings: dict[str, Any]) -> Recommender:
    kind = model_class(name)
    return kind(**({"seed": seed} if "seed" in kind.parameters() else {}), **settings)


def _search(bundle: Bundle, name: str, budget: float) -> dict[str, Any]:
    """The best settings of the grid on validation, and the log of all that were tried."""
    grid = model_class(name).grid
    if not grid or budget <= 0:
        return {"chosen": {}, "log": []}
    split, started = bundle.split(), time.monotonic()
    log: list[dict[str, Any]] = []
    for values in itertools.product(*grid.values()):
        if log and time.monotonic() - started > budget:
            break
        settings = dict(zip(grid, values, strict=True))
        model = _make(name, 0, settings).fit(split.train, bundle.features)
        found = evaluate(model, split, on="validation").summary.get(CRITERION, float("nan"))
        log.append({"settings": settings, CRITERION: found})
    best = max(log, key=lambda entry: -1.0 if np.isnan(entry[CRITERION]) else entry[CRITERION])
    return {"chosen": best["settings"], "log": log}


def _run(bundle: Bundle, name: str, seed: int, settings: dict[str, Any], cases: Sequence[str]) -> dict[str, Any]:
    split = bundle.split()
    with PeakMemory() as memory:
        model, fit_seconds = _timed(lambda: _make(name, seed, settings).fit(split.train, bundle.features))
        test, score_seconds = _timed(lambda: evaluate(model, split))
    run = {
        "model": name,
        "seed": seed,
        "validation": evaluate(model, split, on="validation").summary,
        "test": test.summary,
        "fit_seconds": round(fit_seconds, 3),
        "score_seconds": round(score_seconds, 3),
        "peak_memory_mb": memory.peak_mb,
        "settings": model.settings,
    }
    cold_cases = [case for case in cases if case != "warm"]
    if cold_cases:
        cold: Split = bundle.split(seed=seed, cold_items=COLD_SHARE, cold_users=COLD_SHARE)
        again = _make(name, seed, settings).fit(cold.train, bundle.features)
        for case in cold_cases:
            run[case.replace("-", "_")] = evaluate(again, cold, case).summary
    return run


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


class PeakMemory:
    """The largest resident memory of this process while the block runs, in MB, looked at 50 times a second.

    The operating system's own peak never falls again, so that a small model after a large one would inherit it.
    """

    peak_mb: float = 0.0

    def __enter__(self) -> "PeakMemory":
        self._process, self._done = psutil.Process(), threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def _watch(self) -> None:
        while True:
            self.peak_mb = max(self.peak_mb, round(self._process.memory_info().rss / 2**20, 1))
            if self._done.wait(0.02):
                return

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._watcher.join()


def _clean(value: Any) -> Any:
    """NaN as None, so that the result is JSON for every reader."""
    if isinstance(value, dict):
        return {key: _clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(part) for part in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def summary_lines(result: dict[str, Any]) -> list[str]:
    """A line a model: test figures, mean and standard deviation over seeds, and the winner on validation."""
    lines = [f"{'model':20s} {'R@20':>16s} {'N@20':>16s} {'AUC':>7s} {'fit s':>7s}"]
    chosen: dict[str, float] = {}
    for name in dict.fromkeys(run["model"] for run in result["runs"]):
        runs = [run for run in result["runs"] if run["model"] == name]
        good = [run for run in runs if "error" not in run]
        if not good:
            lines.append(f"{name:20s} failed: {runs[0]['error']}")
            continue
        figures = {key: np.array([run["test"][key] for run in good], float) for key in ("recall@20", "ndcg@20", "auc")}
        chosen[name] = float(np.mean([run["validation"][CRITERION] for run in good]))
        cells = [f"{figures[key].mean():.4f} ± {figures[key].std():.4f}" for key in ("recall@20", "ndcg@20")]
        seconds = np.mean([run["fit_seconds"] for run in good])
        lines.append(f"{name:20s} {cells[0]:>16s} {cells[1]:>16s} {figures['auc'].mean():7.4f} {seconds:7.1f}")
    if chosen:
        lines.append(f"best on validation: {max(chosen, key=chosen.__getitem__)}")
    return lines
