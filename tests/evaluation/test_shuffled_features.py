"""The control with shuffled features: what it shuffles, and its tests against independent ones."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mmrec import plots
from mmrec.data.split import by_time
from mmrec.datasets import open_dataset
from mmrec.evaluation.comparison import Comparison, compare
from mmrec.evaluation.protocol import Evaluation
from mmrec.evaluation.shuffled_features import auc_gaps, controlled, shuffled_fitter
from mmrec.features.table import Features
from mmrec.models.fitting import fitter


def evaluation(rng, scores, users, likes, ndcg):
    summary = {"ndcg@20": float(np.mean(ndcg)), "auc": float(roc_auc_score(likes, scores))}
    return Evaluation(summary, {"ndcg@20": ndcg}, np.unique(users), users, scores, likes)


@pytest.fixture
def compared():
    rng = np.random.default_rng(0)
    users, likes = np.repeat(np.arange(80), 6), rng.random(480) < 0.5
    runs = {}
    for name, lift in (("good", 1.0), ("noise", 0.0), ("again", 0.0)):
        runs[name] = [
            evaluation(rng, lift * likes + rng.normal(size=480), users, likes, rng.random(80) + lift) for _ in range(3)
        ]
    return Comparison(runs, seed=1)


def test_auc_gap_is_the_difference_of_mean_aucs(compared):
    row = auc_gaps(compared, "good", ("noise",))["good - noise"]
    means = {
        name: np.mean([roc_auc_score(run.rated_likes, run.rated_scores) for run in compared.runs[name]])
        for name in ("good", "noise")
    }
    assert row["difference"] == pytest.approx(means["good"] - means["noise"])
    assert row["low"] < row["difference"] < row["high"]
    assert row["p"] < 1e-4


def test_auc_gap_of_a_model_with_itself_is_no_difference(compared):
    row = auc_gaps(compared, "noise", ("noise",))["noise - noise"]
    assert (row["difference"], row["p"]) == (0, 1)


def test_controlled_corrects_over_pairs_and_metrics(compared):
    found = controlled(compared, "good", ("noise", "again"))
    assert found["runs"] == 3
    assert set(found["rows"]) == {"good", "noise", "again"}
    tests = found["tests"]
    assert [test["metric"] for test in tests] == ["ndcg@20", "ndcg@20", "auc", "auc"]
    assert all(test["runs above"] == test["runs significant"] == 3 for test in tests)
    assert all(test["p (Holm)"] >= test["p"] for test in tests)
    listed = [test for test in tests if test["metric"] == "ndcg@20"]
    assert [test["p"] for test in listed] == pytest.approx([1 / 10_001] * 2)
    assert "AUC good adds significantly" in plots.control_verdict(found, "good")


def test_no_gain_is_called_no_gain(compared):
    found = controlled(compared, "noise", ("again",))
    text = plots.control_verdict(found, "noise")
    assert "By NDCG@20 the gain from noise is not significant against again." in text
    assert "**not significant**" in plots.control_text(found, "this run").data


def test_a_significant_loss_is_no_gain(compared):
    assert "not significant against good" in plots.control_verdict(controlled(compared, "noise", ("good",)), "noise")


def test_each_seed_shuffles_in_its_own_way():
    catalogue = open_dataset("embedded")
    rows = catalogue.interactions
    rng, items = np.random.default_rng(0), len(catalogue.item_ids)
    present = np.zeros((items, 3), bool)
    present[:, 0] = True
    features = Features(catalogue.item_ids, {"text": rng.random((items, 8), np.float32)}, present)
    split = by_time(rows)
    makers = {
        "real": fitter("content", split.train, features, scaled=False),
        "shuffled": shuffled_fitter("content", split.train, features, scaled=False),
    }
    runs = compare(makers, split, seeds=2).runs
    assert runs["real"][0].summary["ndcg@20"] == runs["real"][1].summary["ndcg@20"]
    assert runs["shuffled"][0].summary["ndcg@20"] != runs["shuffled"][1].summary["ndcg@20"]
    order = np.random.default_rng(1).permutation(items)
    expected = fitter("content", split.train, features.shuffled(np.random.default_rng(1)), scaled=False)(1)
    assert np.array_equal(shuffled_fitter("content", split.train, features, scaled=False)(1).items, expected.items)
    unit = features.blocks["text"] / np.linalg.norm(features.blocks["text"], axis=1, keepdims=True)
    assert expected.items == pytest.approx(unit[order], abs=1e-6)


def test_single_trainings_are_counted():
    """Ten noisy trainings: their mean is above the control, most of them alone are not."""
    rng = np.random.default_rng(3)
    users, likes = np.repeat(np.arange(80), 6), rng.random(480) < 0.5
    base = rng.random(80)
    runs = {"noisy": [], "base": []}
    for _ in range(10):
        runs["noisy"].append(evaluation(rng, rng.normal(size=480), users, likes, base + 0.1 + rng.normal(size=80) / 2))
        runs["base"].append(evaluation(rng, rng.normal(size=480), users, likes, base))
    found = controlled(Comparison(runs), "noisy", ("base",))
    listed = found["tests"][0]
    assert listed["p (Holm)"] < 0.05
    assert listed["runs significant"] < 10
    assert f"A single training shows it in only {listed['runs significant']} of 10 cases." in plots.control_verdict(
        found, "noise"
    )
