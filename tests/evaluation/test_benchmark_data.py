"""Every layout becomes the same: ids, interactions, features and splits."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from layout_folders import ITEMS, USERS, features, pairs, write_diffmm, write_inter, write_microlens

from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.errors import InputError
from mmrec.evaluation.benchmark_data import BenchmarkData, read_layout


def pairs_of(rows: Interactions) -> set[tuple[int, int]]:
    return set(zip(rows.user.tolist(), rows.item.tolist(), strict=True))


def expected_part(number: int) -> set[tuple[int, int]]:
    user, item, part = pairs()
    return {(int(u), int(i)) for u, i, p in zip(user, item, part, strict=True) if p == number}


@pytest.fixture(params=["mmrec", "diffmm"])
def given(request, tmp_path) -> tuple[Path, str]:
    """A folder with a given split, and its layout."""
    folder = tmp_path / "baby"
    write_inter(folder) if request.param == "mmrec" else write_diffmm(folder)
    np.save(folder / "text_feat.npy", features())
    np.save(folder / "image_feat.npy", features(width=3, seed=1))
    return folder, request.param


def test_the_given_split_is_kept(given):
    benchmark_data = read_layout(*given)
    assert (len(benchmark_data.user_ids), len(benchmark_data.item_ids)) == (USERS, ITEMS)
    split = benchmark_data.split()
    assert pairs_of(split.train) == expected_part(0)
    assert pairs_of(split.validation) == expected_part(1)
    assert pairs_of(split.test["warm"]) == expected_part(2)
    assert list(split.test) == ["warm"]
    assert not split.cold_items.any()
    assert not split.cold_users.any()
    assert benchmark_data.interactions.is_implicit()


def test_feature_rows_are_the_items(given):
    benchmark_data = read_layout(*given)
    assert benchmark_data.features.modalities == ("text", "image")
    assert benchmark_data.features.item_ids == benchmark_data.item_ids == tuple(map(str, range(ITEMS)))
    np.testing.assert_allclose(benchmark_data.features.blocks["text"], features().astype(np.float32))
    assert benchmark_data.features.blocks["image"].dtype == np.float32
    np.testing.assert_array_equal(benchmark_data.features.present.sum(axis=0), [ITEMS, ITEMS, 0])


def test_cold_items_leave_training_and_are_a_test_of_their_own(given):
    benchmark_data = read_layout(*given)
    split = benchmark_data.split(seed=3, cold_items=0.2)
    cold = set(np.flatnonzero(split.cold_items).tolist())
    assert len(cold) == 4
    everything = [expected_part(number) for number in range(3)]
    for rows, all_of_it in zip((split.train, split.validation, split.test["warm"]), everything, strict=True):
        assert pairs_of(rows) == {(u, i) for u, i in all_of_it if i not in cold}
    assert pairs_of(split.test["cold-item"]) == {(u, i) for u, i in set().union(*everything) if i in cold}
    again = benchmark_data.split(seed=3, cold_items=0.2)
    np.testing.assert_array_equal(split.cold_items, again.cold_items)


def test_cold_users_likewise(given):
    split = read_layout(*given).split(cold_users=0.25)
    cold = set(np.flatnonzero(split.cold_users).tolist())
    assert len(cold) == 3
    assert not cold & set(split.train.user.tolist())
    assert len(split.test["cold-user"]) == 30


def test_without_features_the_highest_id_counts(tmp_path):
    folder = tmp_path / "baby"
    write_inter(folder)
    benchmark_data = read_layout(folder, "mmrec")
    assert len(benchmark_data.item_ids) == ITEMS
    assert benchmark_data.features.modalities == ()


def test_missing_files_columns_and_layouts_are_named(tmp_path):
    with pytest.raises(InputError, match="choose from catalogue, mmrec, diffmm, microlens"):
        read_layout(tmp_path, "other")
    with pytest.raises(InputError, match="no folder"):
        read_layout(tmp_path / "absent", "mmrec")
    with pytest.raises(InputError, match="found none"):
        read_layout(tmp_path, "mmrec")
    with pytest.raises(InputError, match=r"trnMat\.pkl is missing"):
        read_layout(tmp_path, "diffmm")
    with pytest.raises(InputError, match=r"_pairs\.csv, found none"):
        read_layout(tmp_path, "microlens")
    (tmp_path / "a.inter").write_text("user\titem\n1\t2\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column 'userID'"):
        read_layout(tmp_path, "mmrec")


@pytest.fixture
def extracted(monkeypatch) -> list[Catalogue]:
    """Catalogues handed to the extractor, in its place: the readers are tested here, not the encoders."""
    from mmrec.features.table import Features

    seen: list[Catalogue] = []

    def extract(catalogue, **options):
        seen.append(catalogue)
        return Features(catalogue.item_ids, {}, np.zeros((len(catalogue.item_ids), 3), bool))

    monkeypatch.setitem(sys.modules, "mmrec.features.extraction", SimpleNamespace(extract=extract))
    return seen


def test_microlens_becomes_a_catalogue(tmp_path, extracted):
    benchmark_data = read_layout(write_microlens(tmp_path / "ml"), "microlens")
    assert benchmark_data.item_ids == ("b", "a", "c")  # titles first, then what only pairs name
    assert benchmark_data.user_ids == ("u0", "u1")
    (catalogue,) = extracted
    assert catalogue.items["text"].tolist() == ["One, with comma", "Two", ""]
    assert catalogue.items["image"].tolist() == ["", "covers/a.jpg", ""]
    assert catalogue.items["audio"].tolist() == ["audios/b.mp3", "", ""]
    assert benchmark_data.interactions.timestamp.tolist() == [1_600_000_000 + n for n in range(24)]
    assert benchmark_data.interactions.item[:3].tolist() == [1, 0, 2]
    split = benchmark_data.split()
    for user in range(2):  # of 12 rows in time: 9 train, 1 validates, 2 test
        times = [rows.timestamp[rows.user == user] for rows in (split.train, split.validation, split.test["warm"])]
        assert [len(part) for part in times] == [9, 1, 2]
        assert times[0].max() < times[1].min() < times[2].min()


def test_a_catalogue_is_cut_by_time_with_its_duplicates_together(tmp_path, extracted, monkeypatch):
    import pandas as pd

    ids = [str(n) for n in range(10)]
    items = pd.DataFrame({"item_id": ids, "text": ids, "image": "", "audio": "", "twin_of": [""] * 9 + ["0"]})
    user, item = np.repeat(np.arange(3), 10), np.tile(np.arange(10), 3)
    time = np.tile(np.arange(10), 3)
    rows = Interactions(user, item, np.full(30, 5, np.float32), time, np.arange(30), 3, 10)
    made = Catalogue(tmp_path, items, ("x", "y", "z"), rows, ("",) * 30, pd.DataFrame(), pd.DataFrame(), "f00d")
    reader = SimpleNamespace(read_catalogue=lambda folder, drop_faulty: made)
    monkeypatch.setitem(sys.modules, "mmrec.data.reader", reader)
    benchmark_data = read_layout(tmp_path, "catalogue")
    assert isinstance(benchmark_data, BenchmarkData)
    assert (benchmark_data.fingerprint, benchmark_data.duplicates) == ("f00d", [[0, 9]])
    assert set(benchmark_data.split().test["warm"].item.tolist()) == {9}
    draws = [benchmark_data.split(seed, cold_items=0.3).cold_items[[0, 9]].tolist() for seed in range(20)]
    assert {tuple(draw) for draw in draws} == {(True, True), (False, False)}
