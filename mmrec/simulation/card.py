"""The data card: what a simulated catalogue holds, and how well any model could do on it.

The metrics of the card come straight from scikit-learn: the simulator needs no model and no evaluator.
"""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import ndcg_score, roc_auc_score

from mmrec import __version__
from mmrec.data.catalogue import LIKE_THRESHOLD, MODALITIES, Interactions
from mmrec.data.split import Split, by_time
from mmrec.simulation.best_scores import like_probabilities, list_scores, load_truth, visible_columns
from mmrec.simulation.factors import Scenario
from mmrec.simulation.truth import Truth

LIST_LENGTH = 20
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
    truth = load_truth(folder)
    oracle = {f"warm, {view}": _best_metrics(truth, warm, "warm", seen) for view, seen in VIEWS.items()}
    for case in ("cold-item", "cold-user"):
        oracle[f"{case}, everything"] = _best_metrics(truth, cold, case, None)
    oracle["cold-item, all content"] = _best_metrics(truth, cold, "cold-item", MODALITIES)
    return {
        "scenario": scenario.name,
        "seed": seed,
        "version": __version__,
        "items": interactions.items,
        "users": interactions.users,
        "ratings": len(interactions),
        "density": round(len(interactions) / interactions.items / interactions.users, 4),
        "likes": round(float(np.mean(interactions.rating >= LIKE_THRESHOLD)), 4),
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


def _best_metrics(truth: Truth, split: Split, case: str, modalities: tuple[str, ...] | None) -> dict[str, float]:
    """AUC over the rated pairs of a case; recall and NDCG of the 20 best candidates, as the evaluator has them.

    Candidates are all items that the user has no training or validation row for; for unrated items, these alone.
    """
    rows, columns = split.test[case], visible_columns(truth, modalities)
    users = np.unique(rows.user)  # (B,)
    likes = rows.take(rows.rating >= LIKE_THRESHOLD).matrix()[users].toarray() > 0  # (B, I)
    seen = split.train.with_rows(split.validation).matrix()[users].toarray() > 0  # (B, I)
    allowed = {"cold-item": split.cold_items, "cold-user": ~split.cold_items}.get(case, np.ones(rows.items, bool))
    candidates = ~seen & allowed  # (B, I)
    relevant = likes & candidates
    some = relevant.any(axis=1)  # users without a relevant item cannot be measured

    liked = rows.rating >= LIKE_THRESHOLD  # (N,)
    probability = like_probabilities(truth, users, columns)  # (B, I)
    rated = probability[np.searchsorted(users, rows.user), rows.item]  # (N,)
    scores = list_scores(truth, users, columns)
    scores = np.where(candidates, scores, scores.min() - 1)[some]  # (b, I)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :LIST_LENGTH]  # (b, 20)
    hits = np.take_along_axis(relevant[some], best, axis=1).sum(axis=1)  # (b,)
    found = {
        "auc": roc_auc_score(liked, rated) if 0 < liked.sum() < len(liked) else np.nan,
        f"recall@{LIST_LENGTH}": (hits / relevant[some].sum(axis=1)).mean() if some.any() else np.nan,
        f"ndcg@{LIST_LENGTH}": ndcg_score(relevant[some], scores, k=LIST_LENGTH) if some.any() else np.nan,
    }
    return {name: round(float(value), 4) for name, value in found.items()}
