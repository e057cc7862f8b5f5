"""Models compared over several draws of a split: of new items, of new users, or of the order within a second.

One draw says what holds for its items alone. Here each model is fitted and measured on every draw, intervals come from
resampling users and draws together, and tests count draws. With folds over items every item is new exactly once, so
that resampling folds resamples items.

References:
    Owen (2007), The pigeonhole bootstrap, Annals of Applied Statistics 1 (resampling two crossed factors).
    Fisher (1935), The design of experiments (tests by exchanging signs).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from mmrec.data.split import Split
from mmrec.errors import InputError
from mmrec.evaluation.controls import without_the_user
from mmrec.evaluation.protocol import Evaluation, evaluate
from mmrec.evaluation.statistics import format_p, holm, sign_flip_test
from mmrec.models.base import Recommender

Maker = Callable[[Split, int], Recommender]
"""Fits a model: the split of a draw and the number of the draw, which serves as seed."""


KEPT_METRICS = ("recall@20", "ndcg@20")
"""Kept of each user in a run, for intervals and tests."""


def as_run(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as JSON: the summary, who was measured, and the metrics of each user; without the rated pairs."""
    per_user = evaluation.per_user
    return {
        "test": evaluation.summary,
        "test_users": evaluation.users.tolist(),
        "test_per_user": {name: np.round(per_user.get(name, np.zeros(0)), 5).tolist() for name in KEPT_METRICS},
    }


def from_run(run: Mapping[str, Any]) -> Evaluation:
    """What ``as_run`` kept, None for NaN."""
    summary = {name: float("nan") if value is None else value for name, value in run["test"].items()}
    per_user = {name: np.array(values) for name, values in run["test_per_user"].items()}
    none = np.zeros(0)
    return Evaluation(summary, per_user, np.array(run["test_users"], np.int64), none.astype(int), none, none > 0)


