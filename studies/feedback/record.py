"""The feedback loop, measured: ``results/feedback.json``.

Run ``MMREC_DATA=DIR python -m studies.feedback.record [--seeds 5] [--rounds 20] [--draws 10]
[--only policies,retraining,...]``. On the embedded catalogue: policies of exploration, ways to retrain, and how often
off-policy intervals hold the truth. On freshly simulated catalogues: whether the same holds there, tested over draws.
On the real films, where ``MMREC_DATA`` has them: replay in the order of time, averaged over orders of ratings with the
same time. The first 300 users of the embedded catalogue serve to choose settings; results are those of the other 700.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.data.reader import read_catalogue
from mmrec.datasets import EMBEDDED, open_dataset
from mmrec.errors import MissingDataError
from mmrec.evaluation.record import check_committed, load_record, save_record
from mmrec.evaluation.statistics import bootstrap_interval, holm, paired_test
from mmrec.features.extraction import extract
from mmrec.models import make_model
from mmrec.simulation.simulator import simulate
from mmrec.simulation.truth import Truth
from studies.feedback import policies
from studies.feedback.audience import Audience
from studies.feedback.belief import LinearBelief
from studies.feedback.fused import fused_features
from studies.feedback.intervals import earlier_policies, measured_coverage
from studies.feedback.offpolicy import softmax_policy
from studies.feedback.replay import cut_in_time, listen, refit, replay, stand_still
from studies.feedback.retraining import WAYS, AllAnswers, NeuralPolicy
from studies.feedback.study import PolicyStudy, choose_settings, compare_over_draws, compare_policies

TUNING_USERS = 300
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
FIRST_DRAW = 1000
DRAW_LOGS = 500
PARTS = ("policies", "retraining", "offpolicy", "draws", "replay")
KEPT = "parts of an earlier commit"
"""Key of the record: the commit that it names did not make these."""
ORDERS = 5
"""Orders of ratings with the same time that the replay is averaged over."""


def linear(arms: np.ndarray, kind: str, l2: float, **exploration: float) -> Any:
    """Maker of a linear policy."""
    make = getattr(policies, kind)
    return lambda audience, seed: make(LinearBelief(arms, audience.n_users, l2), **exploration)


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
    """Curves, metrics with intervals and paired tests."""
    return {
        "curves": {name: study.curves(name) for name in study.traces},
        "metrics": {name: study.metrics(name) for name in study.traces},
        f"regret against {base}, paired over users": study.against(base).to_dict("index"),
    }


def policy_results(arms: np.ndarray, truth: Truth, tuning: np.ndarray, users: np.ndarray, **loop: int) -> Any:
    """Policies with settings chosen on the tuning users."""
    makers: dict[str, Any] = {
        "oracle": lambda audience, seed: policies.Oracle(audience),
        "random": lambda audience, seed: policies.Random(),
        "popular": lambda audience, seed: policies.Popular(audience.n_items),
    }
    chosen, logs = {}, {}
    for kind in GRIDS:
        tried = {"seeds": 2, "seed": TUNING_SEED, "rounds": loop["rounds"]}
        chosen[kind], logs[kind] = choose_settings(partial(linear, arms, kind), grid_of(kind), truth, tuning, **tried)
        makers[kind] = linear(arms, kind, **chosen[kind])
        print(kind, chosen[kind], flush=True)
    study = compare_policies(makers, truth, users, **loop)
    best = study.traces["oracle"][0].best.sum(axis=0).mean()
    return {"settings": chosen, "search": logs, "oracle's likes per user": best, **summary(study, "Greedy")}


def retraining_results(
    arms: np.ndarray, truth: Truth, tuning: np.ndarray, users: np.ndarray, l2: float, **loop: int
) -> Any:
    """The scorer trained in three ways, and the linear belief in two."""

    makers: dict[str, Any] = {}
    chosen, logs = {}, {}
    tried = {"seeds": 2, "seed": TUNING_SEED, "rounds": loop["rounds"]}
    for way in WAYS:
        passes = {"from scratch": (4, 8, 16), "warm": (1, 2, 4), "new": (2, 4, 8, 16)}[way]
        grid = [{"epochs": epochs} for epochs in passes]
        chosen[way], logs[way] = choose_settings(
            lambda way=way, **tries: partial(neural, arms, way, tries), grid, truth, tuning, **tried
        )
        makers[f"scorer, {way}"] = partial(neural, arms, way, chosen[way])
        print(way, chosen[way], flush=True)
    makers["linear, from scratch"] = lambda audience, seed: AllAnswers(LinearBelief(arms, audience.n_users, l2))
    makers["linear, new"] = linear(arms, "Greedy", l2)
    study = compare_policies(makers, truth, users, **loop)
    lasts = {name: np.mean([trace.seconds[-1] for trace in traces]) for name, traces in study.traces.items()}
    return {"settings": chosen, "search": logs, "seconds of the last round": lasts, **summary(study, "scorer, warm")}


def offpolicy_results(
    arms: np.ndarray,
    truth: Truth,
    users: np.ndarray,
    l2: float,
    seed: int,
    logs: int = LOGS,
    showings: tuple[int, ...] = SHOWINGS,
) -> Any:
    """Coverage of intervals for policies ever further from the one that logged; each case has its own draws."""
    audience = Audience(truth, users, np.random.default_rng([seed, 2]))
    belief = LinearBelief(arms, audience.n_users, l2)
    logging, predicted = earlier_policies(audience, belief, np.random.default_rng([seed, 3]))
    results: dict[str, Any] = {
        "logs": logs,
        "logging policy's value": (logging * audience.probability).sum(axis=1).mean(),
    }
    for name, temperature in TEMPERATURES.items():
        target = softmax_policy(predicted, temperature)
        for length in showings:
            results[f"{name}, {length} showings"] = measured_coverage(
                logging,
                target,
                audience.probability,
                predicted,
                showings=length,
                logs=logs,
                rng=np.random.default_rng([seed, 4, round(100 * temperature), length]),
            )
    return results


def over_orders(values: list[np.ndarray]) -> np.ndarray:
    """Mean over the orders in which an entry could be measured; NaN where it could be in none."""
    table = np.array(values)  # (orders, n)
    count = (~np.isnan(table)).sum(axis=0)
    return np.where(count > 0, np.nansum(table, axis=0) / np.maximum(count, 1), np.nan)


def replay_results(rows: Interactions, chunks: int = 100) -> Any:
    """The real ratings in the order of time: models that learn, that only listen, and that stand still."""
    beginnings = [rows.take(cut_in_time(rows, 0.5, chunks, seed)[0]) for seed in range(ORDERS)]
    plans = {
        ("ease", "frozen"): stand_still,
        ("ease", "weights frozen, profiles updated"): listen,
        ("ease", "refitted"): refit,
        ("popularity", "frozen"): stand_still,
        ("popularity", "refitted"): refit,
    }
    found = {
        f"{name}, {how}": [
            replay(rows, make_model(name).fit(beginning), learn, start=0.5, chunks=chunks, seed=seed)
            for seed, beginning in enumerate(beginnings)
        ]
        for (name, how), learn in plans.items()
    }
    known = np.all([np.bincount(one.user, minlength=rows.n_users) > 0 for one in beginnings], axis=0)
    results: dict[str, Any] = {"chunks": chunks, "rows before the first": len(beginnings[0]), "orders": ORDERS}
    for name, runs in found.items():
        results[name] = {"seconds a chunk": np.mean([one.seconds[1:].mean() for one in runs])}
        for metric in ("ndcg@20", "hit_rate@20"):
            each = over_orders([one.per_user(metric, rows.n_users) for one in runs])
            results[name][f"{metric} by chunk"] = over_orders([one.curve(metric) for one in runs])
            results[name][f"{metric} by order"] = [np.nanmean(one.per_user(metric, rows.n_users)) for one in runs]
            for group, members in (("", np.ones(rows.n_users, bool)), (", known at the start", known)):
                measured = each[~np.isnan(each) & members]
                results[name][metric + group] = bootstrap_interval(measured, np.random.default_rng(0))
                results["users" + group] = len(measured)
    tests = {}
    for first, second in (
        ("ease, refitted", "ease, frozen"),
        ("ease, refitted", "ease, weights frozen, profiles updated"),
        ("popularity, refitted", "popularity, frozen"),
    ):
        leader, other = (
            over_orders([one.per_user("ndcg@20", rows.n_users) for one in found[name]]) for name in (first, second)
        )
        measured = ~np.isnan(leader)
        tests[f"{first} - {second}"] = paired_test(leader[measured], other[measured], np.random.default_rng(0))
    adjusted = holm({name: p for name, (_, p) in tests.items()})
    results["NDCG@20, paired over users"] = {
        name: {"difference": gap, "p": p, "p (Holm)": adjusted[name]} for name, (gap, p) in tests.items()
    }
    return results


def draw_results(settings: dict[str, Any], ways: dict[str, Any], draws: int, rounds: int) -> Any:
    """Policies, ways to retrain and off-policy intervals on fresh catalogues: new items, media, users and answers.

    Settings are those chosen on the tuning users of the embedded catalogue. No user measured here was used for that.
    """
    regret: dict[str, list[float]] = {}
    held: dict[str, list[list[float]]] = {}
    for seed in range(FIRST_DRAW, FIRST_DRAW + draws):
        with tempfile.TemporaryDirectory() as place:
            draw: dict[str, Any] = {**EMBEDDED, "seed": seed}
            simulate(Path(place) / "draw", **draw)
            catalogue = read_catalogue(Path(place) / "draw")
            truth = Truth.load(catalogue.folder / "truth.npz")
            arms = fused_features(extract(catalogue), catalogue.interactions)
        makers: dict[str, Any] = {
            "popular": lambda audience, seed: policies.Popular(audience.n_items),
            "random": lambda audience, seed: policies.Random(),
        }
        for kind, chosen in settings.items():
            makers[kind] = linear(arms, kind, **chosen)
        for way, chosen in ways.items():
            makers[f"scorer, {way}"] = partial(neural, arms, way, chosen)
        users = np.arange(len(catalogue.user_ids))[TUNING_USERS:]
        study = compare_policies(makers, truth, users, seeds=1, seed=seed, rounds=rounds)
        for name in makers:
            regret.setdefault(name, []).append(float(study.per_user(name).mean()))
        found = offpolicy_results(arms, truth, users, settings["Greedy"]["l2"], seed, logs=DRAW_LOGS, showings=(500,))
        for case, row in found.items():
            if isinstance(row, dict):
                for name, one in row["estimators"].items():
                    held.setdefault(f"{case}: {name}", []).append([one["coverage"][0], one["bias"], one["exact bias"]])
        print("draw", seed, {name: round(values[-1], 2) for name, values in regret.items()}, flush=True)
    kinds = {name: np.array(values) for name, values in regret.items()}
    network = {name: values for name, values in kinds.items() if name.startswith("scorer")} | {
        "Greedy": kinds["Greedy"]
    }
    plain = {name: values for name, values in kinds.items() if not name.startswith("scorer")}
    return {
        "seeds": list(range(FIRST_DRAW, FIRST_DRAW + draws)),
        "regret": regret,
        "regret against Greedy, over draws": compare_over_draws(plain, "Greedy").to_dict("index"),
        "regret against scorer, warm, over draws": compare_over_draws(network, "scorer, warm").to_dict("index"),
        "off-policy logs a draw": DRAW_LOGS,
        "off-policy coverage, bias and exact bias by draw": held,
    }


def neural(arms: np.ndarray, way: str, chosen: dict[str, Any], audience: Audience, seed: int) -> NeuralPolicy:
    """A scorer trained in one way."""
    return NeuralPolicy(arms, audience.n_users, way, seed=seed, **chosen)


def kept_parts(earlier: dict[str, Any], renewed: list[str]) -> dict[str, str]:
    """Part that stays as an earlier record has it -> the commit that made it."""
    results = earlier.get("results", {})
    before = results.get(KEPT, {})
    return {part: before.get(part, earlier["commit"]) for part in PARTS if part in results and part not in renewed}


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
    parser.add_argument("--draws", type=int, default=10, help="fresh catalogues, between 2 and 14")
    parser.add_argument(
        "--only", default=",".join(PARTS), help="parts to do again; others are kept, under the commit that made them"
    )
    parser.add_argument("--out", type=Path, default=Path("results/feedback.json"))
    options = parser.parse_args()
    check_committed()
    parts = options.only.split(",")
    catalogue = open_dataset("embedded")
    truth = Truth.load(catalogue.folder / "truth.npz")
    arms = fused_features(extract(catalogue), catalogue.interactions)
    tuning, users = np.split(np.arange(len(catalogue.user_ids)), [TUNING_USERS])
    loop = {"seeds": options.seeds, "rounds": options.rounds}
    earlier = load_record(options.out.stem, options.out.parent) if options.out.is_file() else {}
    results = earlier.get("results", {})
    kept = kept_parts(earlier, parts)
    if "policies" in parts:
        results["policies"] = policy_results(arms, truth, tuning, users, **loop)
    l2 = results["policies"]["settings"]["Greedy"]["l2"]
    if "retraining" in parts:
        results["retraining"] = retraining_results(arms, truth, tuning, users, l2, **loop)
    if "offpolicy" in parts:
        results["offpolicy"] = offpolicy_results(arms, truth, users, l2, seed=0)
    if "draws" in parts:
        ways = results["retraining"]["settings"]
        chosen = results["policies"]["settings"]
        results["draws"] = draw_results(chosen, ways, options.draws, options.rounds)
    if "replay" in parts and (real := films()) is not None:
        results["replay"] = {"data": real.fingerprint, **replay_results(real.interactions)}
    told = f"MMREC_DATA=DIR python -m studies.feedback.record --seeds {options.seeds}"
    told += f" --rounds {options.rounds} --draws {options.draws}"
    results.pop(KEPT, None)
    if kept:
        told += f" --only {options.only}"
        results[KEPT] = kept
    record = {"seed": 0, "seeds": options.seeds, "data_hash": catalogue.fingerprint, "command": told}
    save_record(options.out, rounded(results), **record)
    print(options.out)


if __name__ == "__main__":
    main()
