"""The verdict rule, the intervals and the attacks, each against a computation by hand or a case with a known answer."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import linregress, norm, t

from mmrec import claims
from mmrec.claims import (
    CRITERIA,
    LEVEL,
    Criterion,
    PrivateEASE,
    growth,
    mixed_modalities,
    noise_deviation,
    overall,
    person_attack,
    rating_attack,
    repeats_interval,
    share_kept,
    shared_items,
    verdict_table,
)
from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models import make_model


def rows(pairs, users, items):
    user, item = np.array(pairs, np.int64).T
    zeros = np.zeros(len(user), np.int64)
    return Interactions(user, item, np.ones(len(user), np.float32), zeros, zeros, users, items)


def drawn(seed, users=60, items=20, share=0.3):
    """Likes of two kinds of people, each of whom likes one half of the items."""
    rng = np.random.default_rng(seed)
    kind = np.arange(users)[:, None] % 2 == np.arange(items) % 2
    return rows(np.argwhere(rng.random((users, items)) < share * (0.2 + 1.6 * kind)), users, items)


@pytest.mark.parametrize(
    ("found", "least", "verdict"),
    [
        ((2.0, 1.5, 2.5), True, "supported"),
        ((2.0, 1.0, 2.5), True, "supported"),  # the bound itself is enough
        ((2.0, 0.9, 2.5), True, "open"),
        ((0.5, 0.4, 0.9), True, "not supported"),
        ((0.5, 0.4, 1.0), True, "open"),  # it may lie on the bound
        ((0.5, 0.4, 0.9), False, "supported"),
        ((0.5, 0.4, 1.1), False, "open"),
        ((2.0, 1.5, 2.5), False, "not supported"),
        ((2.0, 1.0, 2.5), False, "open"),
        ((2.0, float("nan"), float("nan")), True, "open"),
    ],
)
def test_verdict_needs_the_whole_interval(found, least, verdict):
    assert Criterion("claim", "name", "it", 1.0, least).verdict(found) == verdict


def test_claim_needs_all_its_criteria():
    assert overall(["supported", "supported"]) == "supported"
    assert overall(["supported", "open"]) == "open"
    assert overall(["supported", "open", "not supported"]) == "not supported"


def test_criteria_are_distinct_and_cover_the_six_claims():
    assert len({one.name for one in CRITERIA}) == len(CRITERIA)
    assert len({one.claim for one in CRITERIA}) == 6
    assert pytest.approx(0.05 / len(CRITERIA)) == 1 - LEVEL


def test_table_refuses_to_judge_without_a_figure():
    found = {one.name: (1.0, 1.0, 1.0) for one in CRITERIA}
    assert len(verdict_table(found)) == len(CRITERIA)
    del found[CRITERIA[3].name]
    with pytest.raises(KeyError, match=CRITERIA[3].name):
        verdict_table(found)


def test_growth_is_that_of_scipy():
    rng = np.random.default_rng(0)
    sizes = [100, 200, 400, 800]
    seconds = np.array(sizes)[:, None] ** 1.7 * np.exp(rng.normal(0, 0.2, (4, 3)))
    slope, low, high = growth(sizes, seconds)
    line = linregress(np.log(np.repeat(sizes, 3)), np.log(seconds).ravel())
    reach = t.ppf(1 - 0.025 / len(CRITERIA), 10) * line.stderr
    assert slope == pytest.approx(line.slope, abs=1e-12)
    assert (low, high) == (pytest.approx(slope - reach), pytest.approx(slope + reach))


def test_repeats_by_hand():
    reach = t.ppf(1 - 0.025 / len(CRITERIA), 2) * 1 / np.sqrt(3)
    assert repeats_interval(np.array([1.0, 2.0, 3.0])) == pytest.approx((2, 2 - reach, 2 + reach))
    assert repeats_interval(np.exp([1.0, 2.0, 3.0]), log=True) == pytest.approx(np.exp([2, 2 - reach, 2 + reach]))


def test_share_kept_covers_the_true_share(monkeypatch):
    monkeypatch.setattr(claims, "LEVEL", 0.9)
    rng, covered = np.random.default_rng(1), 0
    for _ in range(200):
        base = rng.random(80)
        gain = rng.normal(1, 0.7, 80)
        reduced = base + 0.6 * gain + rng.normal(0, 0.4, 80)
        share, low, high = share_kept(base + gain, reduced, base, rng, draws=400)
        assert share == pytest.approx((reduced.sum() - base.sum()) / gain.sum())
        covered += low <= 0.6 <= high
    assert 0.84 <= covered / 200 <= 0.95


def test_shared_items_counts_each_person_once():
    lists = np.array([[0, 1, 2, 3], [0, 1, 8, 9], [4, 5, 6, 7]])
    pairs = {(0, 1): 0.5, (0, 2): 0.0, (1, 2): 0.0}
    found = {tuple(shared_items(lists, np.random.default_rng(seed))) for seed in range(20)}
    assert found == {(share,) for share in pairs.values()}


def test_mixed_modalities_draws_all_parts_alike():
    items = 7000
    present = np.ones((items, 3), bool)
    present[:1000, 1:] = False  # these have a text alone, and keep it
    blocks = {"text": np.ones((items, 2), np.float32), "audio": np.ones((items, 1), np.float32)}
    present[:, 1] = False
    mixed = mixed_modalities(Features(tuple(map(str, range(items))), blocks, present), np.random.default_rng(0))
    assert mixed.present[:1000].tolist() == [[True, False, False]] * 1000
    counts = np.unique(mixed.present[1000:], axis=0, return_counts=True)[1]
    assert len(counts) == 3  # text, audio, both
    assert counts == pytest.approx([2000] * 3, abs=150)  # four standard deviations
    assert (mixed.blocks["text"].any(axis=1) == mixed.present[:, 0]).all()
    assert (mixed.blocks["audio"].any(axis=1) == mixed.present[:, 2]).all()


def test_rating_attack_by_hand():
    scores = np.array([[3.0, 2.0, 2.0, 1.0], [0, 0, 0, 0], [1, 2, 3, 4]])
    told = rating_attack(scores, rows([(0, 0), (0, 1), (1, 0), (2, 0)], 3, 4), rows([(0, 2), (0, 3), (1, 1)], 3, 4))
    assert told[0] == (1 + 1 + 0.5 + 1) / 4
    assert told[1] == 0.5
    assert np.isnan(told[2])


def test_rating_attack_guesses_where_nothing_was_learned():
    likes = drawn(0, users=400)
    held = np.random.default_rng(1).random(len(likes)) < 0.3
    scores = np.random.default_rng(2).random((400, 20))
    told = rating_attack(scores, likes.take(~held), likes.take(held))
    assert abs(np.nanmean(told) - 0.5) < 4 * np.nanstd(told) / np.sqrt(np.isfinite(told).sum())


def test_person_attack_is_a_mean_over_pairs():
    weights = np.random.default_rng(0).random((5, 5))
    liked = csr_matrix(np.array([[1, 0, 1, 1, 0], [0, 1, 0, 0, 0]], float))
    pairs = [weights[i, j] for i in (0, 2, 3) for j in (0, 2, 3) if i != j]
    assert person_attack(weights, liked) == pytest.approx([np.mean(pairs), 0])


def test_person_attack_tells_members_of_a_model_without_noise():
    inside, outside = drawn(3, users=30, items=60), drawn(4, users=30, items=60)
    weights = make_model("ease", l2=1.0).fit(inside).weights
    assert person_attack(weights, inside.matrix()).mean() > 1.5 * person_attack(weights, outside.matrix()).mean()


@pytest.mark.parametrize(("epsilon", "delta"), [(0.5, 1e-5), (1.0, 1e-5), (8.0, 1e-6)])
def test_noise_is_the_least_that_keeps_the_promise(epsilon, delta):
    deviation = noise_deviation(epsilon, delta)
    # the largest P(A) - e^epsilon Q(A) between N(1, s^2) and N(0, s^2) is that of A = {x : density ratio >= e^epsilon}
    cut = epsilon * deviation**2 + 0.5
    given_away = norm.sf(cut, 1, deviation) - np.exp(epsilon) * norm.sf(cut, 0, deviation)
    assert given_away == pytest.approx(delta, rel=1e-4)
    if epsilon < 1:
        assert deviation < np.sqrt(2 * np.log(1.25 / delta)) / epsilon  # the bound of Dwork and Roth


def test_noise_is_symmetric_and_alike_everywhere():
    size = 300
    noise = claims.hidden(1000 * np.eye(size), 2.0, np.random.default_rng(0)) - 1000 * np.eye(size)
    assert noise == pytest.approx(noise.T, abs=1e-9)
    error = 2.0 / np.sqrt(2 * size)  # of a standard deviation of so many draws
    assert np.diag(noise).std() == pytest.approx(2.0, abs=4 * error)
    assert noise[np.triu_indices(size, 1)].std() == pytest.approx(2.0, abs=4 * error)


def test_no_eigenvalue_is_negative_under_noise():
    assert np.linalg.eigvalsh(claims.hidden(np.eye(30), 2.0, np.random.default_rng(0))).min() > -1e-12


def test_one_person_moves_what_is_hidden_by_at_most_one():
    dense = drawn(5).matrix().toarray()
    unit = dense / np.linalg.norm(dense, axis=1, keepdims=True).clip(1e-12)
    without = unit[1:].T @ unit[1:]
    assert np.linalg.norm(np.triu(unit.T @ unit - without)) <= 1 + 1e-12


def test_private_ease_without_noise_is_ridge_regression():
    likes = drawn(6)
    model = PrivateEASE(l2=2.0, epsilon=float("inf")).fit(likes)
    dense = likes.matrix().toarray().astype(float)
    unit = dense / np.linalg.norm(dense, axis=1, keepdims=True).clip(1e-12)
    for item in (0, 7):  # each column of B is a ridge regression of the item on the others
        others = np.arange(20) != item
        x = unit[:, others]
        expected = np.linalg.solve(x.T @ x + 2.0 * np.eye(19), x.T @ unit[:, item])
        assert model.weights[others, item] == pytest.approx(expected, abs=1e-6)
    assert model.scores(np.arange(3)) == pytest.approx(dense[:3] @ model.weights, abs=1e-5)


def test_noise_hides_and_repeats_with_its_seed():
    likes = drawn(7)
    clear = PrivateEASE(epsilon=float("inf")).fit(likes).weights
    noisy = [PrivateEASE(epsilon=1.0, seed=seed).fit(likes).weights for seed in (0, 0, 1)]
    assert np.array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy[0], noisy[2])
    assert np.corrcoef(clear.ravel(), noisy[0].ravel())[0, 1] < 0.5
    assert np.isfinite(noisy[2]).all()
