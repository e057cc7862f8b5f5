"""The control with shuffled features: does a model use what the features say, or only that items have features?

Every item gets another item's features. A model that gains nothing over its own copy trained on them has learned
nothing from the content. The copy may overfit to the shuffled features and fall below popularity. So popularity is a
second control: content helps where the model beats both.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import norm

from mmrec.data.catalogue import Interactions
from mmrec.evaluation.comparison import Comparison
from mmrec.evaluation.statistics import holm, weighted_auc
from mmrec.features.table import Features
from mmrec.models.base import Recommender
from mmrec.models.fitting import fitter

METRICS = ("ndcg@20", "auc")
_ROWS_AT_ONCE = 2 * 10**6  # weights of rows in memory


def shuffled_fitter(
    name: str, train: Interactions, features: Features, **settings: Any
) -> Callable[[int], Recommender]:
    """A function of a seed that fits a model to shuffled features: each seed shuffles in its own way.

    Args:
        name: of the model.
        train: rows to learn from.
        features: item features before shuffling.
        settings: over the defaults.
    """

    def fit(seed: int) -> Recommender:
        return fitter(name, train, features.shuffled(np.random.default_rng(seed)), **settings)(seed)

    return fit


def auc_gaps(
    compared: Comparison, model: str, others: tuple[str, ...], draws: int = 1000
) -> dict[str, dict[str, float]]:
    """AUC of one model minus that of others, mean over the runs, with paired 95% bootstrap intervals over users.

    A drawn user brings all rated pairs along, the same for every model. p is that of a normal difference with the
    deviation of the draws: it has no floor, and far in the tail it is approximate.

    Args:
        compared: evaluations of the models.
        model: the model to compare.
        others: the models to compare it with.
        draws: bootstrap samples.

    Returns:
        ``"MODEL - OTHER"`` -> {"difference", "low", "high", "p"}.
    """
    first = compared.runs[model][0]
    _, owner = np.unique(first.rated_users, return_inverse=True)  # (N,)
    users, rng = owner.max() + 1, np.random.default_rng(compared.seed)
    times = rng.multinomial(users, np.full(users, 1 / users), size=draws)  # (draws, users)
    times = np.concatenate([np.ones((1, users), times.dtype), times])  # the first row: every user once
    block = max(1, _ROWS_AT_ONCE // len(owner))

    def drawn(name: str) -> np.ndarray:
        """(1 + draws,) AUC, mean over the runs; the first one of all users."""
        parts = []
        for at in range(0, len(times), block):
            weight = times[at : at + block][:, owner].astype(float)  # (block, N)
            runs = [weighted_auc(run.rated_scores, run.rated_likes, weight) for run in compared.runs[name]]
            parts.append(np.mean(runs, axis=0))
        return np.concatenate(parts)

    mine, gaps = drawn(model), {}
    for other in others:
        seen, *gap = mine - drawn(other)
        low, high = np.quantile(gap, [0.025, 0.975])
        p = 1.0 if seen == 0 else float(2 * norm.sf(abs(seen) / max(np.std(gap), 1e-12)))
        gaps[f"{model} - {other}"] = {"difference": float(seen), "low": float(low), "high": float(high), "p": p}
    return gaps


def controlled(compared: Comparison, model: str, others: tuple[str, ...]) -> dict[str, Any]:
    """One model against its controls by NDCG@20 and AUC, as a JSON value that a record can hold.

    Args:
        compared: evaluations of the models.
        model: the model to compare.
        others: its controls.

    Returns:
        ``"runs"``: number of trainings; ``"rows"``: model -> metric -> [mean, low, high] over users; ``"tests"``: rows
        {"pair", "metric", "difference", "p", "p (Holm)", "runs above", "runs significant"}, corrected over all pairs
        and both metrics. "runs significant" counts the trainings that are above by a test of their own, p < .05
        without correction: a mean over trainings can be significant where a single training is not. "runs above" counts
        the trainings in which the model is above the control's run of the same seed.
    """
    tested = _tested(compared, model, others)
    alone = [
        Comparison({name: [runs[at]] for name, runs in compared.runs.items()}, compared.seed)
        for at in range(len(compared.runs[model]))
    ]
    by_run = [_tested(one, model, others, draws=300) for one in alone]
    tests: list[dict[str, Any]] = []
    for metric, found in tested.items():
        for other in others:
            pair = f"{model} - {other}"
            both = zip(compared.runs[model], compared.runs[other], strict=True)
            above = sum(one.summary[metric] > two.summary[metric] for one, two in both)
            single = [one[metric][pair] for one in by_run]
            sure = sum(one["p"] < 0.05 and one["difference"] > 0 for one in single)
            row = {"pair": pair, "metric": metric, "difference": float(found[pair]["difference"])}
            tests.append({**row, "p": float(found[pair]["p"]), "runs above": int(above), "runs significant": int(sure)})
    adjusted = holm({str(place): test["p"] for place, test in enumerate(tests)})
    for place, test in enumerate(tests):
        test["p (Holm)"] = adjusted[str(place)]
    kept = Comparison({name: compared.runs[name] for name in (model, *others)}, compared.seed)
    return {"runs": len(compared.runs[model]), "rows": kept.as_json(METRICS), "tests": tests}


def _tested(
    compared: Comparison, model: str, others: tuple[str, ...], draws: int = 1000
) -> dict[str, dict[str, dict[str, float]]]:
    """Metric -> pair -> difference and p, uncorrected."""
    by_list = compared.against(model, others)
    listed = {str(pair): {str(key): float(value) for key, value in row.items()} for pair, row in by_list.iterrows()}
    return dict(zip(METRICS, (listed, auc_gaps(compared, model, others, draws)), strict=True))
