"""The order of chance is really one."""

import numpy as np

from mmrec.data.split import by_time
from mmrec.evaluation.protocol import evaluate
from mmrec.models.chance import Chance


def test_repeats_itself_and_differs_between_users_and_seeds(interactions, tmp_path):
    model = Chance(seed=1).fit(interactions)
    first = model.scores(np.array([3, 4]))
    assert np.array_equal(first[1:], model.scores(np.array([4])))
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, Chance(seed=2).fit(interactions).scores(np.array([3, 4])))


def test_reaches_what_a_drawn_list_must(interactions):
    """In the mean over seeds, recall@k is k over the number of candidates."""
    split = by_time(interactions, cold_items=0.5, seed=0)
    found = [evaluate(Chance(seed=seed).fit(split.train), split, "cold-item") for seed in range(60)]
    candidates = split.cold_items.sum()
    assert abs(np.mean([run.summary["recall@10"] for run in found]) - 10 / candidates) < 0.03
    assert abs(np.mean([run.summary["auc"] for run in found]) - 0.5) < 0.02
