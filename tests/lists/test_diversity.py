"""Maximal marginal relevance against its definition, one pick at a time."""

import numpy as np
import pytest

from mmrec.data.split import by_time
from mmrec.errors import InputError
from mmrec.lists.diversity import item_vectors, rerank, trade_off
from mmrec.models import make_model
from mmrec.models.preprocessing import Preprocessor


def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) if a.any() and b.any() else 0.0


def by_hand(items, scores, vectors, k, weight):
    """One list, by the formula in double precision."""
    left = [place for place in range(len(items)) if items[place] >= 0]
    low, high = min(scores[left]), max(scores[left])
    relevance = {place: (scores[place] - low) / (high - low) if high > low else 0.0 for place in left}
    picked = []
    while left and len(picked) < k:

        def value(place):
            near = [cosine(vectors[items[place]], vectors[items[other]]) for other in picked]
            return weight * relevance[place] - (1 - weight) * (max(near) if near else 0)

        best = max(left, key=lambda place: (value(place), -place))
        picked.append(best)
        left.remove(best)
    return [items[place] for place in picked] + [-1] * (k - len(picked))


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("users", [3, 70])
def test_against_the_definition(weight, users):
    rng = np.random.default_rng(users)
    vectors = rng.normal(size=(60, 5))
    vectors[7] = 0
    items = np.stack([rng.permutation(60)[:20] for _ in range(users)])
    scores = -np.sort(-rng.normal(size=(users, 20)).astype(np.float32), axis=1)
    items[1, 4:], scores[1, 4:] = -1, -np.inf
    items[2], scores[2] = -1, -np.inf
    found, best = rerank(items, scores, vectors, 8, weight)
    for user in range(users):
        expected = by_hand(items[user], scores[user], vectors, 8, weight) if user != 2 else [-1] * 8
        assert found[user].tolist() == expected
        score_of = dict(zip(items[user].tolist(), scores[user], strict=True))
        assert best[user].tolist() == [score_of[item] if item >= 0 else -np.inf for item in expected]


def test_relevance_alone_is_the_plain_list_even_when_all_scores_are_equal():
    items, vectors = np.arange(30).reshape(2, 15), np.random.default_rng(0).normal(size=(30, 4))
    for scores in (np.ones((2, 15), np.float32), -np.arange(30, dtype=np.float32).reshape(2, 15)):
        np.testing.assert_array_equal(rerank(items, scores, vectors, 6, 1.0)[0], items[:, :6])


def test_a_list_longer_than_its_candidates():
    items, best = rerank(np.array([[3, 1]]), np.array([[2, 1]], np.float32), np.eye(4), 4, 0.5)
    assert items.tolist() == [[3, 1, -1, -1]]
    assert best.tolist() == [[2, 1, -np.inf, -np.inf]]


def test_a_weight_that_cannot_be():
    with pytest.raises(InputError, match="0 \\(variety alone\\) to 1"):
        rerank(np.zeros((1, 1), int), np.zeros((1, 1), np.float32), np.eye(1), 1, 1.5)


def test_vectors_make_the_mean_cosine(interactions, features):
    vectors = item_vectors(features, interactions)
    tables = Preprocessor.fit(features, interactions).tables(features)
    whole = np.flatnonzero(features.present.all(axis=1))[:6]
    for one in whole:
        for other in whole:
            expected = np.mean([cosine(table[one], table[other]) for table in tables.values()])
            assert cosine(vectors[one], vectors[other]) == pytest.approx(expected, abs=1e-6)


def test_trade_off_is_the_mean_over_people(interactions, features):
    split = by_time(interactions)
    model, vectors = make_model("ease").fit(split.train), item_vectors(features, split.train)
    table = trade_off(model, split, vectors, [1.0, 0.4], k=5, block=7)
    ndcg, spread = {1.0: [], 0.4: []}, {1.0: [], 0.4: []}
    seen, scores = split.train.matrix().toarray() > 0, model.scores(np.arange(interactions.n_users))
    likes = split.validation.likes()
    for user in range(interactions.n_users):
        relevant = set(likes.item[likes.user == user]) - set(np.flatnonzero(seen[user]))
        if not relevant:
            continue
        order = [item for item in np.argsort(-scores[user], kind="stable") if not seen[user, item]][:25]
        for weight in ndcg:
            found = by_hand(np.array(order), scores[user][order], vectors, 5, weight)
            gain = sum(1 / np.log2(place + 2) for place, item in enumerate(found) if item in relevant)
            ndcg[weight].append(gain / sum(1 / np.log2(place + 2) for place in range(min(5, len(relevant)))))
            pairs = [(a, b) for a in found for b in found if a != b]
            spread[weight].append(np.mean([1 - cosine(vectors[a], vectors[b]) for a, b in pairs]))
    for weight in ndcg:
        assert table.loc[weight, "ndcg@5"] == pytest.approx(np.mean(ndcg[weight]), abs=1e-9)
        assert table.loc[weight, "diversity@5"] == pytest.approx(np.mean(spread[weight]), abs=1e-5)
    assert table.loc[0.4, "diversity@5"] > table.loc[1.0, "diversity@5"]


def test_test_lists_leave_out_what_was_rated_in_validation(interactions, features):
    from mmrec.evaluation.protocol import evaluate

    split = by_time(interactions)
    model = make_model("ease").fit(split.train)
    table = trade_off(model, split, item_vectors(features, split.train), [1.0], on="test", k=20)
    assert table["ndcg@20"].iloc[0] == pytest.approx(evaluate(model, split).summary["ndcg@20"], abs=1e-3)
    loose = evaluate(model, split, mask="train").summary["ndcg@20"]
    assert abs(table["ndcg@20"].iloc[0] - loose) > 1e-2
