"""The random order: repeatable, another for every user, and no better than one score for all."""

import numpy as np
import pytest

from mmrec.data.split import by_time
from mmrec.errors import InputError
from mmrec.evaluation.protocol import evaluate
from mmrec.models import load_model, make_model
from mmrec.models.random_order import RandomOrder


def test_repeats_itself_and_differs_between_users_and_seeds(interactions, tmp_path):
    model = RandomOrder(seed=1).fit(interactions)
    first = model.scores(np.array([3, 4]))
    assert np.array_equal(first[1:], model.scores(np.array([4])))
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, RandomOrder(seed=2).fit(interactions).scores(np.array([3, 4])))


def test_reaches_what_a_drawn_list_must(interactions):
    """In the mean over seeds, recall@k is k over the number of candidates."""
    split = by_time(interactions, cold_items=0.5, seed=0)
    found = [evaluate(RandomOrder(seed=seed).fit(split.train), split, "cold-item") for seed in range(60)]
    candidates = split.cold_items.sum()
    assert abs(np.mean([run.summary["recall@10"] for run in found]) - 10 / candidates) < 0.03
    assert abs(np.mean([run.summary["auc"] for run in found]) - 0.5) < 0.02


def test_it_is_read_under_its_former_name_and_asked_for_under_the_new_one(interactions, tmp_path):
    RandomOrder(seed=1).fit(interactions).save(tmp_path)
    record = tmp_path / "model.json"
    record.write_text(record.read_text().replace('"random"', '"chance"'))
    found = load_model(tmp_path)
    assert found.name == "random"
    assert np.array_equal(found.scores(np.array([3])), RandomOrder(seed=1).fit(interactions).scores(np.array([3])))
    with pytest.raises(InputError, match="'chance' is now called 'random'"):
        make_model("chance")
