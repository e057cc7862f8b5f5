"""Evaluation against a plain loop over users."""

import numpy as np
import pytest

from mmrec.data.catalogue import Interactions
from mmrec.data.split import by_time
from mmrec.errors import InputError
from mmrec.evaluation.comparison import compare, share_of_oracle
from mmrec.evaluation.protocol import evaluate
from mmrec.models import make_model


def test_against_a_loop(interactions):
    split = by_time(interactions, cold_items=0.2, seed=1)
    model = make_model("ease", l2=10.0).fit(split.train)
    for case in ("warm", "cold-item"):
        found = evaluate(model, split, case, block=7)
        rows = split.test[case]
        recalls = []
        for user in range(interactions.n_users):
            liked = set(rows.item[(rows.user == user) & (rows.rating >= 4)])
            seen = {
                *split.train.item[split.train.user == user].tolist(),
                *split.validation.item[split.validation.user == user].tolist(),
            }
            allowed = np.flatnonzero(split.cold_items) if case == "cold-item" else np.arange(interactions.n_items)
            scores = model.scores(np.array([user]))[0]
            # ties go against the model: relevant ones last
            ranked = sorted((i for i in allowed if i not in seen), key=lambda i: (-scores[i], i in liked, i))
            if liked:
                recalls.append(len(liked & set(ranked[:10])) / len(liked))
        assert found.per_user["recall@10"] == pytest.approx(recalls)
        assert found.summary["users"] == len(recalls)


def test_unknown_case(interactions):
    split = by_time(interactions)
    with pytest.raises(InputError, match="warm"):
        evaluate(make_model("popularity").fit(split.train), split, "cold-item")


def test_nan_scores_are_refused(interactions):
    split = by_time(interactions)
    model = make_model("popularity").fit(split.train)
    model.likes[3] = np.nan
    with pytest.raises(InputError, match="popularity gave scores that are NaN"):
        evaluate(model, split)


def test_comparison_tables_and_tests(interactions):
    split = by_time(interactions)
    makers = {name: lambda _, name=name: make_model(name).fit(split.train) for name in ("popularity", "ease")}
    found = compare(makers, split, seeds=2)
    assert found.table().shape == (2, 3)
    row = found.against("ease", ("popularity",)).iloc[0]
    gap = found.per_user("ease", "ndcg@20").mean() - found.per_user("popularity", "ndcg@20").mean()
    assert row["difference"] == pytest.approx(gap)
    assert found.as_json()["ease"]["ndcg@20"][0] == pytest.approx(found.mean("ease", "ndcg@20"), abs=1e-6)
    assert share_of_oracle(0.8, 0.9) == pytest.approx(0.75)


def test_cold_users_are_not_offered_cold_items(interactions):
    split = by_time(interactions, cold_items=0.2, cold_users=0.2, seed=1)
    model = make_model("popularity").fit(split.train)
    plain = evaluate(model, split, "cold-user").summary
    model.likes = np.where(split.cold_items, 99, model.likes).astype(np.float32)
    assert evaluate(model, split, "cold-user").summary == pytest.approx(plain, nan_ok=True)


def test_a_case_of_one_star_ratings_has_no_like(interactions):
    """Ones alone mean implicit feedback only if all the data are ones."""
    cold = by_time(interactions, cold_items=0.2, seed=1).cold_items
    rating = np.where(cold[interactions.item], 1, interactions.rating).astype(np.float32)
    rows = Interactions(
        interactions.user, interactions.item, rating, interactions.timestamp, interactions.row,
        interactions.n_users, interactions.n_items,
    )  # fmt: skip
    split = by_time(rows, cold_items=0.2, seed=1)
    assert evaluate(make_model("popularity").fit(split.train), split, "cold-item").summary["users"] == 0
