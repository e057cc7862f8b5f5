"""The embedded catalogue: same bytes for the same seed, and media that carry factors and nothing else."""

import hashlib
import json
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from mmrec.data.reader import read_catalogue
from mmrec.data.split import by_time
from mmrec.data.validation import validate
from mmrec.errors import InputError
from mmrec.evaluation.oracle import Oracle
from mmrec.evaluation.protocol import evaluate
from mmrec.features.extraction import extract
from mmrec.simulation import reviews, simulate, simulator
from mmrec.simulation.card import VIEWS
from mmrec.simulation.posters import draw_poster
from mmrec.simulation.scenarios import SCENARIOS
from mmrec.simulation.truth import Truth
from mmrec.simulation.worlds import draw_world
from mmrec.text import tokenise

COLD = {"cold_items": 0.1, "cold_users": 0.1, "seed": 3}


def digests(folder):
    names = [*folder.glob("*.csv"), *folder.glob("posters/*.png")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in names}


def test_same_seed_same_bytes(simulated, tmp_path):
    simulate(tmp_path / "again", items=60, users=80, ratings=1600, seed=3)
    assert digests(tmp_path / "again") == digests(simulated)
    written = sorted(path.relative_to(simulated) for path in simulated.rglob("*") if path.is_file())
    assert [path for path in written if path.suffix == ".ogg"]
    for path in written:  # pictures and sounds of lossy formats too, on one machine
        assert (tmp_path / "again" / path).read_bytes() == (simulated / path).read_bytes(), path
    assert read_catalogue(tmp_path / "again").fingerprint == read_catalogue(simulated).fingerprint
    simulate(tmp_path / "other", items=60, users=80, ratings=1600, seed=4)
    assert digests(tmp_path / "other")["user_data.csv"] != digests(simulated)["user_data.csv"]


def test_bytes_are_those_of_every_machine(tmp_path):
    """Digests recorded on Linux x86-64; another machine must give the same."""
    simulate(tmp_path / "c", items=20, users=10, ratings=100, seed=0)
    found = hashlib.sha256(json.dumps(digests(tmp_path / "c"), sort_keys=True).encode()).hexdigest()
    assert found[:16] == "1be5843f2b2b412d"
    table = read_table(tmp_path / "c").drop(columns="text")
    assert (
        hashlib.sha256(table.to_csv(index=False, lineterminator="\n").encode()).hexdigest()[:16] == "fd3c377ec305407d"
    )


def read_table(folder):
    return pd.read_csv(folder / "user_data.csv", dtype=str, keep_default_na=False)


def test_reviews_have_their_own_random_stream(simulated, tmp_path, monkeypatch):
    """Whatever is said in them, and at whatever length: the same items, ratings, times and users."""
    monkeypatch.setattr(reviews, "REMARK", 1.0)
    monkeypatch.setattr(reviews, "OFF_TOPIC", 0.0)
    simulate(tmp_path / "again", items=60, users=80, ratings=1600, seed=3)
    before, after = read_table(simulated), read_table(tmp_path / "again")
    assert (before["text"] != after["text"]).mean() > 0.3
    pd.testing.assert_frame_equal(before.drop(columns="text"), after.drop(columns="text"))
    others = [digests(folder) for folder in (simulated, tmp_path / "again")]
    assert {name for name in others[0] if others[0][name] != others[1][name]} == {"user_data.csv"}


@pytest.fixture(scope="module")
def said():
    """(scenario, seed) -> 8,000 stars and a review of each, without any media."""

    @cache
    def draw(name, seed):
        rows, texts = draw_world(seed, items=300, users=400, ratings=8000, scenario=name, with_reviews=True)
        return rows.rating, texts

    return draw


def words_and_pairs(text):
    words = tokenise(text)
    return [*words, *map(" ".join, pairwise(words))]


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_review_tells_its_rating_with_noise(name, seed, said):
    """The documented band: before, each review gave its rating away (AUC 1.000)."""
    stars, texts = said(name, seed)
    known, new = slice(4000), slice(4000, None)
    reader = make_pipeline(
        CountVectorizer(analyzer=words_and_pairs, min_df=2), LogisticRegression(C=0.3, max_iter=1000)
    ).fit(texts[known], stars[known] >= 4)
    assert 0.85 <= roc_auc_score(stars[new] >= 4, reader.decision_function(texts[new])) <= 0.93


