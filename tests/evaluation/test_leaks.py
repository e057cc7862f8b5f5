"""A planted leak is caught: in what a model reads, in the search for settings, in the vocabulary.

The check is the same throughout: change what must not be read, and nothing that was learned or chosen may change, to
the bit. Each check is itself tested with something that does read it. Networks are fitted for one epoch: what they
read does not depend on how long they learn.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix, vstack

from mmrec.data.catalogue import Interactions
from mmrec.data.split import Split, by_time
from mmrec.evaluation import benchmark as benchmark_module
from mmrec.evaluation import search as module
from mmrec.evaluation.benchmark import benchmark
from mmrec.evaluation.benchmark_data import BenchmarkData
from mmrec.features.table import Features
from mmrec.models import REGISTRY, make_model, model_class
from mmrec.models.ease import FeatureEASE
from mmrec.models.popularity import Popularity
from mmrec.models.preprocessing import Preprocessor
from mmrec.text import count_words

USERS, ITEMS, WORDS = 12, 15, 8
QUICK = {"epochs": 1, "batch_size": 64}


@pytest.fixture(scope="module")
def rows() -> Interactions:
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(USERS), 10)
    item = np.concatenate([rng.choice(ITEMS, 10, replace=False) for _ in range(USERS)])
    rating, time = rng.integers(1, 6, len(user)).astype(np.float32), rng.integers(0, 10**8, len(user))
    return Interactions(user, item, rating, time, np.arange(len(user)), USERS, ITEMS)


@pytest.fixture(scope="module")
def features(rows) -> Features:
    """Item 0 will have test rows alone; reviews lie in the space of the texts."""
    rng = np.random.default_rng(1)
    blocks = {
        "text": rng.poisson(0.8, (ITEMS, WORDS)),
        "image": rng.normal(size=(ITEMS, 5)),
        "audio": rng.normal(size=(ITEMS, 4)),
    }
    reviews = csr_matrix(rng.poisson(0.5, (len(rows), WORDS)).astype(np.float32))
    items = tuple(f"i{item}" for item in range(ITEMS))
    blocks = {name: block.astype(np.float32) for name, block in blocks.items()}
    return Features(items, blocks, np.ones((ITEMS, 3), bool), reviews)


@pytest.fixture
def features_of_interactions(interactions) -> Features:
    rng = np.random.default_rng(1)
    blocks = {
        "text": rng.poisson(0.8, (interactions.n_items, WORDS)).astype(np.float32),
        "image": rng.normal(size=(interactions.n_items, 5)).astype(np.float32),
    }
    present = np.array([[True, True, False]] * interactions.n_items)
    return Features(tuple(f"i{item}" for item in range(interactions.n_items)), blocks, present)


@pytest.fixture(scope="module")
def benchmark_data(rows, features) -> BenchmarkData:
    """Each user's last two rows are validation and test; item 0 is kept out of training."""
    last = by_time(rows)
    part = np.zeros(len(rows), int)
    part[last.validation.row], part[last.test["warm"].row] = 1, 2
    part[(rows.item == 0) & (part == 0)] = 2
    users = tuple(f"u{user}" for user in range(USERS))
    return BenchmarkData("toy", users, features.item_ids, rows, features, "fingerprint", part)


def otherwise(benchmark_data: BenchmarkData, *parts: int) -> BenchmarkData:
    """The same training rows; other items, ratings, times and reviews in the rows of the given parts."""
    rng, rows = np.random.default_rng(9), benchmark_data.interactions
    change = np.isin(benchmark_data.part, parts)
    item, rating, time = rows.item.copy(), rows.rating.copy(), rows.timestamp.copy()
    item[change] = (item[change] + rng.integers(1, ITEMS, change.sum())) % ITEMS
    rating[change] = 6 - rating[change]
    time[change] += 10**9
    reviews = csr_matrix(np.where(change[:, None], 5.0, benchmark_data.features.reviews.toarray()).astype(np.float32))
    table = replace(benchmark_data.features, reviews=reviews)
    rows = replace(rows, item=item, rating=rating, timestamp=time)
    return replace(benchmark_data, interactions=rows, features=table)


# What a model reads


def reads_beyond_training(fit, benchmark_data: BenchmarkData) -> bool:
    """Whether the scores of ``fit(benchmark_data)`` change with the rows of validation and test."""
    scores = [fit(one).scores(np.arange(USERS)) for one in (benchmark_data, otherwise(benchmark_data, 1, 2))]
    return not np.array_equal(*scores)


