"""Every model under one protocol, on one data set: ``results/models-NAME.json``.

Run ``python -m studies.models.record embedded|films|lastfm [--seeds 5] [--tries 10] [--models all] [--keep FILE]
[--refit] [--thin N]``. Settings are chosen on validation by ``mmrec benchmark``, with the same number of tries for
every model; its whole result stays in FILE, so that an interrupted run goes on. Each seed breaks ties in time in its
own order. The films and Last.fm-2K are read from ``$MMREC_DATA``. With ``--refit`` each model is also fitted a last
time, on train and validation together. With ``--thin 5`` each user keeps five random training rows; the record is
``results/models-NAME-thin5.json``: whether defaults and searches carry over to sparse data. New items are measured by
``studies/models/new_items.py``.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.cache import cache_root
from mmrec.data.catalogue import Interactions
from mmrec.datasets import open_dataset
from mmrec.environment import DATA, variable
from mmrec.evaluation.benchmark import benchmark, choose_models
from mmrec.evaluation.benchmark_data import BenchmarkData, read_layout
from mmrec.evaluation.comparison import share_of_oracle
from mmrec.evaluation.oracle import Oracle
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.record import check_committed, save_record
from mmrec.evaluation.search import TRIES
from mmrec.evaluation.verdict import summary_lines, test_interval

METRICS = ("recall@20", "ndcg@20", "auc", "mrr@20", "coverage@20", "novelty@20")
CRITERIA = ("recall@20", "ndcg@20")


def read(name: str) -> BenchmarkData:
    """The data set in the benchmark's form."""
    if name == "lastfm":
        return read_layout(Path(variable(DATA)) / "lastfm-2k", "mmrec")
    return read_layout(open_dataset(name).folder, "catalogue", progress=True)


def thinned(data: BenchmarkData, most: int) -> BenchmarkData:
    """The same validation and test; of at most so many training rows per user, drawn once."""
    split = data.split()
    drawn = np.random.default_rng(0).permutation(len(split.train))
    order = drawn[np.argsort(split.train.user[drawn], kind="stable")]  # by person, each one's rows in a drawn order
    ends = np.cumsum(np.bincount(split.train.user, minlength=split.train.users))
    place = np.arange(len(order)) - (ends - np.diff(ends, prepend=0))[split.train.user[order]]
    parts = [split.train.take(np.sort(order[place < most])), split.validation, split.test["warm"]]
    return replace(
        data,
        interactions=Interactions.joined(*parts),
        part=np.repeat(np.arange(3), [len(part) for part in parts]),
        fingerprint=f"{data.fingerprint}, {most} training rows a person",
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
        rows[name]["ndcg@20 per seed"] = [round(run["test"]["ndcg@20"], 5) for run in runs]
        rows[name] |= {f"{metric} interval": _interval(runs, metric) for metric in CRITERIA}
        rows[name] |= {f"validation {metric}": mean("validation", metric) for metric in CRITERIA}
        rows[name] |= {"chosen by": result["search"][name]["reached"], "tries": len(result["search"][name]["log"])}
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
    return [round(end, 5) for end in test_interval(runs, metric)[1:]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=("embedded", "films", "lastfm"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tries", type=int, default=TRIES)
    parser.add_argument("--models", default="all")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--refit", action="store_true")
    parser.add_argument("--thin", type=int, default=0, help="training rows a person at most; 0 for all")
    options = parser.parse_args()
    check_committed()
    data = read(options.dataset)
    data = thinned(data, options.thin) if options.thin else data
    record = f"models-{options.dataset}"
    record += f"-thin{options.thin}" if options.thin else ""
    models = choose_models(options.models, data)
    keep = options.keep or cache_root() / f"benchmark-{record}.json"
    result = benchmark(
        data, models, seeds=options.seeds, tries=options.tries, refit=options.refit, out=keep, progress=True
    )
    print("\n".join(summary_lines(result)))
    results: dict[str, Any] = {"winner": result["winner"], "models": condense(result), "data": result["data"]}
    results["protocol"] = result["protocol"]
    results["wall seconds"] = result["wall_seconds"]
    results["search"] = {
        name: [{**entry, "seconds": round(entry["seconds"], 1)} for entry in found["log"] if "seconds" in entry]
        for name, found in result["search"].items()
        if len(found["log"]) > 1
    }
    if options.dataset == "embedded":
        oracle = Oracle(open_dataset("embedded").folder).fit(data.interactions)
        results["oracle"] = {"auc": evaluate(oracle, data.split()).summary["auc"]}
        for row in results["models"].values():
            row["share of the oracle"] = round(share_of_oracle(row["auc"], results["oracle"]["auc"]), 4)
    told = f"python -m studies.models.record {options.dataset} --seeds {options.seeds} --tries {options.tries}"
    told += f" --models {options.models}"
    told += " --refit" if options.refit else ""
    told += f" --thin {options.thin}" if options.thin else ""
    out = Path(__file__).parents[2] / "results" / f"{record}.json"
    save_record(out, results, seed=0, seeds=options.seeds, data_hash=data.fingerprint, command=told)


if __name__ == "__main__":
    main()