def test_a_remark_and_an_aside_say_nothing_about_the_rating(said):
    stars, texts = said("movies", 0)
    for language in ("en", "zh"):
        remarks, details = reviews.REMARKS[language], reviews.DETAILS[language]
        marks = {tone: [text.format(detail=one) for text in some for one in details] for tone, some in remarks.items()}
        for some in (marks["praise"], marks["complaint"], reviews.ASIDES[language]):
            here = np.array([any(mark.lower() in text.lower() for mark in some) for text in texts])
            assert here.sum() > 300
            assert abs((stars[here] >= 4).mean() - (stars >= 4).mean()) < 4 * np.sqrt(0.25 / here.sum())


def test_words_of_praise_are_negated_in_both_languages():
    """No word alone gives a tone away: each language negates words of the other tone."""
    for language, words in (("en", ("wonderful", "disappoint", "bad")), ("zh", ("好", "失望", "差"))):
        for word in words:
            tones = {tone for tone, some in reviews.NEGATIONS[language].items() if any(word in text for text in some)}
            assert len(tones) > 1, word
    assert all(
        set(table[language]) == {"love", "fine", "hate"}
        for plan in SCENARIOS.values()
        for table in (plan.opinions, reviews.NEGATIONS)
        for language in ("en", "zh")
    )


def test_is_a_sound_catalogue_of_the_asked_size(simulated):
    assert validate(simulated).ok
    catalogue = read_catalogue(simulated)
    assert (len(catalogue.item_ids), len(catalogue.user_ids), len(catalogue.interactions)) == (60, 80, 1600)
    assert np.bincount(catalogue.interactions.user).min() >= 8
    card = json.loads((simulated / "data_card.json").read_text())
    assert card["ratings"] == 1600
    assert card["factors"]["genre"]["image"]
    assert not card["factors"]["energy"]["text"]


def test_likes_happen_as_often_as_the_truth_says(simulated):
    catalogue = read_catalogue(simulated)
    truth = Truth.load(simulated / "truth.npz")
    rows = catalogue.interactions
    probability = truth.like_probability(truth.preference(np.arange(80), truth.until * 0 + 0.5))[rows.user, rows.item]
    assert np.mean(rows.rating >= 4) == pytest.approx(probability.mean(), abs=0.06)


def test_card_says_what_the_evaluator_measures(simulated):
    """The simulator computes the metrics of the oracle by scikit-learn alone, and they are the evaluator's."""
    card = json.loads((simulated / "data_card.json").read_text())
    rows = read_catalogue(simulated).interactions
    splits = {"warm": by_time(rows), **dict.fromkeys(("cold-item", "cold-user"), by_time(rows, **COLD))}
    assert len(card["oracle"]) == 8
    for row, metrics in card["oracle"].items():
        case, _, view = row.partition(", ")
        targets = {"auc": "like", "recall@20": "list", "ndcg@20": "list"}
        assert list(metrics) == list(targets)
        for metric, target in targets.items():
            oracle = Oracle(simulated, target, VIEWS[view])
            assert metrics[metric] == round(evaluate(oracle, splits[case], case).summary[metric], 4), (row, metric)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "shop"
    simulate(folder, scenario="ecommerce", items=60, users=80, ratings=1600, seed=3)
    return folder