def fit_as_the_benchmark_does(name):
    given = {setting: QUICK[setting] for setting in QUICK if setting in model_class(name).declared}
    return lambda benchmark_data: module.fit_once(benchmark_data.split(), benchmark_data.features, name, 0, given).model


@pytest.mark.parametrize("name", REGISTRY)
def test_no_model_reads_beyond_training(name, benchmark_data):
    assert not reads_beyond_training(fit_as_the_benchmark_does(name), benchmark_data)


def test_the_changed_rows_are_all_others_and_no_training_row(benchmark_data):
    """Else the test above could not fail."""
    before, after = benchmark_data.split(), otherwise(benchmark_data, 1, 2).split()
    for column in ("user", "item", "rating", "timestamp", "row"):
        assert np.array_equal(getattr(before.train, column), getattr(after.train, column))
    for old, new in ((before.validation, after.validation), (before.test["warm"], after.test["warm"])):
        assert len(old) == len(new) > 0
        assert (old.item != new.item).all()
    kept = after.train.row
    reviews = [one.features.reviews[kept].toarray() for one in (benchmark_data, otherwise(benchmark_data, 1, 2))]
    assert np.array_equal(*reviews)


class ReadsAllReviews(FeatureEASE):
    """Counts the words of every review, that of the very rating that is to be foretold among them."""

    def _item_weights(self, train, features):
        shared = features.reviews.sum(axis=0)  # (1, V)
        return super()._item_weights(train, features) * float(shared[0, 0])


class ReadsTheWholeTable(Popularity):
    """Looks up, through an object that both share, what was rated after the training rows."""

    everything: Interactions

    def _fit(self, train, features):
        super()._fit(self.everything, features)


def fit_with_all_reviews(benchmark_data):
    return ReadsAllReviews().fit(benchmark_data.split().train, benchmark_data.features)


def fit_with_the_whole_table(benchmark_data):
    ReadsTheWholeTable.everything = benchmark_data.interactions
    return ReadsTheWholeTable().fit(benchmark_data.split().train)


def fit_on_scales_of_all_items(benchmark_data):
    """The model is honest; its features were scaled beforehand, with items known from the test alone."""
    rated = np.bincount(benchmark_data.interactions.item[benchmark_data.interactions.rating >= 4], minlength=ITEMS) > 0
    image = benchmark_data.features.blocks["image"]
    weighed = image * (image[rated].std(axis=0) + np.arange(5))
    table = replace(
        benchmark_data.features, blocks={**benchmark_data.features.blocks, "image": weighed.astype(np.float32)}
    )
    return make_model("content", modality="image", scaled=False).fit(benchmark_data.split().train, table)


def fit_on_training_and_test(benchmark_data):
    split = benchmark_data.split()
    both = {
        column: np.concatenate([getattr(split.train, column), getattr(split.test["warm"], column)])
        for column in ("user", "item", "rating", "timestamp", "row")
    }
    return make_model("ease").fit(Interactions(**both, n_users=USERS, n_items=ITEMS))


@pytest.mark.parametrize(
    "planted",
    [fit_with_all_reviews, fit_with_the_whole_table, fit_on_scales_of_all_items, fit_on_training_and_test],
)
def test_a_planted_leak_is_caught(planted, benchmark_data):
    assert reads_beyond_training(planted, benchmark_data)


def test_reviews_of_training_rows_may_be_read(benchmark_data):
    """The check tells a leak from a model that reads what it may."""

    class ReadsItsOwnReviews(FeatureEASE):
        def _item_weights(self, train, features):
            return super()._item_weights(train, features) * float(features.reviews[train.row].sum())

    assert not reads_beyond_training(
        lambda one: ReadsItsOwnReviews().fit(one.split().train, one.features), benchmark_data
    )


# The search for settings

QUICKLY = 2
"""Tries of a network, which takes seconds to fit; the code that searches is the same for all models."""


def is_network(name: str) -> bool:
    return "epochs" in model_class(name).declared


def searched(name):
    return any(one.search for one in model_class(name).declared.values())


SEARCHED = [name for name in REGISTRY if searched(name) and not is_network(name)]


