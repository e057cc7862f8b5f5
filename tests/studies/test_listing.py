"""The audit of section 5 on a small catalogue: every fault has a row, and each does what the table says."""

import re
from dataclasses import fields, replace

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn.model_selection
from sklearn.feature_extraction.text import TfidfVectorizer

from mmrec.data.catalogue import LIKE_THRESHOLD
from mmrec.data.reader import read_catalogue
from mmrec.evaluation.comparison import Comparison
from mmrec.evaluation.metrics import auc
from mmrec.evaluation.record import load_record
from studies.listing import (
    AS_IT_STANDS,
    CRASHES,
    FAULTS,
    ORDERS,
    Audit,
    Faults,
    Program,
    accumulated,
    combined,
    one_at_a_time,
    parts,
    repaired_in_turn,
    run,
)
from studies.listing.inputs import as_indices, cut_rows, pair_by_position
from studies.listing.program import branches, build

MENDED = "mended"
"""Name of the fully repaired pipeline in the record."""
SMALL = {"epochs": 4, "batch_size": 256, "learning_rate": 0.02, "compiled": False}


@pytest.fixture(scope="module")
def audit(simulated):
    small = Audit(read_catalogue(simulated), seed=0, **SMALL)
    small.program.rows = 4  # pictures of full size take time
    return small


@pytest.fixture(scope="module")
def table(audit):
    return combined(audit)


def test_every_fault_has_a_switch_and_a_row(table):
    names = [fault.name for fault in FAULTS]
    assert names == [field.name for field in fields(Faults)]
    assert list(table.index) == names
    assert all(fault.section.startswith("5.") for fault in FAULTS)
    assert table["when run"].str.len().gt(0).all()
    assert Faults.everything().repaired(*names) == Faults()


AS_PRINTED = {
    "lengths": ("5.2.1", "inconsistent numbers of samples: [1600, 60, 60, 1600]"),
    "missing": ("5.2.2", "np.nan is an invalid document"),
    "flat_convolution": ("5.2.3", "expected min_ndim=4, found ndim=2. Full shape received: (None, 13)"),
    "strings": ("5.2.3", "Invalid dtype: str"),
    "narrow": ("5.2.3", "expected shape=(None, 1000), found shape=(None, "),
    "batch_axis": ("5.2.4", "'x' sizes: 1, 25088, 13"),
    "served_features": ("5.2.4", "expected shape=(None, 224, 224, 3), found shape=(1, 25088)"),
}
"""Crash -> section and text of its error: the statements alone, in ``test_the_statements_alone``, raise the same."""


@pytest.fixture(scope="module")
def program(audit):
    return audit.program


@pytest.fixture(scope="module")
def steps(program):
    return program.steps()


def test_the_program_stops_at_each_crash_in_the_order_of_the_repairs(steps, table):
    assert list(AS_PRINTED) == list(CRASHES) == [fault.name for fault in FAULTS[: len(CRASHES)]]
    for name, trace in zip(CRASHES, steps, strict=False):
        section, text = AS_PRINTED[name]
        assert (trace.section, trace.printed) == (section, ""), name
        assert text in trace.error, name
        assert table.loc[name, "when run"] == trace.error


def test_all_repairs_let_the_program_reach_its_last_line(steps):
    assert (steps[-1].error, steps[-1].section) == ("", "5.2.4")
    assert re.fullmatch(r"\[\[[\d.e-]+\]\]", steps[-1].printed)


@pytest.mark.parametrize("name", CRASHES)
def test_each_repair_is_necessary(program, name):
    trace = program.run([other for other in CRASHES if other != name])
    assert trace.section == AS_PRINTED[name][0]
    assert trace.error
    assert not trace.printed


def test_an_error_does_not_depend_on_earlier_runs(program, steps):
    """Chapter 12 prints the errors twice: those of ``steps``, and those of ``Audit.error``, whose runs come later."""
    assert program.run(CRASHES) == steps[-1]
    for count, trace in enumerate(steps[:-1]):
        assert program.run(CRASHES[:count]).error == trace.error


