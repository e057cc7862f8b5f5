"""Metrics agree with ranx and scikit-learn; ties give no favour."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

from mmrec.errors import InputError
from mmrec.evaluation import metrics


def top(scores, k, candidates=None, seed=0):
    allowed = np.ones(scores.shape, bool) if candidates is None else candidates
    return metrics.top_k(scores, allowed, k, np.random.default_rng(seed))


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
    hits = metrics.hits_of(top(scores, k), relevant)
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
    # ranx divides by all relevant items even where a list is too short for them
    own = metrics.average_precision(hits, count) * np.minimum(count, k) / count
    assert own.mean() == pytest.approx(evaluate(qrels, run, f"map@{k}"), abs=1e-9)


def test_average_precision_against_scikit_learn(block):
    scores, relevant = block
    ours = metrics.average_precision(metrics.hits_of(top(scores, 60), relevant), relevant.sum(axis=1))
    theirs = [average_precision_score(truth, row) for truth, row in zip(relevant, scores, strict=True)]
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_nothing_relevant_is_nothing_found():
    hits, count = np.zeros((2, 5), bool), np.zeros(2, int)
    for value in (metrics.recall(hits, count), metrics.ndcg(hits, count), metrics.average_precision(hits, count)):
        assert value.tolist() == [0, 0]
    assert metrics.reciprocal_rank(hits).tolist() == metrics.hit_rate(hits).tolist() == [0, 0]
    assert np.isnan(metrics.auc(np.array([0.1, 0.2]), np.zeros(2, bool)))


@pytest.mark.parametrize("levels", [1, 2, 5, 1000])
def test_ndcg_against_scikit_learn(block, levels):
    """scikit-learn too takes the mean over all orders of equal scores."""
    scores, relevant = block
    scores = np.floor(scores * levels / 4)
    everything = np.ones_like(relevant)
    hits = metrics.expected_hits(top(scores, 20), scores, relevant, everything)
    ours = metrics.ndcg(hits, relevant.sum(axis=1))
    theirs = [ndcg_score(truth[None], row[None], k=20) for truth, row in zip(relevant, scores, strict=True)]
    assert ours == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("k", [1, 7, 20])
def test_recall_of_ties_is_the_mean_over_orders(block, k):
    scores, relevant = np.round(block[0][:4]), block[1][:4]
    candidates = np.random.default_rng(3).random(scores.shape) < 0.5
    relevant = relevant & candidates
    expected = metrics.expected_hits(top(scores, k, candidates), scores, relevant, candidates)
    drawn = [metrics.hits_of(top(scores, k, candidates, seed), relevant) for seed in range(4000)]
    spread = np.std([hits.sum(axis=1) for hits in drawn], axis=0) / np.sqrt(4000)
    assert (np.abs(expected.sum(axis=1) - np.mean(drawn, axis=0).sum(axis=1)) <= 5 * spread + 1e-12).all()


def test_order_is_that_of_a_full_sort(block):
    scores, _ = block
    assert np.array_equal(top(scores, 20), np.argsort(-scores, axis=1)[:, :20])


def test_average_precision_by_hand():
    hits = np.array([[True, False, True], [False, False, False]])
    assert metrics.average_precision(hits, np.array([2, 1])).tolist() == [pytest.approx((1 + 2 / 3) / 2), 0]


def test_constant_scores_gain_what_chance_gains():
    relevant = np.zeros((1, 30), bool)
    relevant[0, :3] = True
    scores, everything = np.ones((1, 30)), np.ones((1, 30), bool)
    hits = metrics.expected_hits(top(scores, 20), scores, relevant, everything)
    assert metrics.recall(hits, np.array([3])) == pytest.approx(20 / 30)


def test_candidates_only():
    scores, candidates = np.array([[3.0, 2.0, 1.0]]), np.array([[False, True, True]])
    items, relevant = top(scores, 3, candidates), np.array([[True, True, False]])
    assert items.tolist() == [[1, 2, -1]]
    assert metrics.hits_of(items, relevant).tolist() == [[True, False, False]]
    assert metrics.expected_hits(items, scores, relevant, candidates).tolist() == [[1, 0, 0]]


def test_nan_is_refused():
    with pytest.raises(InputError):
        top(np.array([[np.nan, 1.0]]), 1)


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
