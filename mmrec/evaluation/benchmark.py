"""Models side by side under the evaluation contract, with every run kept as soon as it is done."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmrec.cache import code_hash, versions
from mmrec.data.split import Split
from mmrec.errors import InputError
from mmrec.evaluation.benchmark_data import BenchmarkData
from mmrec.evaluation.cost import timed
from mmrec.evaluation.draws import DrawnComparison, as_run, from_run
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.record import commit
from mmrec.evaluation.search import (
    CRITERION,
    TRIES,
    Fitted,
    choose_settings,
    fit_once,
    make,
    within_training,
)
from mmrec.evaluation.verdict import verdict
from mmrec.files import sha256_json, write_json
from mmrec.models import REGISTRY, model_class
from mmrec.models.base import Recommender
from mmrec.models.ensemble import MEMBERS

COLD_CASES = ("cold-item", "cold-user")
FOLDS = 10
"""Draws of new items and of new users: each is new in one of them."""
NEW_BASELINES = ("content-popularity", "document-literal", "popularity")
"""Baselines that need no user; the first that was run is what the others are compared with on new items and users."""


def choose_models(names: str, data: BenchmarkData) -> list[str]:
    """The models that ``--models`` names; ``all`` means all that the data allow.

    Raises:
        InputError: an unknown name, or a model that needs what the data lack.
    """
    train = data.warm.train
    lacking = {name: model_class(name).lacks(train, data.features) for name in REGISTRY}
    if names == "all":
        return [name for name, lack in lacking.items() if not lack]
    chosen = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    for name in chosen:
        model_class(name)
        if lacking[name]:
            raise InputError(f"{name} needs {lacking[name]}, and {data.name} holds none")
    if not chosen:
        raise InputError("--models names no model")
    return chosen


def benchmark(
    data: BenchmarkData,
    models: Sequence[str],
    *,
    seeds: int,
    cases: Sequence[str] = ("warm",),
    refit: bool = False,
    tries: int = TRIES,
    mask: str = "all",
    folds: int = FOLDS,
    out: Path | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Run every model with every seed.

    Settings are chosen once per model, with seed 0, by NDCG@20 on validation rows that are test rows under no order of
    ties. Every model with settings has the same number of tries: the defaults first, then what ``search.candidates``
    proposes; a model whose grid ends earlier stops there. Seed s draws what is drawn in the model and the order of rows
    of one second (``BenchmarkData.ordered``). An ensemble gets the settings chosen for its members, if they stand
    before it, and the fitted members themselves: its seconds are without theirs. A model without a random part is
    fitted once where ties decide nothing. One failing model does not lose the results of the others. Runs that ``out``
    already holds for the same data, options and code are not repeated; a file of other ones is set aside as
    ``NAME.earlier.json``.

    New items and new users are measured apart: ``folds`` splits in which each is new once, drawn before anything is
    chosen. On each fold settings are chosen again, with the same number of tries, on items or users that are new within
    its training rows (``search.within_training``).

    Args:
        data: interactions, features and splits.
        models: names.
        seeds: runs per model, with seeds 0, 1, ...
        cases: ``"warm"`` (the split in time), ``"cold-item"`` and ``"cold-user"``.
        refit: also fit each model once more, as it was chosen, on training and validation rows together, and measure it
            on test. Lists are in use right after training, as they are in validation; in the test of the first fit
            they come a validation part later.
        tries: settings tried per model; 1 for the defaults alone.
        mask: what test lists leave out; see ``evaluate``.
        folds: draws of new items and users.
        out: JSON file to keep and to go on from.
        progress: show a bar.

    Returns:
        ``{"runs": [...], "search": {...}, "winner": name, "tests": {...}, "new": {...}, "wall_seconds": ..., "data":
        {...}, "versions": {...}}``. A run holds ``test_users`` and ``test_per_user``, the metrics of each measured
        user, for intervals and tests; ``tests`` are those of the winner on validation. With ``refit``, the key "refit"
        of a run holds the same of the second fit, and ``tests_refit`` its tests. ``new`` holds a ``DrawnComparison``
        per cold case, as JSON, with the settings chosen on each fold.
    """
    plan = {"data": data.fingerprint, "cases": list(cases), "refit": refit, "tries": tries, "mask": mask}
    plan |= {"folds": folds if set(cases) & set(COLD_CASES) else 0, "versions": versions(), "code": code_hash()}
    result = _earlier(out, sha256_json(plan)) or {
        "runs": [],
        "search": {},
        "new": {},
        "data": {
            "name": data.name,
            "users": len(data.user_ids),
            "items": len(data.item_ids),
            "interactions": len(data.interactions),
            "modalities": list(data.features.modalities),
            "fingerprint": data.fingerprint,
            "ties decide": data.has_ties,
        },
        "protocol": {"tries": tries, "mask": mask, "folds": folds},
        "versions": {**versions(), "commit": commit()},
        "plan": sha256_json(plan),
    }
    result["runs"] = [run for run in result["runs"] if "error" not in run]
    started, spent = time.monotonic(), result.get("wall_seconds", 0.0)

    def keep() -> None:
        result["wall_seconds"] = round(spent + time.monotonic() - started, 1)
        if out is not None:
            write_json(out, _clean(result))

    _run_seeds(data, models, range(seeds), refit, tries, mask, result, keep, progress)
    for case in (case for case in cases if case in COLD_CASES):
        result["new"].setdefault(case, {})
        _run_folds(data, models, case, folds, tries, result["new"][case], keep, progress)
    result |= verdict(result["runs"], result["search"])
    keep()
    return _clean(result)