class Called(Exception):
    """Raised in place of the call that is looked at."""


def arguments(monkeypatch, program, owner, call, repaired):
    """What the program passes to a library's function with these repairs."""
    seen = []

    def spy(*args, **kwargs):
        seen.append((args, kwargs))
        raise Called

    monkeypatch.setattr(owner, call, spy)
    assert program.run(repaired).error.startswith("Called")
    return seen[0]


def test_the_split_is_called_as_printed(monkeypatch, program):
    columns, settings = arguments(monkeypatch, program, sklearn.model_selection, "train_test_split", ())
    assert settings == {"test_size": 0.2, "random_state": 42}
    assert [column.name for column in columns] == ["text", "image", "audio", "rating"]
    assert [len(column) for column in columns] == [1600, 60, 60, 1600]


def test_the_network_is_fitted_as_printed(monkeypatch, program):
    (_, fed, stars), settings = arguments(monkeypatch, program, keras.Model, "fit", CRASHES[:3])
    assert [(type(column), column.dtype) for column in fed] == [(pd.Series, pd.Series(["a"]).dtype)] * 3
    assert stars.isin([1, 2, 3, 4, 5]).all()
    held, held_stars = settings["validation_data"]
    assert len(held) == 3
    assert len(held_stars) == len(held[0])
    assert (settings["batch_size"], settings["epochs"]) == (32, 10)


def test_the_last_line_predicts_as_printed(monkeypatch, program):
    predict, seen = keras.Model.predict, []

    def spy(self, x, **settings):
        seen.append(x)
        return predict(self, x, **settings)

    monkeypatch.setattr(keras.Model, "predict", spy)
    assert AS_PRINTED["batch_axis"][1] in program.run(CRASHES[:5]).error
    text, image, audio = seen[-1]
    assert (text.shape[0], text.dtype) == (1, np.float64)
    assert (image.shape, image.dtype) == ((25088,), np.float32)
    assert (audio.shape, audio.dtype) == ((13,), np.float32)


def test_the_statements_alone_raise_the_same(steps):
    """The printed calls, each by itself and with none of the project's code around it."""
    word, picture, sound = keras.Input((1000,)), keras.Input((224, 224, 3)), keras.Input((13,))
    flat = [keras.layers.Flatten()(entrance[..., :1]) for entrance in (word, picture, sound)]
    network = keras.Model([word, picture, sound], keras.layers.Dense(1)(keras.layers.Concatenate()(flat)))
    network.compile(optimizer="adam", loss="binary_crossentropy")
    row, maps, means = np.zeros((1, 1000)), np.zeros(25088, np.float32), np.zeros(13, np.float32)
    texts, stars = pd.Series(["a film", "一部电影"]), pd.Series([1, 5])
    alone = {
        "lengths": lambda: sklearn.model_selection.train_test_split(
            *(np.zeros(size) for size in (1600, 60, 60, 1600)), test_size=0.2, random_state=42
        ),
        "missing": lambda: TfidfVectorizer(max_features=1000).fit_transform(pd.Series(["a film", None])),
        "flat_convolution": lambda: keras.layers.Conv2D(32, (3, 3), activation="relu")(keras.Input(shape=(13,))),
        "strings": lambda: network.fit([texts, texts, texts], stars, verbose=0),
        "batch_axis": lambda: network.predict([row, maps, means], verbose=0),
        "served_features": lambda: network.predict([row, maps[None], means[None]], verbose=0),
    }
    for name, statement in alone.items():
        assert parts.error_of(statement) == steps[CRASHES.index(name)].error, name


def test_a_repair_that_does_not_exist_is_refused(program):
    with pytest.raises(ValueError, match="no crash of the program: stars"):
        program.run(["stars"])


def test_the_joined_matrices_are_never_read(program, steps):
    assert program.run(CRASHES, spoil_joined=True) == steps[-1]


