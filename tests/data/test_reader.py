"""Reading a catalogue, and going on without faulty rows."""

import numpy as np
import pytest
from PIL import Image

from mmrec.data.reader import read_catalogue
from mmrec.errors import CatalogueError


def test_reads_in_file_order(tiny_catalogue):
    catalogue = read_catalogue(tiny_catalogue)
    assert catalogue.item_ids == ("i1", "i2", "i3", "i4")
    assert catalogue.user_ids == ("u1", "u2", "u3", "u4")
    assert len(catalogue.interactions) == 12
    assert catalogue.interactions.rating[0] == 3
    assert catalogue.media_path(0, "image") == tiny_catalogue / "media/a.png"
    assert catalogue.media_path(2, "image") is None


def test_refuses_a_faulty_one_with_the_report(tiny_catalogue):
    (tiny_catalogue / "media/b.jpg").unlink()
    with pytest.raises(CatalogueError, match=r"product_data.csv, row 3, image.*no such file"):
        read_catalogue(tiny_catalogue)


def test_drop_faulty_says_what_was_left_out(tiny_catalogue, capsys):
    (tiny_catalogue / "media/b.jpg").unlink()
    catalogue = read_catalogue(tiny_catalogue, drop_faulty=True)
    assert catalogue.item_ids == ("i1", "i3", "i4")
    assert len(catalogue.interactions) == 9
    said = capsys.readouterr().err
    assert "left out 1 row of product_data.csv, 3 rows of user_data.csv:" in said


def test_rows_of_another_length_are_counted_too(tiny_catalogue, capsys):
    path = tiny_catalogue / "product_data.csv"
    path.write_text(path.read_text(encoding="utf-8") + "i5,one cell too few\n", encoding="utf-8")
    (tiny_catalogue / "media/b.jpg").unlink()
    assert len(read_catalogue(tiny_catalogue, drop_faulty=True).items) == 3
    assert "left out 2 rows of product_data.csv, 3 rows of user_data.csv:" in capsys.readouterr().err


def test_fingerprint_follows_the_content(tiny_catalogue):
    before = read_catalogue(tiny_catalogue).fingerprint
    assert read_catalogue(tiny_catalogue).fingerprint == before
    Image.new("RGB", (24, 16), "red").save(tiny_catalogue / "media/a.png")
    assert read_catalogue(tiny_catalogue).fingerprint != before


def test_iso_dates_are_seconds(tiny_catalogue):
    path = tiny_catalogue / "user_data.csv"
    path.write_text(path.read_text().replace("1001", "1970-01-02T00:00:01"))
    assert read_catalogue(tiny_catalogue).interactions.timestamp[0] == 86_401
    assert read_catalogue(tiny_catalogue).interactions.timestamp.dtype == np.int64