def _run_seeds(
    data: BenchmarkData,
    models: Sequence[str],
    seeds: Sequence[int],
    refit: bool,
    tries: int,
    mask: str,
    result: dict[str, Any],
    keep: Callable[[], None],
    progress: bool,
) -> None:
    """The warm case: fill ``result["search"]`` and ``result["runs"]``."""
    done = {(run["model"], run["seed"]) for run in result["runs"]}
    wanted = any("member_settings" in model_class(name).declared for name in models)  # fitted members are kept
    searched: dict[str, Recommender] = {}  # as they won their searches
    members: dict[int, dict[str, Recommender]] = {seed: {} for seed in seeds}
    splits = {seed: data.ordered(seed) for seed in seeds}
    bar = tqdm(total=len(models) * len(seeds), desc="runs", disable=None if progress else True)
    for name in models:
        kept: Fitted | None = None  # the fit of the search that won, which is the run of seed 0 where no ties decide
        for seed in seeds:
            bar.set_postfix_str(name)
            try:
                if name not in result["search"]:
                    given = _members(name, result)
                    kept, log = choose_settings(data.for_search, data.features, name, given, tries, searched)
                    reached = kept.validation.get(CRITERION)
                    result["search"][name] = {"chosen": kept.settings, "reached": reached, "log": log}
                    if wanted and name in MEMBERS:
                        searched[name] = kept.model
                if (name, seed) not in done:
                    run = None if data.has_ties else _same_for_all_seeds(name, result["runs"])
                    if run is None:
                        fitted = kept if kept is not None and kept.seed == seed and not data.has_ties else None
                        chosen = result["search"][name]["chosen"]
                        fitted = fitted or fit_once(splits[seed], data.features, name, seed, chosen, members[seed])
                        if wanted and name in MEMBERS:  # no other model needs them, and memory is short
                            fixed = "seed" not in fitted.model.settings and not data.has_ties
                            for one in seeds if fixed else [seed]:
                                members[one] = {**members[one], name: fitted.model}
                        run = _run(data, name, fitted, splits[seed], refit, mask)
                    result["runs"].append({**run, "seed": seed})
            except Exception as error:  # whatever one model does, the others' results are kept
                result["runs"].append({"model": name, "seed": seed, "error": f"{type(error).__name__}: {error}"})
            bar.update()
            keep()
    bar.close()