def test_the_pipelines_run_once_the_crashes_are_repaired(audit, table):
    in_turn = accumulated(audit)
    assert list(in_turn) == [AS_IT_STANDS, *table.index]
    assert [name for name, one in in_turn.items() if one.error] == [AS_IT_STANDS, *CRASHES[:-1]]
    assert table.loc[list(CRASHES), "AUC, alone"].isna().all()
    assert table.drop(list(CRASHES))["AUC, alone"].notna().all()
    assert table["AUC, in turn"].iloc[len(CRASHES) - 1 :].notna().all()


def test_pictures_fill_the_merged_vector():
    assert branches() == {"text": 512, "image": 394272, "audio": 32}
    network = build(dense_audio=True)
    assert (len(network.inputs), len(network.outputs)) == (3, 1)
    assert network.inputs[2].shape == (None, 13)


def test_an_absent_picture_is_none():
    error = parts.error_of(lambda: Program(pd.DataFrame(), pd.DataFrame(), "nowhere").pixels("none.jpg"))
    assert "!ssize.empty()" in error
    assert "/" not in error


def test_a_chinese_phrase_stays_whole():
    assert parts.tokens(["这部电影很好看", "电影很好看"]) == ["电影很好看", "这部电影很好看"]


def test_the_lstm_reads_columns_not_words():
    texts = ["the film is good and not bad", "the film is bad and not good", "a very long story"]
    found = parts.read_as_sequence(texts)
    assert found["the same words in another order"] == 0
    assert found["the same text, columns in another order"] > 1e-4


def test_praise_decides_the_score_for_every_film():
    texts = ["wonderful film", "wonderful story", "boring film", "boring story"] * 5
    likes = np.tile([True, True, False, False], 5)
    (high, low, none), words = parts.score_praise(texts, likes, ["wonderful", "boring", "unheard of"])
    assert high > 0.7 > 0.3 > low
    assert words == [1, 1, 0]
    assert none == pytest.approx(0.5, abs=0.05)


def test_keras_turns_the_channels_that_opencv_has_turned():
    found = parts.channels()
    assert found["read by OpenCV"] == found["prepared from RGB"] == [0, 0, 255]
    assert found["prepared from OpenCV's order"] == [255, 0, 0]


def test_an_mp3_has_nearly_the_features_of_its_source(audit):
    catalogue = audit.inputs.catalogue
    paths = [catalogue.media_path(item, "audio") for item in range(12)]
    found = parts.compare_mp3([path for path in paths if path is not None])
    assert 0 < found["to itself"] < found["to others"]


def test_floats_that_print_short():
    """One in about 1,900 below 1, counted by NumPy's own printing on a short stretch."""
    count, numbers = parts.floats_printed_short(0.9, 1.0)
    assert 1800 < numbers / count < 2000
    first, last = np.array([0.9020, 0.9027], np.float32).view(np.int32)
    printed = [str(value) for value in np.arange(first, last, dtype=np.int32).view(np.float32)]
    assert sum(len(text) == 6 for text in printed) == parts.floats_printed_short(0.9020, 0.9027)[0]
    assert printed.count("0.9024") == 1


def test_an_embedding_of_floats_forgets_the_text():
    rows = np.random.default_rng(0).random((4, 6)).astype(np.float32) * 0.99
    assert parts.embed_floats(rows) == {"texts": 4, "distinct": 4, "vectors": 1}
    assert np.array_equal(as_indices(rows), np.tile([1.0, 0.0], (4, 1)))
    rows[1, 2] = 1
    assert np.allclose(as_indices(rows)[1], [5 / 6, 1 / 6])


def test_the_loss_of_stars_falls_without_end(audit):
    found = parts.fit_stars(*audit.media_and_stars(), **(parts.QUICK | {"epochs": 40}))
    assert found["last"] < found["first"]
    assert found["last"] < 0
    assert found["mean"] > 0.9
    assert found["accuracy"] == pytest.approx(found["one star"], abs=0.05)


def test_accuracy_on_ratings_counts_one_star_as_right():
    scores, stars = np.array([0.9, 0.8, 0.2, 0.7]), np.array([1.0, 5.0, 1.0, 4.0])
    assert parts.keras_accuracy(scores, stars) == pytest.approx(1 / 4)


