import numpy as np
import pytest
from scipy.sparse import csr_matrix

from mmrec.errors import InputError
from mmrec.features.table import Features


def table(items: int = 5) -> Features:
    rng = np.random.default_rng(0)
    present = np.ones((items, 3), bool)
    present[0, 1] = False
    image = rng.random((items, 2)).astype(np.float32)
    image[0] = 0
    return Features(
        item_ids=tuple(f"i{number}" for number in range(items)),
        blocks={"image": image, "text": rng.random((items, 4)).astype(np.float32)},
        present=present & np.array([True, True, False]),
        reviews=csr_matrix(np.ones((7, 4), np.float32)),
    )


def test_modalities_are_in_canonical_order():
    assert table().modalities == ("text", "image")


def test_mask_is_the_column_of_the_modality():
    assert table().mask("image").tolist() == [False, True, True, True, True]
    assert not table().mask("audio").any()


def test_only_takes_the_other_modalities_away():
    image = table().only("image")
    assert image.modalities == ("image",)
    assert not image.mask("text").any()
    assert image.reviews is None
    assert table().only("text").reviews is not None


def test_shuffled_moves_blocks_and_masks_together():
    before, after = table(20), table(20).shuffled(np.random.default_rng(3))
    order = [int(np.flatnonzero((before.blocks["text"] == row).all(axis=1))[0]) for row in after.blocks["text"]]
    assert sorted(order) == list(range(20))
    assert order != list(range(20))
    assert np.array_equal(after.blocks["image"], before.blocks["image"][order])
    assert np.array_equal(after.present, before.present[order])


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"smell": np.zeros((2, 1), np.float32)}, "unknown modality 'smell'"),
        ({"text": np.zeros((3, 1), np.float32)}, "each of 2 items"),
        ({"text": np.zeros(2, np.float32)}, "each of 2 items"),
        ({"text": np.array([[0], [np.nan]], np.float32)}, "item row 1 are not finite"),
    ],
)
def test_bad_blocks_are_refused(blocks, message):
    with pytest.raises(InputError, match=message):
        Features(("a", "b"), blocks, np.ones((2, 3), bool))


def test_bad_mask_is_refused():
    with pytest.raises(InputError, match="present has shape"):
        Features(("a", "b"), {}, np.ones((2, 2), bool))


@pytest.mark.parametrize("seen", [slice(None), slice(100, None)], ids=["file", "part of a file"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_of_a_mapped_file_are_checked(tmp_path, seen, order):
    rows = np.ones((3000, 2), np.float32, order=order)
    rows[2500, 1] = np.inf
    np.save(tmp_path / "rows.npy", rows)
    block = np.load(tmp_path / "rows.npy", mmap_mode="r")[seen]
    ids = tuple(str(number) for number in range(len(block)))
    with pytest.raises(InputError, match=rf"item row {len(block) - 500} are not finite \(1 rows\)"):
        Features(ids, {"text": block}, np.ones((len(block), 3), bool))
    fine = block[: len(block) - 600]
    assert Features(ids[: len(fine)], {"text": fine}, np.ones((len(fine), 3), bool)).blocks["text"] is fine
