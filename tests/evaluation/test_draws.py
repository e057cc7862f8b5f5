"""Comparisons over draws: means by hand, intervals that cover the truth, tests that can fail."""

import numpy as np
import pandas as pd
import pytest

from mmrec.data.split import by_time, item_folds
from mmrec.errors import InputError
from mmrec.evaluation.controls import EXCHANGES, MeanScore, UsersExchanged, without_the_user
from mmrec.evaluation.draws import compare_draws, crossed_interval
from mmrec.evaluation.protocol import evaluate
from mmrec.models import make_model


def fits(name, features=None, **settings):
    return lambda split, seed: make_model(name, **settings).fit(split.train, features)


@pytest.fixture
def compared(interactions, features):
    makers = {"popularity": fits("popularity"), "content": fits("ease-features", features)}
    return compare_draws(makers, item_folds(interactions, 5), "cold-item", personal=("content",))


def test_every_draw_is_one_evaluation(compared, interactions, features):
    found = [
        evaluate(make_model("ease-features").fit(split.train, features), split, "cold-item").summary["ndcg@20"]
        for split in item_folds(interactions, 5)
    ]
    assert compared.per_draw("content", "ndcg@20").tolist() == found
    assert compared.mean("content") == pytest.approx(np.mean(found))


def test_interval_is_about_the_mean_over_draws(compared):
    mean, low, high = compared.interval("content")
    assert mean == pytest.approx(compared.mean("content"))
    assert low < mean < high


def test_differences_are_paired_within_a_draw(compared):
    row = compared.against("popularity", ["content"]).iloc[0]
    gaps = compared.per_draw("content", "ndcg@20") - compared.per_draw("popularity", "ndcg@20")
    assert row["difference"] == pytest.approx(gaps.mean())
    assert row["ahead"] == (gaps > 0).sum()
    assert row["low"] <= row["difference"] <= row["high"]
    assert row["p"] >= 2 / 2**5  # the floor of five draws
    assert row["p (Holm)"] >= row["p"]


def test_table_and_record_have_every_model(compared):
    assert list(compared.table("popularity").index) == list(compared.runs)
    kept = compared.as_json("popularity")
    assert set(kept) == {"popularity", "content", "content, users exchanged", "content, mean score"}
    assert len(kept["content"]["per draw"]) == 5
    assert "against the base" not in kept["popularity"]
    assert isinstance(compared.table("popularity"), pd.DataFrame)


def test_the_interval_covers_the_truth_when_items_matter():
    """Draws of new items differ by far more than users do; an interval over users alone would be too narrow."""
    rng, covered, too_narrow, worlds = np.random.default_rng(0), 0, 0, 200
    for _ in range(worlds):
        items, users, noise = rng.normal(size=(12, 1)), rng.normal(size=(1, 60)), rng.normal(size=(12, 60))
        table = items + 0.3 * users + noise
        _, low, high = crossed_interval(table, rng, draws=300)
        covered += low <= 0 <= high
        own = table.mean(axis=0)
        half = 1.96 * own.std() / np.sqrt(60)
        too_narrow += abs(own.mean()) > half
    assert covered / worlds == pytest.approx(0.95, abs=0.04)
    assert too_narrow / worlds > 0.3


@pytest.mark.parametrize("new_users", [False, True], ids=["folds of items", "folds of users"])
def test_few_folds_are_covered_as_promised(new_users):
    """Ten folds: 95% of the intervals hold the truth, whether the folds differ or only their users do."""
    rng, worlds = np.random.default_rng(0), 400
    covered, width = 0, 0.0
    for _ in range(worlds):
        if new_users:
            table = np.full((10, 100), np.nan)
            table[np.arange(100) % 10, np.arange(100)] = rng.normal(size=100)
        else:
            table = rng.normal(size=(10, 1)) + 0.3 * rng.normal(size=(1, 100)) + rng.normal(size=(10, 100))
        _, low, high = crossed_interval(table, rng, draws=400)
        covered += low <= 0 <= high
        width += (high - low) / worlds
    assert covered / worlds == pytest.approx(0.95, abs=0.03)
    if new_users:
        assert width == pytest.approx(2 * 2.26 / np.sqrt(100), rel=0.1)  # Student's interval of ten means


def test_users_missing_in_a_draw_are_left_out_of_its_mean():
    table = np.array([[1.0, np.nan, 3.0], [2.0, 4.0, np.nan]])
    assert crossed_interval(table, np.random.default_rng(0), 50)[0] == pytest.approx((2 + 3) / 2)
    with pytest.raises(InputError, match="no user"):
        crossed_interval(np.array([[np.nan, np.nan], [1.0, 2.0]]), np.random.default_rng(0))


def test_every_user_has_the_scores_of_another(interactions):
    model = make_model("ease").fit(by_time(interactions).train)
    users = np.arange(interactions.users)
    other = UsersExchanged(model, interactions.users, np.random.default_rng(0))
    assert sorted(other.whose) == users.tolist()
    assert (other.whose != users).all()
    assert np.array_equal(other.scores(users), model.scores(other.whose))


def test_the_mean_score_is_one_list_for_everyone(interactions):
    model = make_model("ease").fit(by_time(interactions).train)
    users = np.arange(interactions.users)
    one = MeanScore(model, interactions.users)
    assert one.scores(users[:3]) == pytest.approx(np.repeat(model.scores(users).mean(axis=0)[None], 3, axis=0))
    popular = make_model("popularity").fit(by_time(interactions).train)
    assert np.allclose(MeanScore(popular, interactions.users).scores(users), popular.scores(users))


def test_exchanges_are_averaged(interactions):
    split = by_time(interactions)
    model = make_model("ease").fit(split.train)
    found = without_the_user(model, split, "warm", seed=3)
    assert set(found) == {"users exchanged", "mean score"}
    alone = [
        evaluate(UsersExchanged(model, interactions.users, rng), split, "warm")
        for rng in np.random.default_rng(3).spawn(EXCHANGES)
    ]
    values = np.array([one.per_user["ndcg@20"] for one in alone])
    assert values.mean(axis=1).std() > 0
    assert found["users exchanged"].per_user["ndcg@20"] == pytest.approx(values.mean(axis=0))
    assert found["users exchanged"].summary["ndcg@20"] == pytest.approx(values.mean())
