"""Neither the order of the rows nor the ids decide a result: closed forms agree to five digits."""

from dataclasses import replace

import numpy as np
import pytest

from mmrec.data.catalogue import Interactions
from mmrec.data.split import by_time
from mmrec.evaluation.protocol import evaluate
from mmrec.features.table import Features
from mmrec.models import REGISTRY, make_model, model_class

CLOSED = [
    name for name in REGISTRY if "epochs" not in model_class(name).declared and "seed" not in model_class(name).declared
]
METRICS = ("ndcg@10", "ndcg@20", "recall@10", "auc")
"""Expectations over the orders of equal scores; metrics of one drawn order may differ where scores are equal."""


def test_the_closed_forms_are_those_meant():
    assert {"popularity", "content-popularity", "item-knn", "ease", "graph-filter", "ease-features"} <= set(CLOSED)
    assert "popularity-and-taste" in CLOSED


def in_bursts(rows: Interactions) -> Interactions:
    """Times that many rows of a user share."""
    return replace(rows, timestamp=rows.timestamp // 2000 * 86_400)


def shuffled(rows: Interactions, features: Features, rng: np.random.Generator) -> tuple[Interactions, Features]:
    """The rows of the file in another order."""
    return replace(rows.take(rng.permutation(len(rows))), row=np.arange(len(rows))), features


def relabelled(rows: Interactions, features: Features, rng: np.random.Generator) -> tuple[Interactions, Features]:
    """Users and items under other indices, and so in other files' orders."""
    user, item = rng.permutation(rows.n_users), rng.permutation(rows.n_items)
    back = np.argsort(item)
    blocks = {name: block[back] for name, block in features.blocks.items()}
    ids = tuple(features.item_ids[place] for place in back)
    moved = replace(features, item_ids=ids, blocks=blocks, present=features.present[back])
    return replace(rows, user=user[rows.user], item=item[rows.item]), moved


@pytest.mark.parametrize("change", [shuffled, relabelled])
@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_do_not_change(name, change, interactions, features):
    rows = in_bursts(interactions)
    found = []
    for one, table in ((rows, features), change(rows, features, np.random.default_rng(0))):
        split = by_time(one, seed=3)
        summary = evaluate(make_model(name).fit(split.train, table), split).summary
        found.append([summary[metric] for metric in METRICS])
    assert found[1] == pytest.approx(found[0], abs=1e-5)


def test_an_order_that_decides_is_caught(interactions, features):
    """A split that breaks ties by the order of the file does change."""
    rows = in_bursts(interactions)
    found = []
    for one, _ in ((rows, features), shuffled(rows, features, np.random.default_rng(0))):
        by_file = replace(one, timestamp=one.timestamp * len(one) + np.arange(len(one)))
        split = by_time(by_file)
        found.append(evaluate(make_model("ease").fit(split.train), split).summary["ndcg@20"])
    assert found[1] != pytest.approx(found[0], abs=1e-5)
