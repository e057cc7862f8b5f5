"""Several models on the same users: means over seeds, intervals over users, and paired tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmrec.data.split import Split
from mmrec.errors import InputError
from mmrec.evaluation.protocol import Evaluation, evaluate
from mmrec.evaluation.statistics import (
    at_floor,
    auc_of_runs,
    bootstrap_interval,
    format_p,
    holm,
    paired_test,
)
from mmrec.models.base import Recommender

Interval = tuple[float, float, float]


@dataclass(frozen=True)
class Comparison:
    """Evaluations of several models, each with several seeds, on one case.

    Attributes:
        runs: model -> one evaluation a seed.
        seed: of the bootstrap and of the permutations.
    """

    runs: Mapping[str, list[Evaluation]]
    seed: int = 0

    def mean(self, model: str, metric: str) -> float:
        """Mean of a summary figure over the seeds."""
        return float(np.mean([run.summary[metric] for run in self.runs[model]]))

    def users(self, model: str) -> np.ndarray:
        """(n,) indices of the users whom some run measured, ascending."""
        return np.unique(np.concatenate([run.users for run in self.runs[model]]))

    def per_user(self, model: str, metric: str) -> np.ndarray:
        """(n,) each user's value, averaged over the runs that measured the user; in the order of ``users``."""
        runs, users = self.runs[model], self.users(model)
        table = np.full((len(runs), len(users)), np.nan)
        for row, run in zip(table, runs, strict=True):
            row[np.searchsorted(users, run.users)] = run.per_user[metric]
        return np.nanmean(table, axis=0)

    def interval(self, model: str, metric: str) -> Interval:
        """Mean with its 95% bootstrap interval over users; without one for what belongs to no user (coverage)."""
        runs, rng = self.runs[model], np.random.default_rng(self.seed)
        if metric == "auc":
            return auc_of_runs([(run.rated_users, run.rated_scores, run.rated_likes) for run in runs], rng)
        if metric not in runs[0].per_user:
            mean = self.mean(model, metric)
            return mean, float("nan"), float("nan")
        return bootstrap_interval(self.per_user(model, metric), rng)

    def table(self, metrics: tuple[str, ...] = ("auc", "recall@20", "ndcg@20"), digits: int = 3) -> pd.DataFrame:
        """A row a model; ``mean [low, high]`` where there is an interval."""

        def cell(value: Interval) -> str:
            mean, low, high = (f"{part:.{digits}f}" for part in value)
            return mean if np.isnan(value[1]) else f"{mean} [{low}, {high}]"

        rows = {model: {metric: cell(self.interval(model, metric)) for metric in metrics} for model in self.runs}
        return pd.DataFrame(rows).T

    def against(self, model: str, others: tuple[str, ...], metric: str = "ndcg@20") -> pd.DataFrame:
        """Paired tests of one model against others over users.

        Returns:
            A row per other model: mean ``difference``, ``p``, ``p (Holm)`` and ``at floor``: whether p is the least
            that the number of permutations allows, and so an upper bound.

        Raises:
            InputError: the models were measured on different users.
        """
        first = self.per_user(model, metric)
        results = {}
        for other in others:
            second = self.per_user(other, metric)
            if not np.array_equal(self.users(model), self.users(other)):
                raise InputError(f"{model} and {other} were measured on different users")
            results[other] = paired_test(first, second, np.random.default_rng(self.seed))
        adjusted = holm({other: p for other, (_, p) in results.items()})
        rows = {
            f"{model} - {other}": {
                "difference": gap,
                "p": p,
                "p (Holm)": adjusted[other],
                "at floor": at_floor(p),
            }
            for other, (gap, p) in results.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def tests(self, model: str, others: tuple[str, ...], metric: str = "ndcg@20", digits: int = 3) -> pd.DataFrame:
        """``against`` for a page: the difference, and Holm's p with "<=" where it is at the permutations' floor."""
        return shown_tests(self.against(model, others, metric), digits)

    def as_json(self, metrics: tuple[str, ...] = ("auc", "recall@20", "ndcg@20")) -> dict[str, dict[str, list[float]]]:
        """Model -> metric -> [mean, low, high], rounded to six digits; NaN becomes None."""

        def tidy(value: float) -> float | None:
            return None if np.isnan(value) else round(value, 6)

        return {
            model: {metric: [tidy(part) for part in self.interval(model, metric)] for metric in metrics}  # type: ignore[misc]
            for model in self.runs
        }


def shown_tests(tests: pd.DataFrame, digits: int = 3) -> pd.DataFrame:
    """The rows of ``Comparison.against`` for a page, as text: difference and Holm-corrected p."""
    return pd.DataFrame(
        {
            name: {
                "difference": f"{row['difference']:+.{digits}f}",
                "p (Holm)": format_p(row["p (Holm)"], bool(row.get("at floor", False))),
            }
            for name, row in tests.iterrows()
        }
    ).T


def compare(
    makers: Mapping[str, Callable[[int], Recommender]], split: Split, case: str = "warm", *, seeds: int, seed: int = 0
) -> Comparison:
    """Fit and measure each model once a seed.

    Args:
        makers: name -> function of a seed that gives a fitted model.
        split: what to measure on.
        case: ``"warm"``, ``"cold-item"`` or ``"cold-user"``.
        seeds: number of runs, with seeds ``seed``, ``seed + 1``, ...
        seed: the first one; also that of the bootstrap and the permutations.
    """
    runs = {name: [evaluate(make(seed + at), split, case) for at in range(seeds)] for name, make in makers.items()}
    return Comparison(runs, seed)


def compare_orders(
    makers: Mapping[str, Callable[[Split, int], Recommender]], splits: Sequence[Split], *, seed: int = 0
) -> Comparison:
    """Fit and measure each model once per split on the warm case: splits that differ in the order of ties in time.

    Args:
        makers: name -> function of a split and a seed that gives a model fitted on its training rows.
        splits: ``by_time`` with several seeds; number n goes with seed ``seed + n``.
        seed: the first one; also that of the bootstrap and the permutations.
    """
    runs = {
        name: [evaluate(make(split, seed + at), split) for at, split in enumerate(splits)]
        for name, make in makers.items()
    }
    return Comparison(runs, seed)


def share_of_oracle(auc: float, oracle_auc: float) -> float:
    """(AUC - 0.5) / (oracle's AUC - 0.5)."""
    return (auc - 0.5) / (oracle_auc - 0.5)
