"""Paired tests are of the same users."""

import numpy as np
import pytest

from mmrec.errors import InputError
from mmrec.evaluation.comparison import Comparison
from mmrec.evaluation.protocol import Evaluation


def evaluation(users, values):
    none = np.zeros(0)
    summary = {"ndcg@20": float(np.mean(values))}
    return Evaluation(summary, {"ndcg@20": np.array(values)}, np.array(users), none.astype(int), none, none > 0)


def test_as_many_other_users_are_not_paired():
    runs = {"a": [evaluation([0, 1, 2], [0.1, 0.2, 0.3])], "b": [evaluation([1, 2, 3], [0.1, 0.2, 0.3])]}
    with pytest.raises(InputError, match="different users"):
        Comparison(runs).against("a", ("b",))


def test_users_of_some_runs_are_paired():
    runs = {"a": [evaluation([0, 1], [0.5, 0.5]), evaluation([1, 2], [0.1, 0.3])]}
    runs["b"] = [evaluation([0, 1], [0.2, 0.2]), evaluation([1, 2], [0.2, 0.2])]
    compared = Comparison(runs)
    assert compared.users("a").tolist() == [0, 1, 2]
    assert compared.against("a", ("b",)).iloc[0]["difference"] == pytest.approx((0.3 + 0.1 + 0.1) / 3)
