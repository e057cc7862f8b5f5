"""The data card: what a simulated catalogue holds, and how well any model could do on it."""

from pathlib import Path
from typing import Any

import numpy as np

from mmrec import __version__
from mmrec.data.catalogue import MODALITIES, Interactions
from mmrec.data.split import by_time
from mmrec.evaluation.protocol import evaluate
from mmrec.simulation.factors import Scenario
from mmrec.simulation.oracle import Oracle

REPORTED = ("auc", "recall@20", "ndcg@20")
VIEWS: dict[str, tuple[str, ...] | None] = {
    "everything": None,
    "all content": MODALITIES,
    **{name: (name,) for name in MODALITIES},
}


def data_card(
    folder: Path, scenario: Scenario, interactions: Interactions, seed: int, shares: dict[str, Any]
) -> dict[str, Any]:
    """The card as a JSON value.

    Args:
        folder: the catalogue, with its ``truth.npz``.
        scenario: what it was made from.
        interactions: its ratings.
        seed: of the simulation.
        shares: further shares to record (languages, absent modalities).
    """
    warm = by_time(interactions)
    cold = by_time(interactions, cold_items=0.1, cold_users=0.1, seed=seed)
    oracle = {f"warm, {view}": _reach(folder, warm, "warm", seen) for view, seen in VIEWS.items()}
    for case in ("cold-item", "cold-user"):
        oracle[f"{case}, everything"] = _reach(folder, cold, case, None)
    oracle["cold-item, all content"] = _reach(folder, cold, "cold-item", MODALITIES)
    return {
        "scenario": scenario.name,
        "seed": seed,
        "version": __version__,
        "items": interactions.items,
        "users": interactions.users,
        "ratings": len(interactions),
        "density": round(len(interactions) / interactions.items / interactions.users, 4),
        "likes": round(float(np.mean(interactions.rating >= 4)), 4),
        **shares,
        "factors": {
            factor.name: {
                **{name: name in factor.seen_in for name in MODALITIES},
                "levels": len(factor.levels) or f"scale ({factor.width})",
                "share": factor.share,
                "drift": factor.drift,
            }
            for factor in scenario.factors
        },
        "oracle": oracle,
    }


def _reach(folder: Path, split, case: str, seen: tuple[str, ...] | None) -> dict[str, float]:
    like = evaluate(Oracle(folder, "like", seen), split, case).summary
    ranked = evaluate(Oracle(folder, "list", seen), split, case).summary
    return {name: round((like if name == "auc" else ranked)[name], 4) for name in REPORTED}
