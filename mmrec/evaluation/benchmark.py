"""Models side by side under the evaluation contract, with every run kept as soon as it is done."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmrec.cache import code_hash, versions
from mmrec.data.split import Split
from mmrec.errors import InputError
from mmrec.evaluation.cost import timed
from mmrec.evaluation.layouts import Bundle
from mmrec.evaluation.protocol import Evaluation, evaluate
from mmrec.evaluation.record import commit
from mmrec.evaluation.search import CRITERION, Fitted, choose_settings, fit_once, make, tries_of
from mmrec.evaluation.statistics import bootstrap_interval
from mmrec.evaluation.verdict import verdict
from mmrec.files import sha256_json, write_json
from mmrec.models import REGISTRY, model_class
from mmrec.models.base import Recommender
from mmrec.models.ensemble import MEMBERS

COLD_SHARE = 0.1
BUDGET_SECONDS = 360.0
"""For the search of all models' settings together."""


def choose_models(names: str, bundle: Bundle) -> list[str]:
    """The models that ``--models`` names; ``all`` means all that the data allow.

    Raises:
        InputError: an unknown name, or a model that needs what the data lack.
    """
    train = bundle.warm.train
    lacking = {name: model_class(name).lacks(train, bundle.features) for name in REGISTRY}
    if names == "all":
        return [name for name, lack in lacking.items() if not lack]
    chosen = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    for name in chosen:
        model_class(name)
        if lacking[name]:
            raise InputError(f"{name} needs {lacking[name]}, and {bundle.name} holds none")
    if not chosen:
        raise InputError("--models names no model")
    return chosen


