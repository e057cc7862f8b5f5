"""Every model under one protocol, on one data set: ``results/models-NAME.json``.

Run ``python benchmarks/models.py embedded|films|lastfm [--seeds 5] [--models all] [--keep FILE] [--refit] [--thin N]``.
Settings are chosen on validation by ``mmrec benchmark``, whose whole result stays in FILE, so that an interrupted run
goes on. The films and Last.fm-2K are read from ``$MMREC_DATA``. With ``--refit`` each model is also fitted a last time,
on train and validation together, and the record is ``results/models-NAME-refit.json``, of these lists alone. Without
it, for the films and the embedded catalogue, items without a training row are measured apart: each content model with
all modalities, with each alone, and with features dealt out anew; of the films once more with features of networks
trained elsewhere, where ``mmrec fetch encoders`` has put them. With ``--thin 5`` everybody keeps five training rows,
drawn, and the record is ``results/models-NAME-thin5.json``: whether defaults and searches carry over to sparse data.
"""

import argparse
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.cache import cache_root
from mmrec.data.catalogue import Interactions
from mmrec.datasets import open_dataset
from mmrec.errors import MissingDataError
from mmrec.evaluation.benchmark import benchmark, choose_models
from mmrec.evaluation.comparison import compare, share_of_oracle
from mmrec.evaluation.layouts import Bundle, read_layout
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.record import save_record
from mmrec.evaluation.verdict import summary_lines
from mmrec.features import Features, extract
from mmrec.models.base import Recommender
from mmrec.models.fitting import fitter
from mmrec.simulation.oracle import Oracle

METRICS = ("recall@20", "ndcg@20", "auc", "mrr@20", "coverage@20", "novelty@20")
CRITERIA = ("recall@20", "ndcg@20")
PRETRAINED = {"text": "sentence", "image": "lite0"}
CONTENT = ("graph-filter-features", "ease-features", "two-towers")


def read(name: str) -> Bundle:
    """The data set in the benchmark's form."""
    if name == "lastfm":
        return read_layout(Path(os.environ["MMREC_DATA"]) / "lastfm-2k", "mmrec")
    return read_layout(open_dataset(name).folder, "catalogue", progress=True)


def thinned(bundle: Bundle, most: int) -> Bundle:
    """The same validation and test; of training rows at most so many a person, drawn once."""
    split = bundle.split()
    drawn = np.random.default_rng(0).permutation(len(split.train))
    order = drawn[np.argsort(split.train.user[drawn], kind="stable")]  # by person, each one's rows in a drawn order
    ends = np.cumsum(np.bincount(split.train.user, minlength=split.train.users))
    place = np.arange(len(order)) - (ends - np.diff(ends, prepend=0))[split.train.user[order]]
    parts = [split.train.take(np.sort(order[place < most])), split.validation, split.test["warm"]]
    columns = ("user", "item", "rating", "timestamp", "row")
    rows = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
    return replace(
        bundle,
        interactions=Interactions(**rows, users=split.train.users, items=split.train.items),
        part=np.repeat(np.arange(3), [len(part) for part in parts]),
        fingerprint=f"{bundle.fingerprint}, {most} training rows a person",
    )


