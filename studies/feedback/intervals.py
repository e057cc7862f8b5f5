"""How often the intervals of off-policy estimates hold the truth, over many logs of simulated users."""

from typing import Any

import numpy as np
from scipy.stats import binomtest

from mmrec.errors import InputError
from studies.feedback.audience import Audience
from studies.feedback.belief import LinearBelief
from studies.feedback.loop import run_loop
from studies.feedback.offpolicy import ESTIMATORS, draw_logs, effective_size, exact_moments, softmax_policy
from studies.feedback.policies import Chance, Popular


def earlier_policies(
    audience: Audience, belief: LinearBelief, rng: np.random.Generator, rounds: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """A logging policy and a prediction of answers, both learned from earlier rounds of items shown at random.

    The logging policy prefers popular items: softmax of their share of likes (temperature 0.2), three tenths of it
    spread evenly, so that every item can be shown.

    Args:
        audience: answers in the earlier rounds.
        belief: fresh; it learns from them.
        rng: draws the items shown in those rounds.
        rounds: how many, of five items.

    Returns:
        (U, I) chances of showing each item, and (U, I) predicted answers in [0, 1].
    """
    trace = run_loop(Chance(), audience, rounds=rounds, k=5, rng=rng)
    popular = Popular(audience.items)
    for items, likes in zip(trace.items, trace.likes, strict=True):
        belief.learn(items, likes)
        popular.learn(items, likes)
    share = np.tile(popular.liked / popular.shown, (audience.users, 1))  # (U, I)
    return softmax_policy(share, 0.2, floor=0.3), np.clip(belief.expected(), 0, 1)


def measured_coverage(
    logging: np.ndarray,
    target: np.ndarray,
    chance: np.ndarray,
    predicted: np.ndarray,
    *,
    showings: int,
    logs: int,
    rng: np.random.Generator,
    level: float = 0.95,
) -> dict[str, Any]:
    """Draw many logs, and count the intervals that hold the true value of the target policy.

    Args:
        logging, target: (U, I), chances of showing each item.
        chance: (U, I), of a like; the true value is its mean under ``target`` over all users.
        predicted: (U, I), for the direct method and for doubly robust; not learned from these logs.
        showings: length of a log.
        logs: how many.
        rng: source of the draws.
        level: what the intervals promise.

    Returns:
        ``truth``, ``largest weight`` and mean ``effective size``. For each estimator: ``exact bias`` (summed over
        all users, items and answers; NaN for SNIPS, which has no such sum). Then ``bias`` over the drawn logs with its
        ``standard error``, ``deviation`` (of the estimate over the logs), mean ``width``, ``coverage`` with its own
        95% interval (Wilson, 1927) as [share, low, high], and ``undefined``, the number of logs without an estimate.
        Those are left out of bias and deviation; their interval, [0, 1], counts.

    Raises:
        InputError: fewer than two logs, or an empty log.
    """
    if logs < 2:
        raise InputError("coverage and deviation need two logs or more")
    truth = float((target * chance).sum(axis=1).mean())
    log = draw_logs(logging, target, chance, predicted, (logs, showings), rng)
    exact, rows = exact_moments(logging, target, chance, predicted), {}
    for name, estimator in ESTIMATORS.items():
        found = estimator(log, level)
        held = int(((found.low <= truth) & (truth <= found.high)).sum())
        own = binomtest(held, logs).proportion_ci(method="wilson")
        values = found.value[~np.isnan(found.value)]
        spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        rows[name] = {
            "exact bias": exact[name][0] - truth if name in exact else float("nan"),
            "bias": float(values.mean() - truth) if len(values) else float("nan"),
            "standard error": spread / np.sqrt(max(len(values), 1)),
            "deviation": spread,
            "undefined": logs - len(values),
            "width": float((found.high - found.low).mean()),
            "coverage": [held / logs, float(own.low), float(own.high)],
        }
    return {
        "truth": truth,
        "largest weight": float((target[target > 0] / logging[target > 0]).max()),
        "effective size": float(effective_size(log).mean()),
        "estimators": rows,
    }