def test_the_leak_is_far_above_the_honest_auc_where_reviews_tell_the_rating(simulated):
    """Simulated reviews are noisy; these say it plainly, so that the size of the leak does not hang on the noise."""
    catalogue = read_catalogue(simulated)
    liked = catalogue.interactions.rating >= LIKE_THRESHOLD
    plain = tuple("superb, loved it" if like else "dull, hated it" for like in liked)
    audit = Audit(replace(catalogue, reviews=plain), seed=0, **SMALL)
    leak = audit.run(Faults(review=True))
    assert leak.reported > leak.auc + 0.15
    assert leak.reported > audit.run(Faults()).auc + 0.1


def test_the_leak_is_reported(table, audit):
    leak = audit.run(Faults(review=True))
    assert leak.reported > leak.auc
    assert table.loc["review", "reported, alone"] == f"AUC {leak.reported:.3f}"


def test_rows_paired_by_position_destroy_the_signal(audit):
    honest, paired = audit.run(Faults(nobody=True)), audit.run(Faults(nobody=True, positions=True))
    assert honest.auc > 0.6
    assert abs(paired.auc - 0.5) < 0.08
    rows = audit.inputs.catalogue.interactions
    assert np.array_equal(pair_by_position(rows).item, np.arange(len(rows)) % rows.items)


def test_without_a_user_every_user_gets_one_list(table, audit):
    scores = audit.fitted(Faults(nobody=True)).scores
    assert (scores == scores[0]).all()
    assert table.loc["nobody", "when run"].startswith("1 list for")
    assert len(np.unique(audit.fitted(Faults()).scores, axis=0)) > 1


def test_the_repaired_pipeline_is_judged_by_later_rows_that_it_never_read(audit):
    scores, _, likes = audit.test()
    assert audit.run(Faults()).auc == pytest.approx(auc(scores, likes))
    split = audit.inputs.split
    assert not set(split.test["warm"].row) & set(audit.inputs.past.row)
    train, validation, test = cut_rows(audit.inputs.past, np.random.default_rng(0))
    assert sorted(np.concatenate([train.row, validation.row, test.row])) == sorted(audit.inputs.past.row)
    assert audit.run(Faults()).auc > audit.chance().auc + 0.1


def test_faults_that_train_nothing_leave_the_metrics(audit, table):
    honest = audit.run(Faults())
    for name in ("rebuilt_network", "misread_score"):
        assert table.loc[name, "AUC, alone"] == honest.auc
        assert table.loc[name, "NDCG@20, alone"] == honest.ndcg
    assert table.loc["single_score", "NDCG@20, alone"] < honest.ndcg


def test_calibration_by_hand():
    scores, stars = np.array([0.1, 0.9, 0.92, 0.5]), np.array([2.0, 5.0, 3.0, 4.0])
    (row,) = parts.calibration(scores, stars, stars >= LIKE_THRESHOLD, (0.85, 0.95))
    assert (row["pairs"], row["likes"], row["stars"]) == (2, 0.5, 4.0)
    assert row["as read in 5.4"] == pytest.approx(5 * 0.91)


def test_pictures_on_and_off_their_scale(audit):
    found = parts.scales(audit.inputs.pictures[:8])
    assert found["given"]["highest"] <= 1
    assert found["expected"]["deviation"] == pytest.approx(255 * found["given"]["deviation"], rel=0.1)
    assert audit.inputs.pictures_off_scale.shape == audit.inputs.features.blocks["image"].shape


def test_a_rebuilt_network_takes_longer():
    assert parts.seconds_a_picture(3, True, side=32) > parts.seconds_a_picture(3, False, side=32)


def test_two_runs_are_equal(simulated, audit):
    again = Audit(read_catalogue(simulated), seed=0, **SMALL)
    for faults in (Faults(), Faults(review=True, raw_pictures=True, nobody=True), Faults(row_split=True, stars=True)):
        assert again.run(faults) == audit.run(faults)
        assert np.array_equal(again.fitted(faults).scores, audit.fitted(faults).scores)