def benchmark(
    bundle: Bundle,
    models: Sequence[str],
    *,
    seeds: int,
    cases: Sequence[str] = ("warm",),
    refit: bool = False,
    search: bool = True,
    budget_seconds: float = BUDGET_SECONDS,
    out: Path | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Run every model with every seed.

    Settings are chosen once a model, with the first seed, by NDCG@20 on validation: the defaults first, then the
    values of the model's ``grid``, one setting after the other. ``budget_seconds`` is shared out among the models
    still to be searched, by how many values they have to try; the defaults are tried in any case. An ensemble gets the
    settings chosen for its members, if they stand before it, and the fitted members themselves: its seconds are without
    theirs. A model without chance is fitted once. One failing model does not lose the results of the others. Runs that
    ``out`` already holds for the same data, options and code are not repeated; a file of other ones is set aside as
    ``NAME.earlier.json``.

    Args:
        bundle: the data.
        models: names.
        seeds: runs a model, with seeds 0, 1, ...
        cases: ``"warm"`` (the pure split in time) and, from a second fit, ``"cold-item"``, ``"cold-user"``.
        refit: also fit each model once more, as it was chosen, on training and validation rows together, and measure it
            on test. Lists are in use right after training, as they are in validation; in the test of the first fit
            they come a validation part later.
        search: choose settings; otherwise the defaults are used.
        budget_seconds: for the search of all models together.
        out: JSON file to keep and to go on from.
        progress: show a bar.

    Returns:
        ``{"runs": [...], "search": {...}, "winner": name, "tests": {...}, "wall_seconds": ..., "data": {...},
        "versions": {...}}``. A run holds ``test_per_user``, its NDCG@20 of each measured user, for tests; ``tests``
        are those of the winner. With ``refit``, the key "refit" of a run holds the same of the second fit, and
        ``tests_refit`` its tests.
    """
    plan = {"data": bundle.fingerprint, "cases": list(cases), "refit": refit, "search": search}
    plan |= {"budget": budget_seconds}
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
    result["runs"] = [run for run in result["runs"] if "error" not in run]
    done = {(run["model"], run["seed"]) for run in result["runs"]}
    left, to_search = budget_seconds if search else 0.0, [name for name in models if name not in result["search"]]
    members: dict[int, dict[str, Recommender]] = {seed: {} for seed in range(seeds)}  # fitted, for ensembles to come
    ensembles = [name for name in models if "member_settings" in model_class(name).parameters()]
    started, spent = time.monotonic(), result.get("wall_seconds", 0.0)
    bar = tqdm(total=len(models) * seeds, desc="runs", disable=None if progress else True)
    for name in models:
        kept: Fitted | None = None  # the fit of the search that won, which is the run of its seed
        for seed in range(seeds):
            bar.set_postfix_str(name)
            try:
                if name not in result["search"]:
                    tries = [tries_of(other) for other in to_search[to_search.index(name) :]]
                    share = left * tries[0] / max(sum(tries), 1)
                    begun = time.monotonic()
                    kept, log = choose_settings(bundle, name, _members(name, result), share, members[0])
                    left = max(left - max(time.monotonic() - begun - log[0]["seconds"], 0.0), 0.0)
                    result["search"][name] = {"chosen": kept.settings, "log": log}
                if (name, seed) not in done:
                    run = None if set(cases) - {"warm"} else _without_chance(name, result["runs"])
                    if run is None:
                        fitted = kept if kept is not None and kept.seed == seed else None
                        chosen = result["search"][name]["chosen"]
                        fitted = fitted or fit_once(bundle, name, seed, chosen, members[seed])
                        if ensembles and name in MEMBERS:  # else nobody needs them, and memory does
                            alike = [seed] if "seed" in fitted.model.settings else list(members)
                            members |= {one: {**members[one], name: fitted.model} for one in alike}
                        run = _run(bundle, name, fitted, cases, refit)
                    result["runs"].append({**run, "seed": seed})
            except Exception as error:  # whatever one model does, the others' results are kept
                result["runs"].append({"model": name, "seed": seed, "error": f"{type(error).__name__}: {error}"})
            bar.update()
            result["wall_seconds"] = round(spent + time.monotonic() - started, 1)
            if out is not None:
                write_json(out, _clean(result))
    bar.close()
    result |= verdict(result["runs"])
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


def _without_chance(name: str, runs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """A finished run of a model in which nothing is drawn: every seed gives it."""
    if "seed" in model_class(name).parameters():
        return None
    return next((run for run in runs if run["model"] == name and "error" not in run), None)


def _members(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """For an ensemble, the settings that were chosen for its members."""
    if "member_settings" not in model_class(name).parameters():
        return {}
    members = model_class(name)().settings["members"]
    found = {member: result["search"][member]["chosen"] for member in members if member in result["search"]}
    return {"member_settings": found}


def _run(bundle: Bundle, name: str, fitted: Fitted, cases: Sequence[str], refit: bool) -> dict[str, Any]:
    split = bundle.warm
    measured, score_seconds = timed(lambda: _measured(fitted.model, split))
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
        again = make(name, fitted.seed, fitted.settings).fit(joined.train, bundle.features)
        run["refit"] = _measured(again, joined)
    cold_cases = [case for case in cases if case != "warm"]
    if cold_cases:
        cold: Split = bundle.split(seed=fitted.seed, cold_items=COLD_SHARE, cold_users=COLD_SHARE)
        again = make(name, fitted.seed, fitted.settings).fit(cold.train, bundle.features)
        for case in cold_cases:
            run[case.replace("-", "_")] = evaluate(again, cold, case).summary
    return run


def _measured(model: Recommender, split: Split) -> dict[str, Any]:
    test = evaluate(model, split)
    per_user = np.round(test.per_user.get(CRITERION, np.zeros(0)), 5).tolist()
    return {"test": test.summary, "test_per_user": per_user, "intervals": _intervals(test)}


def _intervals(test: Evaluation) -> dict[str, list[float]]:
    """Ends of the 95% intervals over users."""
    rng = np.random.default_rng(0)
    return {
        metric: list(bootstrap_interval(test.per_user[metric], rng)[1:])
        for metric in ("recall@20", "ndcg@20")
        if metric in test.per_user
    }


def _clean(value: Any) -> Any:
    """NaN as None, so that the result is JSON for every reader."""
    if isinstance(value, dict):
        return {key: _clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(part) for part in value]
    return None if isinstance(value, float) and np.isnan(value) else value
