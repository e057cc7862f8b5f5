"""Metrics agree with ranx and scikit-learn; ties give no favour."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from mmrec.errors import InputError
from mmrec.evaluation import metrics


@pytest.fixture
def block():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(25, 60))
    relevant = rng.random((25, 60)) < 0.08
    relevant[:, 0] |= ~relevant.any(axis=1)
    return scores, relevant


@pytest.mark.parametrize("k", [10, 20])
def test_against_ranx(block, k):
    from ranx import Qrels, Run, evaluate

    scores, relevant = block
    _, hits = metrics.top_k(scores, relevant, np.ones_like(relevant), k)
    qrels = Qrels({f"q{u}": {f"d{i}": 1 for i in np.flatnonzero(row)} for u, row in enumerate(relevant)})
    run = Run({f"q{u}": {f"d{i}": float(s) for i, s in enumerate(row)} for u, row in enumerate(scores)})
    names = [f"recall@{k}", f"ndcg@{k}", f"mrr@{k}", f"hit_rate@{k}"]
    theirs = evaluate(qrels, run, names)
    count = relevant.sum(axis=1)
    ours = [
        metrics.recall(hits, count),
        metrics.ndcg(hits, count),
        metrics.reciprocal_rank(hits),
        metrics.hit_rate(hits),
    ]
    for name, values in zip(names, ours, strict=True):
        assert values.mean() == pytest.approx(theirs[name], abs=1e-9), name


def test_ndcg_against_scikit_learn(block):
    scores, relevant = block
    _, hits = metrics.top_k(scores, relevant, np.ones_like(relevant), 20)
    assert metrics.ndcg(hits, relevant.sum(axis=1)).mean() == pytest.approx(
        ndcg_score(relevant, scores, k=20), abs=1e-9
    )


def test_average_precision_by_hand():
    hits = np.array([[True, False, True], [False, False, False]])
    assert metrics.average_precision(hits, np.array([2, 1])).tolist() == [pytest.approx((1 + 2 / 3) / 2), 0]


def test_constant_scores_gain_nothing():
    relevant = np.zeros((1, 30), bool)
    relevant[0, :3] = True
    _, hits = metrics.top_k(np.ones((1, 30)), relevant, np.ones((1, 30), bool), 20)
    assert not hits.any()


def test_candidates_only():
    items, hits = metrics.top_k(
        np.array([[3.0, 2.0, 1.0]]), np.array([[True, True, False]]), np.array([[False, True, True]]), 3
    )
    assert items.tolist() == [[1, 2, -1]]
    assert hits.tolist() == [[True, False, False]]


def test_nan_is_refused():
    with pytest.raises(InputError):
        metrics.top_k(np.array([[np.nan, 1.0]]), np.zeros((1, 2), bool), np.ones((1, 2), bool), 1)


def test_one_class_has_no_auc():
    assert np.isnan(metrics.auc(np.array([0.1, 0.2]), np.array([True, True])))
    assert np.isnan(metrics.log_loss(np.array([2.0, 0.2]), np.array([True, False])))


def test_diversity_by_pairs():
    rng = np.random.default_rng(1)
    vectors, lists = rng.normal(size=(9, 4)), np.array([[0, 3, 5], [1, 2, -1]])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    first = np.mean([1 - unit[a] @ unit[b] for a, b in ((0, 3), (0, 5), (3, 5))])
    assert metrics.diversity(lists, vectors) == pytest.approx((first + 1 - unit[1] @ unit[2]) / 2)


def test_coverage_novelty_popularity():
    lists = np.array([[0, 1], [1, -1]])
    assert metrics.coverage(lists, 4) == 0.5
    assert metrics.novelty(lists, np.array([0.5, 0.25, 1, 1])) == pytest.approx((1 + 2 + 2) / 3)
    assert metrics.popularity_bias(lists, np.array([2.0, 2.0, 0.0, 0.0])) == pytest.approx(1)
