"""Policies side by side: the same users and the same random draws, several seeds, intervals and paired tests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from mmrec.errors import InputError
from mmrec.evaluation.statistics import bootstrap_interval, check_differences, holm, paired_test
from mmrec.simulation.truth import Truth
from studies.feedback.audience import Audience
from studies.feedback.loop import Trace, run_loop
from studies.feedback.policies import Policy

Maker = Callable[[Audience, int], Policy]
"""A fresh policy for an audience and a seed. Only the oracle may look into the audience."""


def seed_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of one value a seed with its 95% interval over seeds (Student's t); NaN ends with a single seed."""
    mean, runs = float(np.mean(values)), len(values)
    if runs < 2:
        return mean, float("nan"), float("nan")
    reach = float(student.ppf(0.975, runs - 1) * np.std(values, ddof=1) / np.sqrt(runs))
    return mean, mean - reach, mean + reach


@dataclass(frozen=True)
class PolicyStudy:
    """Loops of several policies.

    Attributes:
        traces: policy -> one trace a seed.
        seed: of the bootstrap and of the permutations.
    """

    traces: Mapping[str, list[Trace]]
    seed: int = 0

    def per_user(self, policy: str) -> np.ndarray:
        """(U,): regret after the last round, averaged over the seeds."""
        return np.mean([trace.regret()[-1] for trace in self.traces[policy]], axis=0)

    def curves(self, policy: str) -> dict[str, np.ndarray]:
        """Regret (mean over users), concentration and coverage after each round, each (R,), averaged over seeds."""
        traces = self.traces[policy]
        return {
            "regret": np.mean([trace.regret().mean(axis=1) for trace in traces], axis=0),
            "concentration": np.mean([trace.concentration() for trace in traces], axis=0),
            "coverage": np.mean([trace.coverage() for trace in traces], axis=0),
        }

    def metrics(self, policy: str) -> dict[str, tuple[float, float, float]]:
        """After the last round: [mean, low, high] of each metric; its name says what the interval is over."""
        traces, rng = self.traces[policy], np.random.default_rng(self.seed)
        last = {
            "regret": [trace.regret()[-1].mean() for trace in traces],
            "concentration": [trace.concentration()[-1] for trace in traces],
            "coverage": [trace.coverage()[-1] for trace in traces],
            "seconds a round": [trace.seconds.mean() for trace in traces],
        }
        over_seeds = {f"{name} (seeds)": seed_interval(np.array(values)) for name, values in last.items()}
        return {"regret (users)": bootstrap_interval(self.per_user(policy), rng), **over_seeds}

    def against(self, policy: str) -> pd.DataFrame:
        """Paired tests over users: regret of each policy minus that of one: difference, p, Holm's correction."""
        base, found = self.per_user(policy), {}
        for other in self.traces:
            if other != policy:
                found[other] = paired_test(self.per_user(other), base, np.random.default_rng(self.seed))
        adjusted = holm({other: p for other, (_, p) in found.items()})
        rows = {
            f"{other} - {policy}": {"difference": gap, "p": p, "p (Holm)": adjusted[other]}
            for other, (gap, p) in found.items()
        }
        return pd.DataFrame(rows).T


FLIPPED_ALL = 14
"""So many draws have all their sign flips tried; more would be too many."""


def compare_over_draws(found: Mapping[str, np.ndarray], base: str) -> pd.DataFrame:
    """Differences from one method, tested over independent draws (catalogues, users, answers and seeds all new).

    The test flips signs, all 2^n of them, so that no p-value can be below 2 / 2^n.

    Args:
        found: method -> (n,) one value a draw, the draws in the same order.
        base: the method to compare the others with.

    Returns:
        A row for each other method: mean ``difference`` with its 95% interval over draws (Student's t), ``below`` (in
        how many draws the difference is negative), ``draws``, ``p``, ``p (Holm)`` and ``p at floor``.

    Raises:
        InputError: fewer than two draws, or more than ``FLIPPED_ALL``; or see ``check_differences``.
    """
    draws = len(found[base])
    if not 2 <= draws <= FLIPPED_ALL:
        raise InputError(f"a test over {draws} draws: give between 2 and {FLIPPED_ALL}")
    signs = 1 - 2 * ((np.arange(2**draws)[:, None] >> np.arange(draws)) & 1)  # (2^n, n)
    rows = {}
    for name, values in found.items():
        if name != base:
            gaps = np.asarray(values) - np.asarray(found[base])  # (n,)
            check_differences(gaps)
            mean, low, high = seed_interval(gaps)
            p = float((np.abs((signs * gaps).mean(axis=1)) >= abs(mean) - 1e-12).mean())
            rows[f"{name} - {base}"] = {
                "difference": mean,
                "low": low,
                "high": high,
                "below": int((gaps < 0).sum()),
                "draws": draws,
                "p": p,
                "p at floor": p <= 2 / 2**draws,
            }
    adjusted = holm({name: float(row["p"]) for name, row in rows.items()})
    return pd.DataFrame({name: {**row, "p (Holm)": adjusted[name]} for name, row in rows.items()}).T


def compare_policies(
    makers: Mapping[str, Maker],
    truth: Truth,
    users: np.ndarray,
    *,
    seeds: int,
    seed: int = 0,
    rounds: int = 20,
    k: int = 5,
) -> PolicyStudy:
    """Run the loop of each policy once a seed; within a seed all meet the same answers.

    Args:
        makers: name -> maker of the policy.
        truth: of a simulated catalogue.
        users: (U,) who takes part.
        seeds: number of runs, with seeds ``seed``, ``seed + 1``, ...
        seed: the first one.
        rounds, k: of ``run_loop``.
    """
    traces: dict[str, list[Trace]] = {name: [] for name in makers}
    for run in range(seed, seed + seeds):
        audience = Audience(truth, users, np.random.default_rng([run, 0]))
        for name, make in makers.items():
            rng = np.random.default_rng([run, 1])
            traces[name].append(run_loop(make(audience, run), audience, rounds=rounds, k=k, rng=rng))
    return PolicyStudy(traces, seed)


def choose_settings(
    make: Callable[..., Maker], grid: list[dict[str, Any]], truth: Truth, users: np.ndarray, **loop: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The settings with the least regret, on users who take no part in the comparison.

    Args:
        make: settings as keyword arguments -> maker of the policy.
        grid: settings to try.
        truth: of a simulated catalogue.
        users: (n,) whom to try them on.
        loop: ``seeds``, ``seed``, ``rounds`` and ``k`` of ``compare_policies``.

    Returns:
        The best settings, and all that were tried with their ``regret``.
    """
    log = []
    for settings in grid:
        study = compare_policies({"tried": make(**settings)}, truth, users, **loop)
        log.append({**settings, "regret": float(study.per_user("tried").mean())})
    best = min(range(len(grid)), key=lambda at: log[at]["regret"])
    return grid[best], log