def condense(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Model -> means over the seeds, with intervals over users and the test against the winner."""
    rows: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(run["model"] for run in result["runs"]):
        runs = [run for run in result["runs"] if run["model"] == name and "error" not in run]
        if not runs:
            continue
        mean = partial(_mean, runs)
        rows[name] = {metric: mean("test", metric) for metric in METRICS}
        rows[name] |= {f"{metric} interval": _interval(runs, metric) for metric in CRITERIA}
        rows[name] |= {f"validation {metric}": mean("validation", metric) for metric in CRITERIA}
        rows[name] |= {
            "seeds": len(runs),
            "fit seconds": round(float(np.mean([run["fit_seconds"] for run in runs])), 2),
        }
        rows[name] |= {"peak memory mb": max(run["peak_memory_mb"] for run in runs), "settings": runs[0]["settings"]}
        rows[name]["against the winner"] = result["tests"].get(name)
        if "refit" in runs[0]:
            again = [run["refit"] for run in runs]
            rows[name]["refit"] = {metric: _mean(again, "test", metric) for metric in METRICS}
            rows[name]["refit"] |= {f"{metric} interval": _interval(again, metric) for metric in CRITERIA}
            rows[name]["refit"]["against the winner"] = result["tests_refit"].get(name)
    return rows


def _mean(runs: list[dict[str, Any]], part: str, metric: str) -> float | None:
    values = [run[part].get(metric) for run in runs]
    return None if any(value is None for value in values) else round(float(np.mean(values)), 5)


def _interval(runs: list[dict[str, Any]], metric: str) -> list[float]:
    return np.mean([run["intervals"][metric] for run in runs], axis=0).round(5).tolist()


def on_shuffled(fit_with: Any, features: Features, settings: dict[str, Any], seed: int) -> Recommender:
    """A fit on features dealt out anew among the items: no row stands beside its item."""
    return fit_with(features.shuffled(np.random.default_rng(seed)), **settings)(seed)


def cold(bundle: Bundle, features: Features, models: list[str], settings: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Model -> figures on items that nobody has rated, and paired tests of all modalities against the others."""
    split, found = bundle.split(cold_items=0.1), {}
    for name in models:
        fit_with = partial(fitter, name, split.train)
        trials = {"all": fit_with(features, **settings[name])}
        for modality in features.modalities:
            trials[f"{modality} alone"] = fit_with(features.only(modality), **settings[name])
        trials["shuffled"] = partial(on_shuffled, fit_with, features, settings[name])
        measured = compare(trials, split, "cold-item", seeds=seeds)
        others = tuple(trial for trial in trials if trial != "all")
        found[name] = {
            "figures": measured.as_json(),
            "tests": measured.against("all", others).round(6).to_dict("index"),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=("embedded", "films", "lastfm"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--models", default="all")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--refit", action="store_true")
    parser.add_argument("--thin", type=int, default=0, help="training rows a person at most; 0 for all")
    options = parser.parse_args()
    bundle = read(options.dataset)
    bundle = thinned(bundle, options.thin) if options.thin else bundle
    record = f"models-{options.dataset}{'-refit' if options.refit else ''}"
    record += f"-thin{options.thin}" if options.thin else ""
    models = choose_models(options.models, bundle)
    keep = options.keep or cache_root() / f"benchmark-{record}.json"
    result = benchmark(bundle, models, seeds=options.seeds, refit=options.refit, out=keep, progress=True)
    print("\n".join(summary_lines(result)))
    results: dict[str, Any] = {"winner": result["winner"], "models": condense(result), "data": result["data"]}
    results["wall seconds"] = result["wall_seconds"]
    results["search"] = {
        name: [{**entry, "seconds": round(entry["seconds"], 1)} for entry in found["log"] if "seconds" in entry]
        for name, found in result["search"].items()
        if len(found["log"]) > 1
    }
    if options.dataset == "embedded":
        oracle = Oracle(open_dataset("embedded").folder).fit(bundle.interactions)
        results["oracle"] = {"auc": evaluate(oracle, bundle.split()).summary["auc"]}
        for row in results["models"].values():
            row["share of the oracle"] = round(share_of_oracle(row["auc"], results["oracle"]["auc"]), 4)
    if options.dataset != "lastfm" and not options.refit and not options.thin:
        chosen = {name: found["chosen"] for name, found in result["search"].items()}
        content = [name for name in CONTENT if name in chosen]
        results["cold"] = cold(bundle, bundle.features, content, chosen, options.seeds)
        if options.dataset == "films":
            try:
                features = extract(open_dataset("films"), PRETRAINED, progress=True)
                results["cold, pretrained features"] = cold(bundle, features, content, chosen, options.seeds)
            except MissingDataError as error:
                print(f"left out: pretrained features ({error})")
    told = f"python benchmarks/models.py {options.dataset} --seeds {options.seeds} --models {options.models}"
    told += " --refit" if options.refit else ""
    told += f" --thin {options.thin}" if options.thin else ""
    out = Path(__file__).parents[1] / "results" / f"{record}.json"
    save_record(out, results, seed=0, seeds=options.seeds, data_hash=bundle.fingerprint, command=told)


if __name__ == "__main__":
    main()
