"""The audit of section 5 on a small catalogue: every fault has a row, and each does what the table says."""

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from mmrec.audit import (
    AS_IT_STANDS,
    FAULTS,
    Audit,
    Faults,
    accumulated,
    combined,
    mended_in_turn,
    one_at_a_time,
    parts,
    run,
)
from mmrec.audit.inputs import as_indices, cut_rows, pair_by_position
from mmrec.data.catalogue import LIKE_THRESHOLD
from mmrec.data.reader import read_catalogue
from mmrec.evaluation.comparison import Comparison
from mmrec.evaluation.metrics import auc

SMALL = {"epochs": 4, "batch_size": 256, "learning_rate": 0.02, "compiled": False}


@pytest.fixture(scope="module")
def audit(simulated):
    return Audit(read_catalogue(simulated), seed=0, **SMALL)


@pytest.fixture(scope="module")
def table(audit):
    return combined(audit)


def test_every_fault_has_a_switch_and_a_row(table):
    names = [fault.name for fault in FAULTS]
    assert names == [field.name for field in fields(Faults)]
    assert list(table.index) == names
    assert all(fault.section.startswith("5.") for fault in FAULTS)
    assert table["when run"].str.len().gt(0).all()
    assert Faults.everything().mended(*names) == Faults()


def test_the_listing_crashes_until_three_parts_are_mended(audit, table):
    in_turn = accumulated(audit)
    assert list(in_turn) == [AS_IT_STANDS, *table.index]
    assert "inconsistent numbers of samples: [1600, 60]" in in_turn[AS_IT_STANDS].error
    assert "ndim=4" in in_turn["lengths"].error
    assert in_turn["flat_convolution"].error
    assert not in_turn["strings"].error
    crashing = ["lengths", "flat_convolution", "strings"]
    assert table.loc[crashing, "AUC, alone"].isna().all()
    assert table.drop(crashing)["AUC, alone"].notna().all()
    assert table["AUC, in turn"].iloc[2:].notna().all()


@pytest.mark.parametrize("part", [parts.convolve_flat, lambda: parts.cut_unequal(5, 3)])
def test_parts_raise(part):
    with pytest.raises(ValueError):
        part()


def test_strings_and_flat_features_are_refused():
    assert parts.error_of(lambda: parts.feed_strings(["a film", "一部电影"])).startswith("ValueError")
    assert "shape=(1, 512)" in parts.error_of(lambda: parts.feed_features_as_picture(32))
    assert parts.error_of(lambda: None) == ""


def test_an_embedding_of_floats_forgets_the_text():
    rows = np.random.default_rng(0).random((4, 6)).astype(np.float32) * 0.99
    assert parts.embed_floats(rows) == {"texts": 4, "distinct": 4, "vectors": 1}
    assert np.array_equal(as_indices(rows), np.tile([1.0, 0.0], (4, 1)))
    rows[1, 2] = 1
    assert np.allclose(as_indices(rows)[1], [5 / 6, 1 / 6])


def test_the_loss_of_stars_falls_without_end(audit):
    found = parts.fit_stars(*audit.media_and_stars(), epochs=40)
    assert found["last"] < found["first"]
    assert found["last"] < 0
    assert found["mean"] > 0.9
    assert found["accuracy"] == pytest.approx(found["one star"], abs=0.05)


def test_accuracy_on_ratings_counts_one_star_as_right():
    scores, stars = np.array([0.9, 0.8, 0.2, 0.7]), np.array([1.0, 5.0, 1.0, 4.0])
    assert parts.keras_accuracy(scores, stars) == pytest.approx(1 / 4)


def test_the_leak_is_far_above_the_honest_figure(table, audit):
    leak = audit.run(Faults(review=True))
    assert leak.reported > leak.auc + 0.15
    assert leak.reported > audit.run(Faults()).auc + 0.1
    assert table.loc["review", "reported, alone"] == f"AUC {leak.reported:.3f}"


def test_rows_paired_by_position_destroy_the_signal(audit):
    honest, paired = audit.run(Faults(nobody=True)), audit.run(Faults(nobody=True, positions=True))
    assert honest.auc > 0.6
    assert abs(paired.auc - 0.5) < 0.08
    rows = audit.inputs.catalogue.interactions
    assert np.array_equal(pair_by_position(rows).item, np.arange(len(rows)) % rows.items)