def chosen_by(benchmark_data: BenchmarkData, models=SEARCHED, tries: int = 10, cases=("warm",)) -> dict:
    """Settings, log, validation, scores and winner of a benchmark, without what was measured by the clock."""
    scores: dict[str, np.ndarray] = {}
    fit_once = benchmark_module.fit_once

    def kept(split, features, name, seed, *given, **options):
        fitted = fit_once(split, features, name, seed, *given, **options)
        scores[f"{name} {len(scores)}"] = fitted.model.scores(np.arange(split.train.n_users))
        return fitted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark_module, "fit_once", kept)
        result = benchmark(benchmark_data, models, seeds=2, tries=tries, cases=cases, folds=3)
    errors = [run for run in result["runs"] if "error" in run]
    assert not errors, errors
    logs = {name: [{**entry, "seconds": 0} for entry in found["log"]] for name, found in result["search"].items()}
    return {
        "log": logs,
        "chosen": {name: found["chosen"] for name, found in result["search"].items()},
        "validation": [run["validation"] for run in result["runs"]],
        "chosen for new ones": {
            case: {name: [run["settings"] for run in rows.values()] for name, rows in found["runs"].items()}
            for case, found in result["new"].items()
        },
        "winner": result["winner"],
        "scores": {name: array.tobytes() for name, array in scores.items()},
    }


@pytest.fixture(scope="module")
def honest(benchmark_data) -> dict:
    return chosen_by(benchmark_data)


def test_the_search_does_not_see_the_test(benchmark_data, honest):
    assert max(len(log) for log in honest["log"].values()) > 3  # there was something to choose
    assert honest["scores"]
    assert chosen_by(otherwise(benchmark_data, 2)) == honest


def test_no_network_and_no_search_of_one_sees_the_test(benchmark_data, monkeypatch):
    for name in REGISTRY:  # epochs do not change what is read
        kind = model_class(name)
        if is_network(name):
            fewer = {key: replace(one, search=one.search[:1], open_ended=False) for key, one in kind.declared.items()}
            fewer["epochs"] = replace(fewer["epochs"], default=1, search=())
            monkeypatch.setattr(kind, "declared", fewer)
    networks = [name for name in REGISTRY if is_network(name)]
    assert chosen_by(otherwise(benchmark_data, 2), networks, QUICKLY) == chosen_by(benchmark_data, networks, QUICKLY)


COLD = ("popularity", "content-popularity", "ease-features", "graph-filter-features", "content", "popularity-and-taste")


def new_ones_otherwise(benchmark_data: BenchmarkData, case: str, fold: int) -> BenchmarkData:
    """Other users or items and other ratings in the rows of the new ones of one fold, which are its test.

    Rows of new items go to other new items of the fold, rows of new users to other new users; so they stay its test.
    """
    split, rng = list(benchmark_data.folds(case, 3))[fold], np.random.default_rng(9)
    rows, change = benchmark_data.interactions, np.zeros(len(benchmark_data.interactions), bool)
    change[split.test[case].row] = True
    rating = np.where(change, 6 - rows.rating, rows.rating).astype(np.float32)
    new = np.flatnonzero(split.cold_items if case == "cold-item" else split.cold_users)
    column = "item" if case == "cold-item" else "user"
    moved = np.where(change, rng.choice(new, len(change)), getattr(rows, column))
    return replace(benchmark_data, interactions=replace(rows, rating=rating, **{column: moved}))


def for_new_ones(benchmark_data: BenchmarkData, case: str, fold: int, models=COLD, tries: int = 4) -> dict:
    """Settings chosen for one fold, what each try reached on the inner split, and the scores of the last fit."""
    split, found = list(benchmark_data.folds(case, 3))[fold], {}
    inner = module.within_training(split, seed=fold)
    for name in models:
        kept, log = module.choose_settings(inner, benchmark_data.features, name, {}, tries, case=case)
        model = module.make(name, fold, kept.settings).fit(split.train, benchmark_data.features)
        reached = [entry[module.CRITERION] for entry in log]
        found[name] = (kept.settings, reached, model.scores(np.arange(split.train.n_users)).tobytes())
    return found


@pytest.fixture
def bundle_of_folds(interactions, features_of_interactions) -> BenchmarkData:
    """Without ties in time: their order is a hash of all rows, so that other new rows give another order of them."""
    apart = interactions.timestamp * len(interactions) + np.arange(len(interactions))
    interactions = replace(interactions, timestamp=apart)
    users = tuple(f"u{user}" for user in range(interactions.n_users))
    table = features_of_interactions
    return BenchmarkData("toy", users, table.item_ids, interactions, table, "fingerprint")


