import os
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import coo_matrix

from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.errors import InputError, IntegrityError
from mmrec.evaluation.layouts import Bundle, read_layout

USERS, ITEMS = 12, 20


def features(items: int = ITEMS, width: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(items, width))


def pairs(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each user's 10 different items, in order, and their parts: 8 train, 1 validation, 1 test."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(USERS), 10)
    item = np.concatenate([rng.choice(ITEMS - 1, 10, replace=False) for _ in range(USERS)])
    item[0] = ITEMS - 1
    return user, item, np.tile([0] * 8 + [1, 2], USERS)


def write_inter(folder: Path, *, timestamp: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    user, item, part = pairs()
    path = folder / f"{folder.name}.inter"
    lines = ["userID\titemID\trating\tx_label" + ("\ttimestamp" if timestamp else "")]
    for n, (u, i, p) in enumerate(zip(user, item, part, strict=True)):
        lines.append(f"{u}\t{i}\t{1 + n % 5}\t{p}" + (f"\t{10_000 - n}" if timestamp else ""))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_diffmm(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    user, item, part = pairs()
    for number, name in enumerate(("trnMat", "valMat", "tstMat")):
        keep = part == number
        matrix = coo_matrix((np.ones(keep.sum()), (user[keep], item[keep])), (USERS, ITEMS))
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(matrix))


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
    bundle = read_layout(*given)
    assert (len(bundle.user_ids), len(bundle.item_ids)) == (USERS, ITEMS)
    split = bundle.split()
    assert pairs_of(split.train) == expected_part(0)
    assert pairs_of(split.validation) == expected_part(1)
    assert pairs_of(split.test["warm"]) == expected_part(2)
    assert list(split.test) == ["warm"]
    assert not split.cold_items.any()
    assert not split.cold_users.any()
    assert bundle.interactions.is_implicit()


def test_feature_rows_are_the_items(given):
    bundle = read_layout(*given)
    assert bundle.features.modalities == ("text", "image")
    assert bundle.features.item_ids == bundle.item_ids == tuple(map(str, range(ITEMS)))
    np.testing.assert_allclose(bundle.features.blocks["text"], features().astype(np.float32))
    assert bundle.features.blocks["image"].dtype == np.float32
    np.testing.assert_array_equal(bundle.features.present.sum(axis=0), [ITEMS, ITEMS, 0])


def test_cold_items_leave_training_and_are_a_test_of_their_own(given):
    bundle = read_layout(*given)
    split = bundle.split(seed=3, cold_items=0.2)
    cold = set(np.flatnonzero(split.cold_items).tolist())
    assert len(cold) == 4
    everything = [expected_part(number) for number in range(3)]
    for rows, all_of_it in zip((split.train, split.validation, split.test["warm"]), everything, strict=True):
        assert pairs_of(rows) == {(u, i) for u, i in all_of_it if i not in cold}
    assert pairs_of(split.test["cold-item"]) == {(u, i) for u, i in set().union(*everything) if i in cold}
    again = bundle.split(seed=3, cold_items=0.2)
    np.testing.assert_array_equal(split.cold_items, again.cold_items)


def test_cold_users_likewise(given):
    split = read_layout(*given).split(cold_users=0.25)
    cold = set(np.flatnonzero(split.cold_users).tolist())
    assert len(cold) == 3
    assert not cold & set(split.train.user.tolist())
    assert len(split.test["cold-user"]) == 30


def test_a_row_short_names_the_file(given):
    folder, layout = given
    np.save(folder / "text_feat.npy", features(ITEMS - 1))
    with pytest.raises(InputError, match=rf"text_feat\.npy: {ITEMS - 1} rows"):
        read_layout(folder, layout)


def test_arrays_that_disagree_name_the_file(given):
    folder, layout = given
    np.save(folder / "image_feat.npy", features(ITEMS + 1))
    with pytest.raises(InputError, match=rf"image_feat\.npy: {ITEMS + 1} rows"):
        read_layout(folder, layout)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_a_value_that_is_not_finite_names_the_row(given, bad):
    folder, layout = given
    array = features()
    array[7, 2] = bad
    np.save(folder / "text_feat.npy", array)
    with pytest.raises(InputError, match=r"text_feat\.npy: row 7 is not finite"):
        read_layout(folder, layout)


def test_float16_is_cast_before_anything_is_summed(given):
    folder, layout = given
    array = np.full((ITEMS, 4), 60_000, np.float16)
    np.save(folder / "text_feat.npy", array)
    block = read_layout(folder, layout).features.blocks["text"]
    assert block.dtype == np.float32
    assert block.sum() == 4 * ITEMS * np.float32(np.float16(60_000))


def test_a_row_of_zeros_is_an_absent_modality(given):
    folder, layout = given
    array = features()
    array[5] = 0
    np.save(folder / "text_feat.npy", array)
    mask = read_layout(folder, layout).features.mask("text")
    assert np.flatnonzero(~mask).tolist() == [5]


def test_an_array_of_objects_is_not_unpickled(given):
    folder, layout = given
    np.save(folder / "text_feat.npy", np.array([[object]] * ITEMS, object), allow_pickle=True)
    with pytest.raises(IntegrityError, match=r"text_feat\.npy: refused"):
        read_layout(folder, layout)


@pytest.mark.parametrize("array", [np.zeros(ITEMS), np.array([["a"]] * ITEMS)])
def test_another_shape_or_type_is_refused(given, array):
    folder, layout = given
    np.save(folder / "text_feat.npy", array)
    with pytest.raises(InputError, match=r"text_feat\.npy: expected numbers"):
        read_layout(folder, layout)


def test_a_truncated_array_is_refused(given):
    folder, layout = given
    path = folder / "text_feat.npy"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="not a whole"):
        read_layout(folder, layout)


def test_the_fingerprint_is_that_of_the_content(given, tmp_path):
    folder, layout = given
    first = read_layout(folder, layout).fingerprint
    assert read_layout(folder, layout).fingerprint == first
    np.save(folder / "text_feat.npy", features(seed=9))
    assert read_layout(folder, layout).fingerprint != first


def test_without_features_the_highest_id_counts(tmp_path):
    folder = tmp_path / "baby"
    write_inter(folder)
    bundle = read_layout(folder, "mmrec")
    assert len(bundle.item_ids) == ITEMS
    assert bundle.features.modalities == ()


def test_ids_with_gaps_keep_their_rows(tmp_path):
    folder = tmp_path / "gaps"
    folder.mkdir()
    (folder / "gaps.inter").write_text("userID\titemID\trating\tx_label\n0\t0\t1\t0\n3\t9\t1\t2\n", encoding="utf-8")
    np.save(folder / "text_feat.npy", features(12))
    bundle = read_layout(folder, "mmrec")
    assert (bundle.interactions.users, bundle.interactions.items) == (4, 12)
    np.testing.assert_allclose(bundle.features.blocks["text"][9], features(12)[9].astype(np.float32))


def test_time_is_read_where_it_is_given_and_else_the_order_within_the_user(tmp_path):
    write_inter(tmp_path / "a", timestamp=True)
    assert read_layout(tmp_path / "a", "mmrec").interactions.timestamp.tolist() == list(range(10_000, 10_000 - 120, -1))
    write_inter(tmp_path / "b")
    assert read_layout(tmp_path / "b", "mmrec").interactions.timestamp.tolist() == [0] * 10 * USERS


def test_arrays_named_by_their_encoder(tmp_path):
    folder = tmp_path / "music"
    write_inter(folder).rename(folder / "other.inter")
    (folder / "other_og_ids.inter").write_text("original ids", encoding="utf-8")
    arrays = {"all-MiniLM-L6-v2": 5, "vggish": 3, "whisper": 2}
    for seed, (name, width) in enumerate(arrays.items()):
        np.save(folder / f"{name}.npy", features(width=width, seed=seed))
    found = read_layout(folder, "mmrec").features
    assert found.blocks["text"].shape == (ITEMS, 5)
    beside = np.hstack([features(width=3, seed=1), features(width=2, seed=2)]).astype(np.float32)
    np.testing.assert_array_equal(found.blocks["audio"], beside)
    assert found.info["audio"]["encoder"] == "vggish+whisper"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x\t1\t1\t0", "row 122: userID is 'x'"),
        ("1\t-1\t1\t0", "row 122: itemID is '-1'"),
        ("1\t1.5\t1\t0", "row 122: itemID is '1.5'"),
        ("1\t1\t1\t3", "row 122: x_label is '3', expected 0 to 2"),
    ],
)
def test_a_faulty_row_is_named(tmp_path, line, message):
    path = write_inter(tmp_path / "baby")
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_layout(tmp_path / "baby", "mmrec")


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