def shared_with(first, second):
    """What two catalogues of one size share: each number is near 0 where they have nothing in common."""

    def correlation(a, b):
        return float(np.abs(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]))

    def columns(a, b):
        return max(correlation(x, y) for x, y in zip(a.T, b.T, strict=True) if x.std() > 0 and y.std() > 0)

    truths = Truth.load(first / "truth.npz"), Truth.load(second / "truth.npz")
    rows = [read_catalogue(folder).interactions for folder in (first, second)]
    pairs = [set(zip(one.user.tolist(), one.item.tolist(), strict=True)) for one in rows]
    by_chance = len(pairs[0]) * len(pairs[1]) / rows[0].n_users / rows[0].n_items
    return {
        "factors": columns(truths[0].items, truths[1].items),
        "tastes": columns(truths[0].start, truths[1].start),
        "generosity": correlation(truths[0].bias, truths[1].bias),
        "popularity": correlation(truths[0].popularity, truths[1].popularity),
        "activity": correlation(*(np.bincount(one.user) for one in rows)),
        "pairs": (len(pairs[0] & pairs[1]) - by_chance) / (len(pairs[0]) - by_chance),
    }


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    """Films and a shop of one seed, large enough for correlations."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("movies", "ecommerce"):
        simulate(folder / name, scenario=name, items=150, users=200, ratings=5000, seed=3)
    return folder


def test_a_shop_of_a_seed_shares_nothing_with_the_films_of_that_seed(larger):
    shared = shared_with(larger / "movies", larger / "ecommerce")
    assert max(shared.values()) < 0.3, shared


def test_a_relabelled_copy_of_the_films_is_found_out(larger, tmp_path, monkeypatch):
    """The films' truth under the shop's words, as the shop once was."""
    films, shop = SCENARIOS["movies"], SCENARIOS["ecommerce"]
    named = zip(films.factors, shop.factors, strict=True)
    factors = tuple(replace(film, levels=product.levels) for film, product in named)
    copy = replace(shop, name="movies", factors=factors, process=films.process)
    monkeypatch.setitem(simulator.SCENARIOS, "copy", copy)
    simulate(tmp_path / "copy", scenario="copy", items=150, users=200, ratings=5000, seed=3)
    shared = shared_with(larger / "movies", tmp_path / "copy")
    assert min(shared.values()) > 0.9, shared


def test_no_two_scenarios_share_a_random_stream():
    for seed in range(5):
        drawn = [tuple(plan.stream(seed).generate_state(4)) for plan in SCENARIOS.values()]
        assert len(set(drawn)) == len(SCENARIOS)


def test_a_shop_is_a_sound_catalogue_too(shop, simulated):
    assert validate(shop).ok
    catalogue, plan = read_catalogue(shop), SCENARIOS["ecommerce"]
    assert json.loads((shop / "data_card.json").read_text())["scenario"] == "ecommerce"
    assert {path.split("/")[0] for path in catalogue.items["image"] if path} == {"pictures"}
    kinds = Truth.load(shop / "truth.npz").items[:, :6].argmax(axis=1)
    for text, kind in zip(catalogue.items["text"], kinds, strict=True):
        words = plan.words["genre"][plan.factor("genre").levels[kind]]
        assert not text or any(word in text.lower() for word in (*words["en"], *words["zh"]))
    assert "film" not in " ".join([*catalogue.items["text"], *catalogue.reviews])
    assert read_catalogue(simulated).items["title"].tolist() != catalogue.items["title"].tolist()


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_can_be_drawn_and_told(name):
    plan = SCENARIOS[name]
    assert sum(factor.share for factor in plan.factors) == pytest.approx(1)
    rng = np.random.default_rng(0)
    for kind in plan.factor("genre").levels:
        for style in plan.factor("style").levels:
            assert draw_poster(kind, style, rng).size == (120, 180)
    for role in ("genre", "setting"):
        assert tuple(plan.words[role]) == plan.factor(role).levels
    assert all(len(words[language]) >= 2 for words in plan.words["genre"].values() for language in ("en", "zh"))


@pytest.mark.parametrize("name", ["simulated", "shop"])
def test_media_show_what_they_should(name, request):
    folder = request.getfixturevalue(name)
    features = extract(read_catalogue(folder))
    factors = Truth.load(folder / "truth.npz").items
    seen = features.mask("image")
    pictures = features.blocks["image"][seen]
    pictures = (pictures - pictures.mean(axis=0)) / np.maximum(pictures.std(axis=0), 1e-6)
    genre = factors[seen, :6].argmax(axis=1)
    assert cross_val_score(LogisticRegression(max_iter=200), pictures, genre, cv=3).mean() > 0.9
    audible = features.mask("audio")
    sounds = features.blocks["audio"][audible]
    sounds = (sounds - sounds.mean(axis=0)) / sounds.std(axis=0)
    energy = cross_val_score(RidgeCV(np.logspace(0, 4, 9)), sounds, factors[audible, 7], cv=3).mean()
    craft = cross_val_score(RidgeCV(np.logspace(0, 4, 9)), sounds, factors[audible, -1], cv=3).mean()
    assert energy > 0.7
    assert craft < 0.2


def test_refuses_what_cannot_be(tmp_path):
    with pytest.raises(InputError, match="scenario"):
        simulate(tmp_path / "a", scenario="opera")
    with pytest.raises(InputError, match="do not fit"):
        simulate(tmp_path / "a", items=20, users=10, ratings=5000)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not empty"):
        simulate(tmp_path / "mine", items=20, users=10, ratings=100, force=True)
    assert (tmp_path / "mine/thesis.txt").exists()
