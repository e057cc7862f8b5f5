"""New items and new users over ten draws: ``results/new-items-NAME.json`` and ``results/new-users-NAME.json``.

Run ``python -m studies.models.new_items embedded|films [--case cold-item|cold-user] [--folds 10] [--tries 4] [--jobs
2]``. The folds are drawn first, so that every item (or user) is new in one of them. On each fold the settings of every
model are chosen with the same number of tries, on items (or users) that are new within the fold's training rows; then
the model is fitted on all its training rows. A row is a model, or the same with fewer modalities, with features
shuffled among the items, with users exchanged, or its mean score as one list for everyone. Intervals resample users and
folds; tests flip signs over folds. Each finished fold is kept in the cache, so that an interrupted run goes on. The
films are read from ``$MMREC_DATA``.
"""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from tqdm import tqdm

from mmrec.cache import cache_root, code_hash, versions
from mmrec.data.split import Split
from mmrec.datasets import open_dataset
from mmrec.evaluation.benchmark_data import BenchmarkData, read_layout
from mmrec.evaluation.controls import without_the_user
from mmrec.evaluation.draws import DrawnComparison, as_run, from_run, test_as_json
from mmrec.evaluation.oracle import Oracle
from mmrec.evaluation.protocol import evaluate
from mmrec.evaluation.record import check_committed, save_record
from mmrec.evaluation.search import choose_settings, make, within_training
from mmrec.evaluation.statistics import holm
from mmrec.features import Features
from mmrec.files import sha256_file, sha256_json, write_json
from mmrec.models.base import Recommender

BASE = {"cold-item": "content-popularity", "cold-user": "popularity"}
"""The strongest baseline without a user."""
LISTS_FOR_EVERYONE = ("chance", "popularity", "content-popularity", "document-literal")
PERSONAL: dict[str, tuple[str, dict[str, Any]]] = {
    "document-user": ("document-user", {}),
    "fusion: network": ("fusion", {"fusion": "network"}),
    "fusion: concatenation": ("fusion", {"fusion": "concatenation"}),
    "popularity-and-taste": ("popularity-and-taste", {}),
    "two-towers": ("two-towers", {}),
    "ease-features": ("ease-features", {}),
    "graph-filter-features": ("graph-filter-features", {}),
}
"""Row -> model and the settings that stay."""
BY_MODALITY = ("document-user", "fusion: network", "fusion: concatenation", "two-towers")
"""Rows that are also fitted on each modality alone and on shuffled features, with the settings of the whole."""
CONTROLS = ("users exchanged", "mean score")
NEW_USER_ROWS = ("document-user", "fusion: network", "two-towers")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


def versions_of(features: Features, seed: int) -> Iterator[tuple[str, Features]]:
    """What else a model is fitted on: each modality alone, and features shuffled among the items."""
    for modality in features.modalities:
        yield f"{modality} alone", features.only(modality)
    yield "shuffled features", features.shuffled(np.random.default_rng(seed))


def fold(data: BenchmarkData, split: Split, case: str, number: int, tries: int, truth: Path) -> dict[str, Any]:
    """Row -> what it reached on one fold, with the settings chosen for it; the oracle where the truth is known."""
    inner, found = within_training(split, number, data.duplicates), {}

    def fit(name: str, features: Features, settings: dict[str, Any]) -> Recommender:
        return make(name, number, settings).fit(split.train, features)

    for name in LISTS_FOR_EVERYONE:
        kept, _ = choose_settings(inner, data.features, name, {}, tries, case=case)
        model = fit(name, data.features, kept.settings)
        found[name] = {**as_run(evaluate(model, split, case)), "settings": kept.settings}
    rows = PERSONAL if case == "cold-item" else {row: PERSONAL[row] for row in NEW_USER_ROWS}
    for row, (name, given) in rows.items():
        kept, _ = choose_settings(inner, data.features, name, given, tries, case=case)
        model = fit(name, data.features, kept.settings)
        found[row] = {**as_run(evaluate(model, split, case)), "settings": kept.settings}
        if case == "cold-item":
            for control, reached in without_the_user(model, split, case, number).items():
                found[f"{row}, {control}"] = as_run(reached)
        if case == "cold-item" and row in BY_MODALITY:
            for label, features in versions_of(data.features, number):
                model = fit(name, features, kept.settings)
                found[f"{row}, {label}"] = as_run(evaluate(model, split, case))
    if truth.is_file():
        found["oracle"] = as_run(evaluate(Oracle(truth.parent, "list"), split, case))
    return found