@dataclass(frozen=True)
class DrawnComparison:
    """Evaluations of several models on the same draws.

    Attributes:
        runs: model -> one evaluation per draw; within a draw all models are measured on the same users.
        seed: of the bootstrap and of the sign flips.
    """

    runs: Mapping[str, list[Evaluation]]
    seed: int = 0

    def per_draw(self, model: str, metric: str) -> np.ndarray:
        """(D,) the metric of each draw: its mean over users, or AUC and log loss over its rated pairs."""
        return np.array([run.summary[metric] for run in self.runs[model]])

    def values(self, model: str, metric: str) -> np.ndarray:
        """(D, U) value of each user in each draw, NaN where the user was not measured."""
        runs = self.runs[model]
        users = max((int(run.users.max(initial=-1)) for run in runs), default=-1) + 1
        table = np.full((len(runs), users), np.nan)
        for row, run in zip(table, runs, strict=True):
            row[run.users] = run.per_user[metric]
        return table

    def mean(self, model: str, metric: str = "ndcg@20") -> float:
        """Mean over the draws."""
        return float(self.per_draw(model, metric).mean())

    def interval(
        self, model: str, metric: str = "ndcg@20", minus: str | None = None, draws: int = 2000
    ) -> tuple[float, float, float]:
        """Mean with its 95% interval when users and draws are resampled together.

        Args:
            model: whose.
            metric: of each user.
            minus: a second model, for the interval of the difference.
            draws: bootstrap samples.
        """
        table = self.values(model, metric)
        if minus is not None:
            table = table - self.values(minus, metric)
        return crossed_interval(table, np.random.default_rng(self.seed), draws)

    def against(self, base: str, others: Sequence[str], metric: str = "ndcg@20") -> pd.DataFrame:
        """Each other model minus the base: difference, interval, draws in which it is ahead, and the test over draws.

        Args:
            base: what is subtracted.
            others: models.
            metric: of the draws.

        Returns:
            A row per other model; columns ``difference``, ``low``, ``high`` (interval over users and draws), ``ahead``
            (number of draws), ``draws``, ``p`` (sign flips over draws), ``p (Holm)``, and ``at floor``: whether no
            arrangement of signs is more extreme, so that p can only be bounded from above.
        """
        rows, p_values = {}, {}
        for other in others:
            gaps = self.per_draw(other, metric) - self.per_draw(base, metric)  # (D,)
            difference, p, at_floor = sign_flip_test(gaps, np.random.default_rng(self.seed))
            known = metric in self.runs[other][0].per_user
            _, low, high = self.interval(other, metric, minus=base) if known else (0, np.nan, np.nan)
            rows[other] = {"difference": difference, "low": low, "high": high}
            rows[other] |= {"ahead": int((gaps > 0).sum()), "draws": len(gaps), "p": p, "at floor": at_floor}
            p_values[other] = p
        adjusted = holm(p_values)
        return pd.DataFrame({f"{name} - {base}": {**row, "p (Holm)": adjusted[name]} for name, row in rows.items()}).T

    def table(self, base: str, metric: str = "ndcg@20", digits: int = 3) -> pd.DataFrame:
        """For a page: mean with interval, difference from the base with interval, draws ahead and p of each model."""
        tests = self.against(base, [name for name in self.runs if name != base], metric)
        rows = {}
        for name in self.runs:
            cells = {metric.replace("ndcg", "NDCG"): _shown(self.interval(name, metric), digits)}
            if name != base:
                test = tests.loc[f"{name} - {base}"].to_dict()
                cells[f"minus {base}"] = _shown((test["difference"], test["low"], test["high"]), digits, sign="+")
                cells["draws ahead"] = f"{test['ahead']} of {test['draws']}"
                cells["p (Holm)"] = format_p(test["p (Holm)"], test["at floor"])
            rows[name] = cells
        return pd.DataFrame(rows).T.fillna("")

    def as_json(
        self, base: str, tested: Sequence[str] | None = None, metrics: Sequence[str] = ("ndcg@20", "recall@20")
    ) -> dict[str, dict[str, Any]]:
        """Model -> for each metric [mean, low, high], the values per draw, and the test against the base.

        Args:
            base: what the others are compared with.
            tested: which are compared, the family of Holm's correction; all by default. With ten draws the least p is
                2 / 1,024, so that nothing can be significant in a family of more than 25.
            metrics: of each user.
        """
        tested = [name for name in tested or self.runs if name != base]
        tests = self.against(base, tested)
        found: dict[str, dict[str, Any]] = {}
        for name in self.runs:
            found[name] = {metric: _rounded(self.interval(name, metric)) for metric in metrics}
            found[name]["per draw"] = _rounded(self.per_draw(name, "ndcg@20"))
            found[name]["auc per draw"] = _rounded(self.per_draw(name, "auc"))
            if name in tested:
                found[name]["against the base"] = test_as_json(tests.loc[f"{name} - {base}"].to_dict())
        return found


def recorded_table(found: Mapping[str, Any], rows: Sequence[str] = (), digits: int = 3) -> pd.DataFrame:
    """``DrawnComparison.table`` of a record that ``as_json`` made.

    Args:
        found: with ``base`` and ``models``.
        rows: models to show; all by default.
        digits: after the point.
    """
    base, table = found["base"], {}
    for name in rows or found["models"]:
        kept = found["models"][name]
        cells = {"NDCG@20": _shown(kept["ndcg@20"], digits)}
        if test := kept.get("against the base"):
            cells[f"minus {base}"] = _shown((test["difference"], test["low"], test["high"]), digits, sign="+")
            cells["draws ahead"] = f"{test['ahead']:.0f} of {test['draws']:.0f}"
            cells["p (Holm)"] = format_p(test["p (Holm)"], test["at floor"])
        table[name] = cells
    return pd.DataFrame(table).T.fillna("")


