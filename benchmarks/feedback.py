"""The feedback loop, measured: ``results/feedback.json``.

Run ``MMREC_DATA=DIR python benchmarks/feedback.py [--seeds 5] [--rounds 20] [--only policies,retraining,...]``. On the
embedded catalogue: policies of exploration, ways to retrain, and how often off-policy intervals hold the truth. On the
real films, where ``MMREC_DATA`` has them: replay in the order of time. The first 300 people of the embedded catalogue
serve to choose settings; the figures are those of the other 700.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.datasets import open_dataset
from mmrec.errors import MissingDataError
from mmrec.evaluation.record import save_record
from mmrec.evaluation.statistics import bootstrap_interval, holm, paired_test
from mmrec.features.extraction import extract
from mmrec.feedback import policies
from mmrec.feedback.audience import Audience
from mmrec.feedback.belief import LinearBelief
from mmrec.feedback.fused import fused_features
from mmrec.feedback.intervals import earlier_policies, measured_coverage
from mmrec.feedback.offpolicy import softmax_policy
from mmrec.feedback.replay import cut_in_time, listen, refit, replay, stand_still
from mmrec.feedback.retraining import WAYS, AllAnswers, NeuralPolicy
from mmrec.feedback.study import PolicyStudy, choose_settings, compare_policies
from mmrec.models import make_model
from mmrec.simulation.truth import Truth

TUNING_PEOPLE = 300
TUNING_SEED = 100
L2 = (1.0, 3.0, 10.0, 30.0)
GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "Greedy": {},
    "EpsilonGreedy": {"epsilon": (0.02, 0.05, 0.1)},
    "Thompson": {"scale": (0.1, 0.25, 0.5)},
    "LinUCB": {"alpha": (0.1, 0.25, 0.5)},
}
TEMPERATURES = {"near": 0.2, "far": 0.1, "nearly greedy": 0.05}
SHOWINGS = (500, 2000)
LOGS = 2000


def linear(arms: np.ndarray, kind: str, l2: float, **exploration: float) -> Any:
    """Maker of a linear policy."""
    make = getattr(policies, kind)
    return lambda audience, seed: make(LinearBelief(arms, audience.users, l2), **exploration)


def grid_of(kind: str) -> list[dict[str, float]]:
    """All settings to try for a policy."""
    rows: list[dict[str, float]] = [{"l2": l2} for l2 in L2]
    for name, values in GRIDS[kind].items():
        rows = [{**row, name: value} for row in rows for value in values]
    return rows


def rounded(value: Any) -> Any:
    """JSON with five significant digits; NaN becomes None."""
    if isinstance(value, dict):
        return {str(key): rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [rounded(one) for one in value]
    if isinstance(value, (float, np.floating)):
        return None if np.isnan(value) else float(f"{value:.5g}")
    return value.item() if isinstance(value, np.generic) else value


def summary(study: PolicyStudy, base: str) -> dict[str, Any]:
    """Curves, figures with intervals and paired tests."""
    return {
        "curves": {name: study.curves(name) for name in study.traces},
        "figures": {name: study.figures(name) for name in study.traces},
        f"regret against {base}, paired over people": study.against(base).to_dict("index"),
    }


def policy_results(arms: np.ndarray, truth: Truth, tuning: np.ndarray, people: np.ndarray, **loop: int) -> Any:
    """Policies with settings chosen on the tuning people."""
    makers: dict[str, Any] = {
        "oracle": lambda audience, seed: policies.Oracle(audience),
        "chance": lambda audience, seed: policies.Chance(),
        "popular": lambda audience, seed: policies.Popular(audience.items),
    }
    chosen, logs = {}, {}
    for kind in GRIDS:
        tried = {"seeds": 2, "seed": TUNING_SEED, "rounds": loop["rounds"]}
        chosen[kind], logs[kind] = choose_settings(partial(linear, arms, kind), grid_of(kind), truth, tuning, **tried)
        makers[kind] = linear(arms, kind, **chosen[kind])
        print(kind, chosen[kind], flush=True)
    study = compare_policies(makers, truth, people, **loop)
    best = study.traces["oracle"][0].best.sum(axis=0).mean()
    return {"settings": chosen, "search": logs, "oracle's likes a person": best, **summary(study, "Greedy")}


def retraining_results(
    arms: np.ndarray, truth: Truth, tuning: np.ndarray, people: np.ndarray, l2: float, **loop: int
) -> Any:
    """The scorer trained in three ways, and the linear belief in two."""

    def neural(way: str, **options: Any) -> Any:
        return lambda audience, seed: NeuralPolicy(arms, audience.users, way, seed=seed, **options)

    makers, chosen, logs = {}, {}, {}
    tried = {"seeds": 2, "seed": TUNING_SEED, "rounds": loop["rounds"]}
    for way in WAYS:
        passes = {"anew": (4, 8, 16), "warm": (1, 2, 4), "new": (2, 4, 8, 16)}[way]
        grid = [{"epochs": epochs} for epochs in passes]
        chosen[way], logs[way] = choose_settings(partial(neural, way), grid, truth, tuning, **tried)
        makers[f"scorer, {way}"] = neural(way, **chosen[way])
        print(way, chosen[way], flush=True)
    makers["linear, anew"] = lambda audience, seed: AllAnswers(LinearBelief(arms, audience.users, l2))
    makers["linear, new"] = linear(arms, "Greedy", l2)
    study = compare_policies(makers, truth, people, **loop)
    lasts = {name: np.mean([trace.seconds[-1] for trace in traces]) for name, traces in study.traces.items()}
    return {"settings": chosen, "search": logs, "seconds of the last round": lasts, **summary(study, "scorer, warm")}


def offpolicy_results(arms: np.ndarray, truth: Truth, people: np.ndarray, l2: float, seed: int) -> Any:
    """Coverage of intervals for policies ever further from the one that logged."""
    audience = Audience(truth, people, np.random.default_rng([seed, 2]))
    belief = LinearBelief(arms, audience.users, l2)
    logging, predicted = earlier_policies(audience, belief, np.random.default_rng([seed, 3]))
    results: dict[str, Any] = {"logs": LOGS, "logging policy's value": (logging * audience.chance).sum(axis=1).mean()}
    for name, temperature in TEMPERATURES.items():
        target = softmax_policy(predicted, temperature)
        for showings in SHOWINGS:
            results[f"{name}, {showings} showings"] = measured_coverage(
                logging,
                target,
                audience.chance,
                predicted,
                showings=showings,
                logs=LOGS,
                rng=np.random.default_rng([seed, 4]),
            )
    return results


def replay_results(rows: Interactions, chunks: int = 100) -> Any:
    """The real ratings in the order of time: models that learn, that only listen, and that stand still."""
    beginning = rows.take(cut_in_time(rows, 0.5, chunks)[0])
    plans = {
        ("ease", "frozen"): stand_still,
        ("ease", "weights frozen, people heard"): listen,
        ("ease", "refitted"): refit,
        ("popularity", "frozen"): stand_still,
        ("popularity", "refitted"): refit,
    }
    found = {
        f"{name}, {how}": replay(rows, make_model(name).fit(beginning), learn, start=0.5, chunks=chunks)
        for (name, how), learn in plans.items()
    }
    known = np.bincount(beginning.user, minlength=rows.users) > 0
    results: dict[str, Any] = {"chunks": chunks, "rows before the first": len(beginning)}
    for name, one in found.items():
        results[name] = {"seconds a chunk": one.seconds[1:].mean()}
        for metric in ("ndcg@20", "hit_rate@20"):
            each = one.per_user(metric, rows.users)
            results[name][f"{metric} by chunk"] = one.curve(metric)
            for group, members in (("", np.ones(rows.users, bool)), (", known at the start", known)):
                measured = each[~np.isnan(each) & members]
                results[name][metric + group] = bootstrap_interval(measured, np.random.default_rng(0))
                results["people" + group] = len(measured)
    tests = {}
    for first, second in (
        ("ease, refitted", "ease, frozen"),
        ("ease, refitted", "ease, weights frozen, people heard"),
        ("popularity, refitted", "popularity, frozen"),
    ):
        leader, other = (found[name].per_user("ndcg@20", rows.users) for name in (first, second))
        measured = ~np.isnan(leader)
        tests[f"{first} - {second}"] = paired_test(leader[measured], other[measured], np.random.default_rng(0))
    adjusted = holm({name: p for name, (_, p) in tests.items()})
    results["NDCG@20, paired over people"] = {
        name: {"difference": gap, "p": p, "p (Holm)": adjusted[name]} for name, (gap, p) in tests.items()
    }
    return results


def films() -> Catalogue | None:
    """The real films, where they are."""
    try:
        return open_dataset("films")
    except MissingDataError as error:
        print(f"no replay: {error}")
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--only", default="policies,retraining,offpolicy,replay", help="parts to do anew; others are kept"
    )
    parser.add_argument("--out", type=Path, default=Path("results/feedback.json"))
    options = parser.parse_args()
    parts = options.only.split(",")
    catalogue = open_dataset("embedded")
    truth = Truth.load(catalogue.folder / "truth.npz")
    arms = fused_features(extract(catalogue), catalogue.interactions)
    tuning, people = np.split(np.arange(len(catalogue.user_ids)), [TUNING_PEOPLE])
    loop = {"seeds": options.seeds, "rounds": options.rounds}
    results = json.loads(options.out.read_text(encoding="utf-8"))["results"] if options.out.is_file() else {}
    if "policies" in parts:
        results["policies"] = policy_results(arms, truth, tuning, people, **loop)
    l2 = results["policies"]["settings"]["Greedy"]["l2"]
    if "retraining" in parts:
        results["retraining"] = retraining_results(arms, truth, tuning, people, l2, **loop)
    if "offpolicy" in parts:
        results["offpolicy"] = offpolicy_results(arms, truth, people, l2, seed=0)
    if "replay" in parts and (real := films()) is not None:
        results["replay"] = {"data": real.fingerprint, **replay_results(real.interactions)}
    told = f"MMREC_DATA=DIR python benchmarks/feedback.py --seeds {options.seeds} --rounds {options.rounds}"
    record = {"seed": 0, "seeds": options.seeds, "data_hash": catalogue.fingerprint, "command": told}
    save_record(options.out, rounded(results), **record)
    print(options.out)


if __name__ == "__main__":
    main()