def _run_folds(
    data: BenchmarkData,
    models: Sequence[str],
    case: str,
    folds: int,
    tries: int,
    found: dict[str, Any],
    keep: Callable[[], None],
    progress: bool,
) -> None:
    """A cold case: fill ``found`` with one entry per model, and the comparison of all."""
    bar = tqdm(total=len(models) * folds, desc=case, disable=None if progress else True)
    done = found.setdefault("runs", {name: {} for name in models})  # model -> fold -> what it reached
    errors: dict[str, str] = {}
    for number, split in enumerate(data.folds(case, folds)):
        inner = within_training(split, number, data.duplicates)
        searched: dict[str, Recommender] = {}
        members: dict[str, Recommender] = {}
        for name in models:
            bar.set_postfix_str(name)
            rows = done.setdefault(name, {})
            try:
                if str(number) not in rows:
                    before = [one for one in models[: models.index(name)] if str(number) in done.get(one, {})]
                    chosen = {one: {"chosen": done[one][str(number)]["settings"]} for one in before}
                    given = _members(name, {"search": chosen})
                    kept, _ = choose_settings(inner, data.features, name, given, tries, searched, case)
                    fitted = fit_once(split, data.features, name, number, kept.settings, members)
                    if name in MEMBERS:
                        searched[name], members[name] = kept.model, fitted.model
                    rows[str(number)] = {**_measured(fitted.model, split, case=case), "settings": kept.settings}
                    keep()
            except Exception as error:  # whatever one model does, the others' results are kept
                errors.setdefault(name, f"fold {number}: {type(error).__name__}: {error}")
            bar.update()
    bar.close()
    whole = {name: list(map(from_run, rows.values())) for name, rows in done.items() if len(rows) == folds}
    base = next((name for name in NEW_BASELINES if name in whole), next(iter(whole), None))
    found |= {"folds": folds, "base": base, "errors": errors}
    found["models"] = DrawnComparison(whole).as_json(base) if base is not None else {}
    keep()


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


def _same_for_all_seeds(name: str, runs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A finished run of a model without a random part, on a split without ties: every seed gives it."""
    if "seed" in model_class(name).declared:
        return None
    return next((run for run in runs if run["model"] == name and "error" not in run), None)


def _members(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """For an ensemble, the settings that were chosen for its members."""
    if "member_settings" not in model_class(name).declared:
        return {}
    members = model_class(name).declared["members"].default
    found = {member: result["search"][member]["chosen"] for member in members if member in result["search"]}
    return {"member_settings": found}


def _run(data: BenchmarkData, name: str, fitted: Fitted, split: Split, refit: bool, mask: str) -> dict[str, Any]:
    measured, score_seconds = timed(lambda: _measured(fitted.model, split, mask))
    run = {
        "model": name,
        "seed": fitted.seed,
        "validation": fitted.validation,
        **measured,
        "fit_seconds": round(fitted.seconds, 3),
        "score_seconds": round(score_seconds, 3),
        "peak_memory_mb": fitted.peak_mb,
        "settings": fitted.model.settings,
    }
    if refit:
        joined = split.joined()
        again = make(name, fitted.seed, fitted.settings).fit(joined.train, data.features)
        run["refit"] = _measured(again, joined, mask)
    return run


def _measured(model: Recommender, split: Split, mask: str = "all", case: str = "warm") -> dict[str, Any]:
    return as_run(evaluate(model, split, case, mask=mask))


def _clean(value: Any) -> Any:
    """NaN as None, so that the result is JSON for every reader."""
    if isinstance(value, dict):
        return {key: _clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(part) for part in value]
    return None if isinstance(value, float) and np.isnan(value) else value