def test_as_json(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of ``DrawnComparison.against`` for a record."""
    return {key: bool(value) if key == "at floor" else _rounded([value])[0] for key, value in row.items()}


def recorded_tests(tests: Mapping[str, Mapping[str, Any]], digits: int = 3) -> pd.DataFrame:
    """Differences between pairs of rows of a record, for a page: with interval, draws ahead and p.

    Args:
        tests: pair "first - second" -> what ``test_as_json`` made.
        digits: after the point.
    """
    table = {}
    for pair, test in tests.items():
        first, second = pair.split(" - ")
        named = second.removeprefix(f"{first}, ") if second.startswith(f"{first}, ") else second
        table[first, named] = {
            "difference in NDCG@20": _shown((test["difference"], test["low"], test["high"]), digits, sign="+"),
            "draws ahead": f"{test['ahead']:.0f} of {test['draws']:.0f}",
            "p (Holm)": format_p(test["p (Holm)"], test["at floor"]),
        }
    shown = pd.DataFrame(table).T
    shown.index.names = ["model", "minus"]
    return shown


def sentence(pair: str, test: Mapping[str, Any], alpha: float = 0.05) -> str:
    """A difference over draws in words: what it is, how sure, and whether it may be claimed."""
    first, second = pair.split(" - ")
    p = f"p {format_p(test['p (Holm)'], bool(test['at floor']), relation=True)}"
    told = f"{test['difference']:+.3f} NDCG@20, ahead in {test['ahead']:.0f} of {test['draws']:.0f} draws, {p}"
    if test["p (Holm)"] >= alpha:
        return f"{first} and {second} do not differ significantly ({told})."
    return f"{first} is {'better' if test['difference'] > 0 else 'worse'} than {second} ({told})."


def compare_draws(
    makers: Mapping[str, Maker],
    splits: Iterable[Split],
    case: str,
    *,
    seed: int = 0,
    mask: str = "all",
    personal: Sequence[str] = (),
) -> DrawnComparison:
    """Fit and measure each model once on every draw.

    Args:
        makers: name -> function of a split and a seed that gives a model fitted on its training rows.
        splits: the draws: ``item_folds``, ``user_folds``, or ``by_time`` with several seeds.
        case: ``"warm"``, ``"cold-item"`` or ``"cold-user"``.
        seed: of the first draw; draw d has ``seed + d``. Also that of the bootstrap and of the sign flips.
        mask: see ``evaluate``.
        personal: models that are measured again without the user, as "NAME, users exchanged" and "NAME, mean score"
            (see ``mmrec.evaluation.controls``).
    """
    runs: dict[str, list[Evaluation]] = {}
    for draw, split in enumerate(splits):
        for name, make in makers.items():
            model = make(split, seed + draw)
            runs.setdefault(name, []).append(evaluate(model, split, case, mask=mask))
            if name in personal:
                for control, reached in without_the_user(model, split, case, seed + draw, mask).items():
                    runs.setdefault(f"{name}, {control}", []).append(reached)
    return DrawnComparison(runs, seed)


def crossed_interval(
    table: np.ndarray, rng: np.random.Generator, draws: int = 2000, level: float = 0.95
) -> tuple[float, float, float]:
    """Mean of the means of the rows, with its percentile interval when rows and columns are resampled together.

    Columns with a value in one row at most are nested in the rows, as new users are in the folds in which they are new.
    They are not resampled besides: resampling the rows resamples them. Few rows vary less in a resample than in the
    world, by (D - 1) / D, and the normal quantile is too small for them; both are made up for by stretching the row
    weights about their mean 1.

    Args:
        table: (D, U) values; NaN where there is none. Every row needs one.
        rng: source of the samples.
        draws: bootstrap samples B.
        level: coverage.
    """
    filled, there = np.nan_to_num(table), ~np.isnan(table)
    if not there.any(axis=1).all():
        raise InputError("a draw has no user that can be measured: take fewer draws, or more users")
    rows, columns = table.shape
    tail = (1 - level) / 2
    if there.sum(axis=0).max() > 1 or rows == 1:
        users = rng.multinomial(columns, np.full(columns, 1 / columns), size=draws).astype(float)  # (B, U)
    else:
        users = np.ones((draws, columns))
    weight = rng.multinomial(rows, np.full(rows, 1 / rows), size=draws).astype(float)  # (B, D)
    if rows > 1:
        stretch = np.sqrt(rows / (rows - 1)) * t.ppf(1 - tail, rows - 1) / norm.ppf(1 - tail)
        weight = 1 + stretch * (weight - 1)
    means = (users @ filled.T) / np.maximum(users @ there.T, 1e-12)  # (B, D)
    found = (weight * means).sum(axis=1) / rows  # (B,)
    low, high = np.quantile(found, [tail, 1 - tail])
    return float((filled.sum(axis=1) / there.sum(axis=1)).mean()), float(low), float(high)


def _shown(value: tuple[float, float, float], digits: int, sign: str = "") -> str:
    mean, low, high = (f"{part:{sign}.{digits}f}" for part in value)
    return mean if np.isnan(value[1]) else f"{mean} [{low}, {high}]"


def _rounded(values: Iterable[float]) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 5) for value in values]
