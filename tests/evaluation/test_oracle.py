"""The oracle of a simulated catalogue: above every model, and Bayes' rule where tastes are inferred."""

import numpy as np
import pytest

from mmrec.data.reader import read_catalogue
from mmrec.data.split import by_time
from mmrec.errors import InputError
from mmrec.evaluation.oracle import BayesianOracle, Oracle
from mmrec.evaluation.protocol import evaluate
from mmrec.simulation.truth import CUTS, Truth


def test_oracle_beats_an_oracle_without_factors(simulated):
    split = by_time(read_catalogue(simulated).interactions)
    best = evaluate(Oracle(simulated), split).summary["auc"]
    blind = evaluate(Oracle(simulated, modalities=()), split).summary["auc"]
    assert best > 0.75
    assert best > blind + 0.1


def test_taste_inferred_from_ratings_is_worse_than_the_known_taste(simulated):
    split = by_time(read_catalogue(simulated).interactions)
    known, read, blind = (
        evaluate(one.fit(split.train), split).summary["auc"]
        for one in (Oracle(simulated), BayesianOracle(simulated), BayesianOracle(simulated, modalities=()))
    )
    assert blind + 0.05 < read < known


def test_posterior_is_bayes_rule(simulated):
    train = by_time(read_catalogue(simulated).interactions).train
    oracle = BayesianOracle(simulated).fit(train)
    truth = Truth.load(simulated / "truth.npz")
    u, other = 5, 9

    def probability(v, item, stars):
        taste = (truth.start[v] + truth.end[v]) / 2
        above = taste @ truth.items[item] - truth.threshold
        at_least = [1, *(1 / (1 + np.exp(cut - above)) for cut in CUTS), 0]  # of 1, 2, ... 5, 6 stars
        return at_least[stars - 1] - at_least[stars]

    def evidence(v):
        mine = np.flatnonzero(train.user == u)
        return sum(np.log(probability(v, train.item[at], int(train.rating[at]))) for at in mine)

    weights = oracle.posterior[u]
    best = int(weights.argmax())
    assert weights[u] == 0
    assert weights.sum() == pytest.approx(1)
    assert np.log(weights[best] / weights[other]) == pytest.approx(evidence(best) - evidence(other), rel=1e-6)
    now = truth.start + truth.until[u] * (truth.end - truth.start)  # (U, D)
    liking = 1 / (1 + np.exp(truth.threshold - now @ truth.items[7]))  # (U,)
    assert oracle.scores(np.array([u]))[0, 7] == pytest.approx(weights @ liking, rel=1e-5)


def test_oracle_survives_saving(simulated, tmp_path):
    train = by_time(read_catalogue(simulated).interactions).train
    fitted = BayesianOracle(simulated).fit(train)
    restored = BayesianOracle(simulated)
    restored.restore(fitted.state())
    np.testing.assert_array_equal(restored.scores(np.arange(3)), fitted.scores(np.arange(3)))


def test_real_data_have_no_oracle(tmp_path):
    with pytest.raises(InputError, match="no oracle for real data"):
        Oracle(tmp_path)
