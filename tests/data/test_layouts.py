"""Layouts of other projects: every fault named with its file and row, and no code run."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from layout_folders import ITEMS, USERS, features, write_diffmm, write_inter, write_microlens
from scipy.sparse import coo_matrix

from mmrec.data.layouts import NumberedData, read_diffmm, read_mmrec
from mmrec.data.microlens import read_microlens
from mmrec.errors import InputError, IntegrityError


@pytest.fixture(params=[(write_inter, read_mmrec), (write_diffmm, read_diffmm)], ids=["mmrec", "diffmm"])
def given(request, tmp_path) -> tuple[Path, Callable[[Path], NumberedData]]:
    """A folder with a given split, and its reader."""
    write, read = request.param
    write(tmp_path / "baby")
    np.save(tmp_path / "baby" / "text_feat.npy", features())
    np.save(tmp_path / "baby" / "image_feat.npy", features(width=3, seed=1))
    return tmp_path / "baby", read


def test_a_row_short_names_the_file(given):
    folder, read = given
    np.save(folder / "text_feat.npy", features(ITEMS - 1))
    with pytest.raises(InputError, match=rf"text_feat\.npy: {ITEMS - 1} rows"):
        read(folder)


def test_arrays_that_disagree_name_the_file(given):
    folder, read = given
    np.save(folder / "image_feat.npy", features(ITEMS + 1))
    with pytest.raises(InputError, match=rf"image_feat\.npy: {ITEMS + 1} rows"):
        read(folder)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_a_value_that_is_not_finite_names_the_row(given, bad):
    folder, read = given
    array = features()
    array[7, 2] = bad
    np.save(folder / "text_feat.npy", array)
    with pytest.raises(InputError, match=r"text_feat\.npy: row 7 is not finite"):
        read(folder)


def test_float16_is_cast_before_anything_is_summed(given):
    folder, read = given
    array = np.full((ITEMS, 4), 60_000, np.float16)
    np.save(folder / "text_feat.npy", array)
    block = read(folder).arrays.blocks["text"]
    assert block.dtype == np.float32
    assert block.sum() == 4 * ITEMS * np.float32(np.float16(60_000))


def test_a_row_of_zeros_is_an_absent_modality(given):
    folder, read = given
    array = features()
    array[5] = 0
    np.save(folder / "text_feat.npy", array)
    present = read(folder).arrays.present[:, 0]
    assert np.flatnonzero(~present).tolist() == [5]


def test_an_array_of_objects_is_not_unpickled(given):
    folder, read = given
    np.save(folder / "text_feat.npy", np.array([[object]] * ITEMS, object), allow_pickle=True)
    with pytest.raises(IntegrityError, match=r"text_feat\.npy: refused"):
        read(folder)


@pytest.mark.parametrize("array", [np.zeros(ITEMS), np.array([["a"]] * ITEMS)])
def test_another_shape_or_type_is_refused(given, array):
    folder, read = given
    np.save(folder / "text_feat.npy", array)
    with pytest.raises(InputError, match=r"text_feat\.npy: expected numbers"):
        read(folder)


def test_a_truncated_array_is_refused(given):
    folder, read = given
    path = folder / "text_feat.npy"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="not a whole"):
        read(folder)


def test_the_fingerprint_is_that_of_the_content(given, tmp_path):
    folder, read = given
    first = read(folder).fingerprint
    assert read(folder).fingerprint == first
    np.save(folder / "text_feat.npy", features(seed=9))
    assert read(folder).fingerprint != first


def test_ids_with_gaps_keep_their_rows(tmp_path):
    folder = tmp_path / "gaps"
    folder.mkdir()
    (folder / "gaps.inter").write_text("userID\titemID\trating\tx_label\n0\t0\t1\t0\n3\t9\t1\t2\n", encoding="utf-8")
    np.save(folder / "text_feat.npy", features(12))
    found = read_mmrec(folder)
    assert (found.interactions.users, found.interactions.items) == (4, 12)
    np.testing.assert_allclose(found.arrays.blocks["text"][9], features(12)[9].astype(np.float32))


def test_time_is_read_where_it_is_given_and_else_the_order_within_the_user(tmp_path):
    write_inter(tmp_path / "a", timestamp=True)
    assert read_mmrec(tmp_path / "a").interactions.timestamp.tolist() == list(range(10_000, 10_000 - 120, -1))
    write_inter(tmp_path / "b")
    assert read_mmrec(tmp_path / "b").interactions.timestamp.tolist() == [0] * 10 * USERS


def test_arrays_named_by_their_encoder(tmp_path):
    folder = tmp_path / "music"
    write_inter(folder).rename(folder / "other.inter")
    (folder / "other_og_ids.inter").write_text("original ids", encoding="utf-8")
    arrays = {"all-MiniLM-L6-v2": 5, "vggish": 3, "whisper": 2}
    for seed, (name, width) in enumerate(arrays.items()):
        np.save(folder / f"{name}.npy", features(width=width, seed=seed))
    found = read_mmrec(folder).arrays
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
        read_mmrec(tmp_path / "baby")


def test_a_malicious_matrix_is_refused_and_not_run(tmp_path):
    class Malicious:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    write_diffmm(tmp_path / "tiktok")
    (tmp_path / "tiktok" / "valMat.pkl").write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(IntegrityError, match=r"valMat\.pkl: refused, the pickle asks for \w+\.system"):
        read_diffmm(tmp_path / "tiktok")
    assert not (tmp_path / "ran").exists()


def test_matrices_of_different_shapes_are_refused(tmp_path):
    write_diffmm(tmp_path)
    (tmp_path / "valMat.pkl").write_bytes(pickle.dumps(coo_matrix(np.eye(USERS, ITEMS + 1))))
    with pytest.raises(InputError, match=r"valMat\.pkl: shape"):
        read_diffmm(tmp_path)


def test_microlens_fingerprint_covers_the_media(tmp_path):
    folder = write_microlens(tmp_path / "ml")
    first = read_microlens(folder).fingerprint
    (folder / "covers" / "a.jpg").write_bytes(b"other")
    assert read_microlens(folder).fingerprint != first


def test_microlens_ids_cannot_leave_the_folder(tmp_path):
    folder = write_microlens(tmp_path / "ml")
    (tmp_path / "secret.jpg").write_bytes(b"s")
    (folder / "covers" / "b.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(InputError, match="leads out"):
        read_microlens(folder)
    (folder / "ML_titles.csv").write_text("item,title\n../../secret,x\n", encoding="utf-8")
    with pytest.raises(InputError, match="cannot name a file"):
        read_microlens(folder)


def test_microlens_names_a_faulty_time_and_a_repeated_title(tmp_path):
    folder = write_microlens(tmp_path / "ml")
    (folder / "ML_pairs.csv").write_text("user,item,timestamp\nu,a,1\nu,b,soon\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 3: timestamp is 'soon'"):
        read_microlens(folder)
    (folder / "ML_titles.csv").write_text("item,title\na,x\na,y\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 3: item 'a' has a title already"):
        read_microlens(folder)