def test_a_malicious_matrix_is_refused_and_not_run(tmp_path):
    class Malicious:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    write_diffmm(tmp_path / "tiktok")
    (tmp_path / "tiktok" / "valMat.pkl").write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(IntegrityError, match=r"valMat\.pkl: refused, the pickle asks for \w+\.system"):
        read_layout(tmp_path / "tiktok", "diffmm")
    assert not (tmp_path / "ran").exists()


def test_matrices_of_different_shapes_are_refused(tmp_path):
    write_diffmm(tmp_path)
    (tmp_path / "valMat.pkl").write_bytes(pickle.dumps(coo_matrix(np.eye(USERS, ITEMS + 1))))
    with pytest.raises(InputError, match=r"valMat\.pkl: shape"):
        read_layout(tmp_path, "diffmm")


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


def write_microlens(folder: Path) -> Path:
    (folder / "covers").mkdir(parents=True)
    (folder / "audios").mkdir()
    (folder / "ML_titles.csv").write_text('item,title\nb,"One, with comma"\na,Two\n', encoding="utf-8")
    rows = [f"u{n % 2},{'abc'[n % 3]},{1_600_000_000_000 + 1000 * n}" for n in range(24)]
    (folder / "ML_pairs.csv").write_text("\n".join(["user,item,timestamp", *rows]), encoding="utf-8")
    (folder / "covers" / "a.jpg").write_bytes(b"a")
    (folder / "audios" / "b.mp3").write_bytes(b"b")
    return folder