@pytest.mark.parametrize("case", ["cold-item", "cold-user"])
def test_settings_for_new_ones_do_not_see_their_rows(bundle_of_folds, case):
    """Drawn first, searched afterwards: what a fold tests is in no row that it chooses settings on or is fitted on."""
    before = chosen_by(bundle_of_folds, COLD, 4, [case])["chosen for new ones"][case]
    if case == "cold-item":  # of new users these models know nothing, whatever their settings
        assert any(len(set(map(str, settings))) > 1 for settings in before.values())
    for fold in range(3):
        other = new_ones_otherwise(bundle_of_folds, case, fold)
        test = [list(one.folds(case, 3))[fold].test[case] for one in (bundle_of_folds, other)]
        assert len(test[0]) == len(test[1])
        assert (test[0].rating != test[1].rating).any()
        after = chosen_by(other, COLD, 4, [case])["chosen for new ones"][case]
        assert {name: settings[fold] for name, settings in after.items()} == {
            name: settings[fold] for name, settings in before.items()
        }


@pytest.mark.parametrize("case", ["cold-item", "cold-user"])
def test_scores_of_new_ones_do_not_change_with_their_rows(bundle_of_folds, case):
    """Settings, what the search saw and scores, to the bit; every closed form that reads content."""
    for fold in range(3):
        other = new_ones_otherwise(bundle_of_folds, case, fold)
        assert for_new_ones(other, case, fold) == for_new_ones(bundle_of_folds, case, fold)


def test_a_fold_that_is_searched_on_its_own_test_is_caught(bundle_of_folds, monkeypatch):
    monkeypatch.setattr(module, "within_training", lambda split, seed, duplicates=(): split)
    other = new_ones_otherwise(bundle_of_folds, "cold-item", 0)
    assert for_new_ones(other, "cold-item", 0) != for_new_ones(bundle_of_folds, "cold-item", 0)


def test_the_search_sees_the_validation(benchmark_data, honest):
    assert chosen_by(otherwise(benchmark_data, 1))["log"] != honest["log"]


def test_a_search_on_the_test_is_caught(benchmark_data, monkeypatch):
    """The evaluator is made to answer every question with the test, as the search of many a project does."""
    evaluate = module.evaluate

    def answers_with_the_test(model, split, case="warm", *, on="test", **options):
        return evaluate(model, split, case, on="test", **options)

    monkeypatch.setattr(module, "evaluate", answers_with_the_test)
    assert chosen_by(otherwise(benchmark_data, 2)) != chosen_by(benchmark_data)


def test_a_search_that_is_given_the_test_as_validation_is_caught(benchmark_data, monkeypatch):
    split = BenchmarkData.split

    def mixed(self, **options) -> Split:
        parts = split(self, **options)
        return replace(parts, validation=parts.test["warm"])

    monkeypatch.setattr(BenchmarkData, "split", mixed)
    assert chosen_by(otherwise(benchmark_data, 2)) != chosen_by(benchmark_data)


# The vocabulary


def test_words_without_a_training_row_are_not_learned(benchmark_data):
    """Word 0 stands in item 0 alone, which has no training row, and in the reviews of rows that do not train."""
    table = benchmark_data.features
    text = table.blocks["text"].copy()
    text[:, 0], text[0, 0] = 0, 3
    others = (benchmark_data.part > 0).astype(np.float32)
    reviews = csr_matrix(np.column_stack([others, table.reviews.toarray()[:, 1:]]).astype(np.float32))
    table = replace(table, blocks={**table.blocks, "text": text}, reviews=reviews)
    split = benchmark_data.split()
    assert 0 not in split.train.item
    words = Preprocessor.fit(table, split.train).words
    assert words.tolist() == [word for word in range(WORDS) if text[np.unique(split.train.item), word].any()]
    assert 0 not in words
    assert 0 in Preprocessor.fit(table, benchmark_data.interactions).words  # fitted on all rows, it would be


def test_document_frequency_counts_training_items_alone(benchmark_data):
    split, table = benchmark_data.split(), benchmark_data.features
    more = {name: np.vstack([block, 7 * np.ones_like(block[:1])]) for name, block in table.blocks.items()}
    longer = replace(
        table,
        item_ids=(*table.item_ids, "new"),
        blocks=more,
        present=np.vstack([table.present, [[True] * 3]]),
        reviews=vstack([table.reviews, table.reviews[:1]]).tocsr(),
    )
    first = Preprocessor.fit(table, split.train).state()
    again = Preprocessor.fit(longer, replace(split.train, n_items=ITEMS + 1)).state()
    for name in set(first) - {"popularity"}:
        assert np.array_equal(first[name], again[name]), name


def test_the_columns_of_words_are_not_learned_from_any_text():
    """Words are hashed to columns, so that further texts change no row."""
    texts = ["a red film", "一部科幻电影"]
    assert np.array_equal(count_words(texts, 64).toarray(), count_words([*texts, "more"], 64).toarray()[:2])
