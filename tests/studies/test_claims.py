"""The verdict rule, the intervals and the attacks, each against a computation by hand or a case with a known answer."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import linregress, norm, t

from mmrec.data.catalogue import Interactions
from mmrec.data.split import by_time
from mmrec.evaluation.protocol import evaluate
from mmrec.features.table import Features
from mmrec.models import make_model
from studies.claims import claims
from studies.claims.claims import (
    CRITERIA,
    LEVEL,
    UNTESTABLE,
    Criterion,
    Crossed,
    Given,
    PrivateEASE,
    growth,
    largest,
    mixed_modalities,
    noise_deviation,
    popularity_by_content,
    rating_attack,
    reached,
    repeats_interval,
    share_kept,
    user_attack,
    verdict_table,
    without_user,
    worst,
)


def rows(pairs, users, items):
    user, item = np.array(pairs, np.int64).T
    zeros = np.zeros(len(user), np.int64)
    return Interactions(user, item, np.ones(len(user), np.float32), zeros, zeros, users, items)


def drawn(seed, users=60, items=20, share=0.3):
    """Likes of two kinds of users, each of whom likes one half of the items."""
    rng = np.random.default_rng(seed)
    kind = np.arange(users)[:, None] % 2 == np.arange(items) % 2
    return rows(np.argwhere(rng.random((users, items)) < share * (0.2 + 1.6 * kind)), users, items)


@pytest.mark.parametrize(
    ("found", "least", "verdict", "reason"),
    [
        ((2.0, 1.5, 2.5), True, "supported here", "right side"),
        ((2.0, 1.0, 2.5), True, "supported here", "right side"),  # the bound itself is enough
        ((2.0, 0.9, 2.5), True, "not supported here", "contains the bound"),
        ((0.5, 0.4, 0.9), True, "not supported here", "wrong side"),
        ((0.5, 0.4, 1.0), True, "not supported here", "contains the bound"),
        ((0.5, 0.4, 0.9), False, "supported here", "right side"),
        ((0.5, 0.4, 1.1), False, "not supported here", "contains the bound"),
        ((2.0, 1.5, 2.5), False, "not supported here", "wrong side"),
        ((2.0, float("nan"), float("nan")), True, "not supported here", "contains the bound"),
    ],
)
def test_verdict_needs_the_whole_interval(found, least, verdict, reason):
    one = Criterion("claim", "name", "it", 1.0, least)
    assert one.verdict(found) == verdict
    assert reason in one.reason(found)


def test_criteria_are_distinct_and_cover_the_six_claims():
    assert len({one.name for one in CRITERIA}) == len(CRITERIA)
    assert len({one.claim for one in CRITERIA}) == 6
    assert {one.claim for one in UNTESTABLE} <= {one.claim for one in CRITERIA}
    assert pytest.approx(0.05 / len(CRITERIA)) == 1 - LEVEL


def test_no_criterion_measures_this_projects_own_code():
    words = " ".join(one.statement for one in CRITERIA)
    assert not any(word in words for word in ("statements", "libraries", "code"))


def test_table_says_what_waits_and_what_cannot_be_tested():
    found = {one.name: (1.0, 1.0, 1.0) for one in CRITERIA}
    del found[CRITERIA[3].name]
    table = verdict_table(found, 10**8)
    assert len(table) == len(CRITERIA) + len(UNTESTABLE)
    assert table.loc[(CRITERIA[3].claim, CRITERIA[3].name), "verdict"] == "not recorded yet"
    large = table.loc[("compute cost", "large models")]
    assert large["verdict"] == "not testable here"
    assert "100,000,000 parameters, 10 times fewer than 1,000,000,000" in large["reason"]
    claims_in_order = list(dict.fromkeys(one.claim for one in CRITERIA))
    assert list(dict.fromkeys(table.index.get_level_values(0))) == claims_in_order


def test_worst_and_largest_take_the_least_favourable_ends():
    results = [(0.3, 0.2, 0.4), (0.25, 0.1, 0.5)]
    assert worst(results) == (0.25, 0.1, 0.4)
    assert largest(results) == (0.3, 0.2, 0.5)


def test_worst_is_too_high_no_more_often_than_one_interval():
    rng = np.random.default_rng(0)
    truth, wrong = np.array([0.0, 0.0, 0.1]), 0
    for _ in range(2000):
        found = rng.normal(truth, 1.0)
        wrong += worst([(x, x - 1.645, x + 1.645) for x in found])[1] > 0
    assert wrong / 2000 < 0.06


def test_crossed_by_hand(monkeypatch):
    monkeypatch.setattr(claims, "LEVEL", 0.9)
    values = np.array([[1.0, 2.0, np.nan], [3.0, 2.0, np.nan], [2.0, 5.0, np.nan]])
    one = Crossed.of(values)
    assert one.draws == pytest.approx([1.5, 2.5, 3.5])
    assert one.users[:2] == pytest.approx([2, 3])
    assert np.isnan(one.users[2])
    over_users, over_draws = 0.5 / 2, 1.0 * (1 / 3 + 0.2 / 0.8)
    total = over_users + over_draws
    freedom = total**2 / (over_users**2 / 1 + over_draws**2 / 2)
    reach = t.ppf(0.95, freedom) * np.sqrt(total)
    assert one.interval(0.2) == pytest.approx((2.5, 2.5 - reach, 2.5 + reach))
    assert Crossed.from_json(one.as_json()).interval(0.2) == pytest.approx(one.interval(0.2), abs=1e-3)


def test_differences_of_margins_are_margins_of_differences():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 4, 30))
    first[:, 3] = second[:, 3] = np.nan  # the same users are measured, whatever the model
    first[1, 5] = second[1, 5] = np.nan
    apart, together = Crossed.of(first) - Crossed.of(second), Crossed.of(first - second)
    assert apart.draws == pytest.approx(together.draws)
    assert apart.users == pytest.approx(together.users, nan_ok=True)


def test_interval_of_draws_that_share_their_items_covers(monkeypatch):
    monkeypatch.setattr(claims, "LEVEL", 0.9)
    rng, covered, naive = np.random.default_rng(2), 0, 0
    for _ in range(300):
        items = rng.normal(0, 1, 50)  # what each item adds; its true mean is 0
        users = rng.normal(0, 0.3, 40)
        means = [items[rng.choice(50, 10, replace=False)].mean() for _ in range(10)]
        one = Crossed.of(np.add.outer(means, users))
        low, high = one.interval(0.2)[1:]
        covered += low <= 0 <= high
        low, high = one.interval(0)[1:]
        naive += low <= 0 <= high
    assert covered / 300 > 0.86
    assert naive < covered


def test_controls_lose_the_user_and_keep_the_scores():
    scores = np.random.default_rng(0).random((7, 5))
    controls = without_user(scores, np.random.default_rng(1))
    everyone = np.arange(7)
    exchanged = controls["another's"].scores(everyone)
    assert sorted(map(tuple, exchanged)) == sorted(map(tuple, scores.astype(np.float32)))
    assert (exchanged != scores.astype(np.float32)).any(axis=1).all()  # nobody keeps their own
    assert controls["mean score"].scores(everyone) == pytest.approx(np.tile(scores.mean(axis=0), (7, 1)))


def test_ridge_finds_popularity_in_content_of_new_items():
    rng = np.random.default_rng(0)
    content = rng.normal(size=(80, 4))
    liked = rng.random((200, 80)) < 1 / (1 + np.exp(2 - 2 * content[:, 0]))
    liked[:, 60:] = False  # new items
    train = rows(np.argwhere(liked), 200, 80)
    present = np.tile([True, False, False], (80, 1))
    table = Features(tuple(map(str, range(80))), {"text": content.astype(np.float32)}, present)
    scores = popularity_by_content(train, table).scores(np.arange(200))
    assert (scores == scores[0]).all()
    assert np.corrcoef(scores[0, 60:], content[60:, 0])[0, 1] > 0.9


def test_reached_places_users():
    split = by_time(drawn(0), seed=0)
    model = Given(np.random.default_rng(0).random((60, 20)))
    values, run = reached(model, split), evaluate(model, split)
    assert values[run.users] == pytest.approx(run.per_user["ndcg@20"])
    assert np.isnan(values).sum() == 60 - len(run.users)


@pytest.fixture(scope="module")
def script():
    from studies.claims import record

    return record


def test_each_axis_grows_alone(script):
    train = drawn(1)
    present = np.tile([True, False, False], (20, 1))
    table = Features(tuple(map(str, range(20))), {"text": np.ones((20, 2), np.float32)}, present)
    items, wider = script.tiled(train, table, 3, 0)
    assert (len(items), items.n_users, items.n_items, len(wider.item_ids)) == (len(train), 60, 60, 60)
    assert (items.item % 20 == train.item).all()
    users = script.more_users(train, 3)
    assert (len(users), users.n_users, users.n_items) == (3 * len(train), 180, 20)
    assert (np.bincount(users.user) == np.tile(np.bincount(train.user, minlength=60), 3)).all()
    more = script.more_rows(train, 2, 0)
    assert (len(more), more.n_users, more.n_items) == (2 * len(train), 60, 20)
    assert more.matrix().nnz == len(more)  # no pair twice
    assert (more.matrix().toarray() > 0)[train.user, train.item].all()


def test_epochs_are_clocked_and_the_class_is_left_as_it_was(script):
    kind = __import__("mmrec.models.two_towers", fromlist=["HeldBack"]).HeldBack
    usual = kind.on_epoch_end
    with script.epochs_clocked("two-towers") as ends:
        batches = kind(drawn(0).matrix().tocsr(), batch_size=16, rng=np.random.default_rng(0))
        batches.on_epoch_end()
    assert len(ends) == 2  # one of them when it was made
    assert kind.on_epoch_end is usual


def test_parts_of_a_changed_tree_are_never_reused(script, tmp_path):
    for tree, reused in (("abc", {"missing/0", "features"}), ("abc+", set()), ("", set())):
        for name in ("missing/0", "features"):
            script.kept(tmp_path, name, dict)
        assert script.finished(tmp_path, tree) == reused
        assert len(list(tmp_path.glob("*.json"))) == len(reused)


def test_parts_are_kept_and_joined(script, tmp_path):
    names = [f"models/{name}" for name in script.MODELS] + ["features"]
    for name in names:
        script.kept(tmp_path, name, lambda name=name: {"part": name})
    for part in ("missing", "new items"):
        for key, value in (("0", 1.0), ("1", 3.0)):
            names.append(f"{part}/{key}")
            script.kept(tmp_path, names[-1], lambda value=value: {"whole": [value, None]})
    results = script.gathered(tmp_path, names)
    assert results["features"] == {"part": "features"}
    assert list(results["models"]) == list(script.MODELS)
    assert results["missing"] == {"whole": {"draws": [1.0, 3.0], "users": "20000 -"}}


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


def test_user_attack_is_a_mean_over_pairs():
    weights = np.random.default_rng(0).random((5, 5))
    liked = csr_matrix(np.array([[1, 0, 1, 1, 0], [0, 1, 0, 0, 0]], float))
    pairs = [weights[i, j] for i in (0, 2, 3) for j in (0, 2, 3) if i != j]
    assert user_attack(weights, liked) == pytest.approx([np.mean(pairs), 0])


def test_user_attack_tells_members_of_a_model_without_noise():
    inside, outside = drawn(3, users=30, items=60), drawn(4, users=30, items=60)
    weights = make_model("ease", l2=1.0).fit(inside).weights
    assert user_attack(weights, inside.matrix()).mean() > 1.5 * user_attack(weights, outside.matrix()).mean()


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