def test_one_pipeline_by_itself(simulated):
    result = run(read_catalogue(simulated), Faults(lengths=True))
    assert re.match(r"\w+Error: ", result.error)
    assert np.isnan(result.auc)


@pytest.fixture(scope="module")
def record():
    """What chapter 12 and the README print of five seeds."""
    return load_record("listing")


NEWER = ("order", "stars", "printed")
"""Parts that a record made before this version of the audit does not have."""


def skip_an_older(record):
    if not set(NEWER) & set(record["results"]):
        pytest.skip("made by an older version of the audit; make it again: python -m studies.listing.record --seeds 5")


def test_the_order_of_two_repairs_matters_for_the_lists_of_every_recorded_seed(record):
    """By AUC it holds for the mean over the seeds alone: chapter 12 counts the seeds."""
    skip_an_older(record)
    auc = {name: np.array(record["results"]["order"][name]["auc"]) for name in ORDERS}
    ndcg = {name: np.array(record["results"]["order"][name]["ndcg@20"]) for name in ORDERS}
    assert all(len(values) == record["seeds"] for values in (*auc.values(), *ndcg.values()))
    raw, unscaled, raw_scaled, scaled = ndcg.values()
    assert (unscaled < raw).all()
    assert (scaled - raw_scaled > unscaled - raw).all()
    raw, unscaled, raw_scaled, scaled = (values.mean() for values in auc.values())
    assert unscaled < raw
    assert scaled - raw_scaled > unscaled - raw


def test_the_record_has_the_faults_that_run_in_their_order(record, audit):
    skip_an_older(record)
    assert record["seeds"] == 5
    assert record["command"] == "python -m studies.listing.record --seeds 5"
    assert set(record["results"]) == {"alone", "in turn", *NEWER}
    assert all(len(record["results"][part]) == record["seeds"] for part in ("stars", "printed"))
    runs = [name for name, faults in one_at_a_time().items() if not audit.error(faults)]
    assert list(record["results"]["alone"]) == [MENDED, *runs]
    assert list(record["results"]["in turn"]) == [
        name for name, faults in repaired_in_turn().items() if not audit.error(faults)
    ]


@pytest.mark.parametrize(("part", "test"), [("alone", "mended - this"), ("in turn", "this - the step before")])
def test_the_rows_of_the_record_have_the_metrics_of_the_table(record, audit, table, part, test):
    measured = {column.split(",")[0].lower() for column in table if re.match(rf"(AUC|NDCG@20), {part}$", column)}
    assert len(measured) == 2
    pair = {name: [audit.lists(faults)] for name, faults in (("a", Faults()), ("b", Faults(single_score=True)))}
    tested = set(Comparison(pair).against("a", ("b",)).columns)
    if not set(NEWER) & set(record["results"]):
        tested -= {"at floor"}  # an older record has no mark of p at its floor; a new one must have it
    rows = record["results"][part]
    first, *others = rows
    assert set(rows[first]) == measured
    before = rows[first]
    for name in others:
        row = rows[name]
        assert set(row) == measured | {test}
        assert set(row[test]) == tested
        gap = before["ndcg@20"][0] - row["ndcg@20"][0]
        assert row[test]["difference"] == pytest.approx(gap if part == "alone" else -gap, abs=2e-6)
        assert 0 < row[test]["p"] <= row[test]["p (Holm)"] <= 1
        before = rows[first] if part == "alone" else row
    for row in rows.values():
        assert all(0 <= low <= mean <= high <= 1 for mean, low, high in (row[figure] for figure in measured))


def test_the_record_ends_in_the_repaired_pipeline(record):
    alone, in_turn = record["results"]["alone"], record["results"]["in turn"]
    last = in_turn[FAULTS[-1].name]
    assert all(last[figure] == alone[MENDED][figure] for figure in ("auc", "ndcg@20"))
    for fault in FAULTS:
        if fault.name in alone and Faults(**{fault.name: True}).training() == Faults():
            assert alone[fault.name]["auc"] == alone[MENDED]["auc"], fault.name