def test_microlens_becomes_a_catalogue(tmp_path, extracted):
    bundle = read_layout(write_microlens(tmp_path / "ml"), "microlens")
    assert bundle.item_ids == ("b", "a", "c")  # titles first, then what only pairs name
    assert bundle.user_ids == ("u0", "u1")
    (catalogue,) = extracted
    assert catalogue.items["text"].tolist() == ["One, with comma", "Two", ""]
    assert catalogue.items["image"].tolist() == ["", "covers/a.jpg", ""]
    assert catalogue.items["audio"].tolist() == ["audios/b.mp3", "", ""]
    assert bundle.interactions.timestamp.tolist() == [1_600_000_000 + n for n in range(24)]
    assert bundle.interactions.item[:3].tolist() == [1, 0, 2]
    split = bundle.split()
    for user in range(2):  # of 12 rows in time: 9 train, 1 validates, 2 test
        times = [rows.timestamp[rows.user == user] for rows in (split.train, split.validation, split.test["warm"])]
        assert [len(part) for part in times] == [9, 1, 2]
        assert times[0].max() < times[1].min() < times[2].min()


def test_microlens_fingerprint_covers_the_media(tmp_path, extracted):
    folder = write_microlens(tmp_path / "ml")
    first = read_layout(folder, "microlens").fingerprint
    (folder / "covers" / "a.jpg").write_bytes(b"other")
    assert read_layout(folder, "microlens").fingerprint != first


def test_microlens_ids_cannot_leave_the_folder(tmp_path, extracted):
    folder = write_microlens(tmp_path / "ml")
    (tmp_path / "secret.jpg").write_bytes(b"s")
    (folder / "covers" / "b.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(InputError, match="leads out"):
        read_layout(folder, "microlens")
    (folder / "ML_titles.csv").write_text("item,title\n../../secret,x\n", encoding="utf-8")
    with pytest.raises(InputError, match="cannot name a file"):
        read_layout(folder, "microlens")


def test_microlens_names_a_faulty_time_and_a_repeated_title(tmp_path, extracted):
    folder = write_microlens(tmp_path / "ml")
    (folder / "ML_pairs.csv").write_text("user,item,timestamp\nu,a,1\nu,b,soon\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 3: timestamp is 'soon'"):
        read_layout(folder, "microlens")
    (folder / "ML_titles.csv").write_text("item,title\na,x\na,y\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 3: item 'a' has a title already"):
        read_layout(folder, "microlens")


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
    bundle = read_layout(tmp_path, "catalogue")
    assert isinstance(bundle, Bundle)
    assert (bundle.fingerprint, bundle.duplicates) == ("f00d", [[0, 9]])
    assert set(bundle.split().test["warm"].item.tolist()) == {9}
    draws = [bundle.split(seed, cold_items=0.3).cold_items[[0, 9]].tolist() for seed in range(20)]
    assert {tuple(draw) for draw in draws} == {(True, True), (False, False)}
