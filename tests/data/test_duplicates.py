from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.data.duplicates import find_duplicates


def catalogue(folder: Path, rows: list[dict[str, str]]) -> Catalogue:
    none = np.zeros(0, np.int64)
    frame = pd.DataFrame(rows).fillna("")
    empty = Interactions(none, none, none.astype(np.float32), none, none, 0, len(frame))
    return Catalogue(folder, frame, (), empty, (), pd.DataFrame(), pd.DataFrame(), "")


def item(item_id: str, title: str, text: str, image: str = "", **more: str) -> dict[str, str]:
    return {"item_id": item_id, "title": title, "text": text, "image": image, "audio": "", **more}


def test_duplicates_by_attribute_and_by_equal_content(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"same")
    (tmp_path / "b.jpg").write_bytes(b"same")
    (tmp_path / "c.jpg").write_bytes(b"other")
    rows = [
        item("10", "T", "x", "a.jpg"),
        item("11", "U", "y", "c.jpg"),
        item("12", "T", "x", "b.jpg"),  # the same bytes under another name
        item("13", "T", "x", "c.jpg"),  # another picture
        item("14", "V", "z", twin_of="11"),
        item("15", "V", "z"),  # equal to 14, so a duplicate of 11 as well
        item("16", "W", ""),
        item("17", "W", ""),  # nothing to be equal in but the title
    ]
    assert find_duplicates(catalogue(tmp_path, rows)) == [[0, 2], [1, 4, 5]]


def test_no_duplicates_without_attribute_or_equal_items(tmp_path):
    assert find_duplicates(catalogue(tmp_path, [item("1", "A", "x"), item("2", "B", "x")])) == []