def test_without_a_user_everybody_gets_one_list(table, audit):
    scores = audit.fitted(Faults(nobody=True)).scores
    assert (scores == scores[0]).all()
    assert table.loc["nobody", "when run"].startswith("1 list for")
    assert len(np.unique(audit.fitted(Faults()).scores, axis=0)) > 1


def test_the_mended_pipeline_is_judged_by_later_rows_that_it_never_read(audit):
    scores, _, likes = audit.test()
    assert audit.run(Faults()).auc == pytest.approx(auc(scores, likes))
    split = audit.inputs.split
    assert not set(split.test["warm"].row) & set(audit.inputs.past.row)
    train, validation, test = cut_rows(audit.inputs.past, np.random.default_rng(0))
    assert sorted(np.concatenate([train.row, validation.row, test.row])) == sorted(audit.inputs.past.row)
    assert audit.run(Faults()).auc > audit.chance().auc + 0.1


def test_choosing_on_the_test_never_lowers_what_is_reported(audit):
    chosen, honest = audit.run(Faults(test_as_validation=True)), audit.run(Faults())
    assert chosen.reported >= honest.reported
    assert (chosen.auc, chosen.ndcg) == (honest.auc, honest.ndcg)
    rng, likes = np.random.default_rng(0), np.arange(50) < 20
    assert parts.best_of_chance(likes, 100, rng) > 0.55 > abs(parts.best_of_chance(likes, 1, rng) - 0.5)


def test_faults_that_train_nothing_leave_the_figures(audit, table):
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
    assert parts.seconds_a_picture(1, True, side=32) > parts.seconds_a_picture(1, False, side=32)


def test_two_runs_are_equal(simulated, audit):
    again = Audit(read_catalogue(simulated), seed=0, **SMALL)
    for faults in (Faults(), Faults(review=True, raw_pictures=True, nobody=True), Faults(row_split=True, stars=True)):
        assert again.run(faults) == audit.run(faults)
        assert np.array_equal(again.fitted(faults).scores, audit.fitted(faults).scores)
    assert parts.error_of(parts.convolve_flat) == parts.error_of(parts.convolve_flat)


def test_one_pipeline_by_itself(simulated):
    result = run(read_catalogue(simulated), Faults(strings=True))
    assert re.match(r"\w+Error: ", result.error)
    assert np.isnan(result.auc)


@pytest.fixture(scope="module")
def record():
    """What chapter 12 and the README print of five seeds."""
    return json.loads((Path(__file__).parents[1] / "results/listing.json").read_text(encoding="utf-8"))


def test_the_record_has_the_faults_that_run_in_their_order(record, audit):
    assert record["seeds"] == 5
    assert record["command"] == "python benchmarks/listing.py --seeds 5"
    assert set(record["results"]) == {"alone", "in turn"}
    runs = [name for name, faults in one_at_a_time().items() if not audit.error(faults)]
    assert list(record["results"]["alone"]) == ["mended", *runs]
    assert list(record["results"]["in turn"]) == [
        name for name, faults in mended_in_turn().items() if not audit.error(faults)
    ]


@pytest.mark.parametrize(("part", "test"), [("alone", "mended - this"), ("in turn", "this - the step before")])
def test_the_rows_of_the_record_have_the_figures_of_the_table(record, audit, table, part, test):
    measured = {column.split(",")[0].lower() for column in table if re.match(rf"(AUC|NDCG@20), {part}$", column)}
    assert len(measured) == 2
    pair = {name: [audit.lists(faults)] for name, faults in (("a", Faults()), ("b", Faults(single_score=True)))}
    tested = set(Comparison(pair).against("a", ("b",)).columns)
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


def test_the_record_ends_in_the_mended_pipeline(record):
    alone, in_turn = record["results"]["alone"], record["results"]["in turn"]
    last = in_turn[FAULTS[-1].name]
    assert all(last[figure] == alone["mended"][figure] for figure in ("auc", "ndcg@20"))
    for fault in FAULTS:
        if fault.name in alone and Faults(**{fault.name: True}).training() == Faults():
            assert alone[fault.name]["auc"] == alone["mended"]["auc"], fault.name
