"""Replay in the order of time."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from conftest import random_interactions

from mmrec.errors import InputError
from mmrec.models import make_model
from mmrec.models.new_ratings import update_profiles
from studies.feedback.replay import cut_in_time, listen, refit, replay, stand_still


@pytest.fixture
def rows():
    return random_interactions(users=25, items=30, rows=500)


def first_part(rows, start=0.4):
    order = np.argsort(rows.timestamp, kind="stable")
    return rows.take(order[: round(start * len(rows))])


def test_the_cut_is_in_time(rows):
    parts = cut_in_time(rows, 0.4, 7)
    assert sorted(np.concatenate(parts)) == list(range(500))
    assert len(parts[0]) == 200
    assert {len(part) for part in parts[1:]} <= {42, 43}
    for before, after in itertools.pairwise(parts):
        assert rows.timestamp[before].max() <= rows.timestamp[after].min()


@pytest.mark.parametrize(("start", "chunks"), [(0.0, 3), (1.0, 3), (0.5, 0), (0.5, 251)])
def test_cuts_that_leave_nothing_are_refused(rows, start, chunks):
    with pytest.raises(InputError, match="500 ratings cannot be split"):
        cut_in_time(rows, start, chunks)


def test_each_chunk_is_predicted_before_it_is_learned(rows):
    """NDCG of each chunk recomputed from models fitted by hand, for users without tied scores."""
    compared = 0
    found = replay(rows, make_model("ease", l2=5.0).fit(first_part(rows)), refit, start=0.4, chunks=3)
    parts = cut_in_time(rows, 0.4, 3)
    for at, chunk in enumerate(found.chunks, 1):
        before, now = rows.take(np.concatenate(parts[:at])), rows.take(parts[at])
        model = make_model("ease", l2=5.0).fit(before)
        for user, value in zip(chunk.users, chunk.per_user["ndcg@20"], strict=True):
            seen = set(before.item[before.user == user])
            liked = {i for i, r in zip(now.item[now.user == user], now.rating[now.user == user], strict=True) if r >= 4}
            scores = model.scores(np.array([user]))[0]
            ranked = sorted((i for i in range(30) if i not in seen), key=lambda i: -scores[i])
            if len(set(scores[ranked])) < len(ranked):
                continue
            gain = sum(1 / np.log2(at + 2) for at, item in enumerate(ranked[:20]) if item in liked)
            assert value == pytest.approx(gain / sum(1 / np.log2(at + 2) for at in range(min(20, len(liked)))))
            compared += 1
    assert compared > 20


def test_a_frozen_model_stays_what_it_was(rows):
    model = make_model("popularity").fit(first_part(rows))
    before = model.likes.copy()
    found = replay(rows, model, stand_still, start=0.4, chunks=4)
    assert np.array_equal(model.likes, before)
    assert found.curve("ndcg@20").shape == found.seconds.shape == (4,)
    assert (np.diff(found.begins) >= 0).all()


def test_listening_keeps_the_weights_and_hears_new_likes(rows):
    model = make_model("ease", l2=5.0).fit(first_part(rows))
    updated = listen(model, rows, rows)
    assert np.array_equal(updated.weights, model.weights)
    liked = rows.likes().matrix().toarray()
    assert updated.scores(np.arange(25)) == pytest.approx(liked @ model.weights, abs=1e-6)
    items, _ = updated.recommend(np.array([4]), k=30)
    assert not set(items[0]) & set(rows.item[rows.user == 4])
    kept = model.scores(np.arange(25))
    assert kept == pytest.approx(first_part(rows).likes().matrix().toarray() @ model.weights, abs=1e-6)


def test_a_model_that_fits_people_cannot_listen(rows):
    with pytest.raises(InputError, match="mf cannot take in ratings without being fitted"):
        update_profiles(make_model("mf", epochs=1).fit(rows), rows)


def test_a_users_mean_is_over_the_chunks_in_which_they_were_measured(rows):
    found = replay(rows, make_model("popularity").fit(first_part(rows)), refit, start=0.4, chunks=3)
    mean = found.per_user("ndcg@20", 26)
    assert np.isnan(mean[25])
    for user in range(25):
        own = [c.per_user["ndcg@20"][c.users == user] for c in found.chunks]
        values = np.concatenate(own)
        assert (np.isnan(mean[user]) and not len(values)) or mean[user] == pytest.approx(values.mean())


def test_ties_in_time_are_broken_by_seed_and_not_by_the_file(rows):
    """The same ratings in another order in the file are cut alike in size, and no tie keeps the order of the file."""
    still = replace(rows, timestamp=np.zeros_like(rows.timestamp))
    first, again, other = (cut_in_time(still, 0.5, 3, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0], np.arange(len(first[0])))
    parts = cut_in_time(rows, 0.5, 3, 1)
    times = rows.timestamp[np.concatenate(parts)]
    assert np.all(np.diff(times) >= 0)