def kept_in(fingerprint: str, case: str, folds: int, tries: int, study: Path = Path(__file__)) -> Path:
    """Where finished folds are kept: another folder for other data, options, versions or code, this script's too."""
    plan = {"data": fingerprint, "folds": folds, "tries": tries, "case": case, "study": sha256_file(study)}
    return cache_root() / "new-items" / sha256_json({**plan, "code": code_hash(), "versions": versions()})[:16]


def kept_fold(kept: Path, data: BenchmarkData, split: Split, case: str, number: int, tries: int, truth: Path) -> Any:
    """The same, computed where the folder does not hold it yet."""
    path = kept / f"{number}.json"
    if not path.is_file():
        write_json(path, fold(data, split, case, number, tries, truth))
    return json.loads(path.read_text(encoding="utf-8"))


def results(measured: DrawnComparison, case: str) -> dict[str, Any]:
    """Every row; models and lists for everyone against the base; and the tests that the chapters speak of.

    Each question is a family of its own for Holm's correction: which models beat the base; what is personal, against
    exchanged users and mean scores; what each modality adds.
    """
    rows = [row for row in PERSONAL if row in measured.runs]
    found: dict[str, Any] = {"base": BASE[case]}
    found["models"] = measured.as_json(BASE[case], [*LISTS_FOR_EVERYONE, *rows])
    pairs = [(row, name) for row in rows for name in measured.runs if name.startswith(f"{row}, ")]
    families = {
        "personal": [pair for pair in pairs if pair[1].endswith(CONTROLS)],
        "modalities": [pair for pair in pairs if not pair[1].endswith(CONTROLS)],
    }
    if case == "cold-item":
        families["modalities"].append(("fusion: concatenation, text alone", "fusion: network, text alone"))
    found["tests"] = {family: tests_of(measured, chosen) for family, chosen in families.items()}
    return found


def tests_of(measured: DrawnComparison, pairs: Sequence[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """ "first - second" -> the first minus the second, Holm-corrected over the pairs."""
    tests = {f"{one} - {two}": measured.against(two, [one]).iloc[0].to_dict() for one, two in pairs}
    adjusted = holm({pair: test["p"] for pair, test in tests.items()})
    return {pair: test_as_json({**test, "p (Holm)": adjusted[pair]}) for pair, test in tests.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=("embedded", "films"))
    parser.add_argument("--case", choices=tuple(BASE), default="cold-item")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--tries", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    check_committed()
    os.environ.update(ONE_THREAD)  # of the processes to come
    catalogue = open_dataset(options.dataset).folder
    data = read_layout(catalogue, "catalogue", progress=True)
    folder = kept_in(data.fingerprint, options.case, options.folds, options.tries)
    splits = list(enumerate(data.folds(options.case, options.folds)))
    work = joblib.Parallel(n_jobs=options.jobs, return_as="generator", batch_size=1)
    made = work(
        joblib.delayed(kept_fold)(folder, data, split, options.case, number, options.tries, catalogue / "truth.npz")
        for number, split in splits
    )
    folds = list(tqdm(made, total=len(splits), desc="folds"))
    measured = DrawnComparison({row: [from_run(one[row]) for one in folds] for row in folds[0]})
    print(measured.table(BASE[options.case]).to_string())
    found = results(measured, options.case)
    found["settings"] = {
        row: [one[row]["settings"] for one in folds] for row in folds[0] if "settings" in folds[0][row]
    }
    found |= {"folds": options.folds, "tries": options.tries, "modalities": list(data.features.modalities)}
    name = "new-items" if options.case == "cold-item" else "new-users"
    told = f"python -m studies.models.new_items {options.dataset} --case {options.case} --folds {options.folds}"
    told += f" --tries {options.tries}"
    out = Path(__file__).parents[2] / "results" / f"{name}-{options.dataset}.json"
    save_record(out, found, seed=0, seeds=options.folds, data_hash=data.fingerprint, command=told)
    print(out)


if __name__ == "__main__":
    main()
