"""Files are written whole or not at all."""

import hashlib
import json

import pytest

from mmrec.errors import InputError
from mmrec.files import atomic_write, new_folder, sha256_file, sha256_json, write_json


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half():
        with atomic_write(path) as stream:
            stream.write("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_the_new_file_appears_only_at_the_end(tmp_path):
    path = tmp_path / "made/a.bin"
    with atomic_write(path, "wb") as stream:
        stream.write(b"a\r\n")
        assert not path.exists()
    assert path.read_bytes() == b"a\r\n"


def test_json_keeps_its_characters(tmp_path):
    write_json(tmp_path / "a.json", {"name": "电影"})
    assert "电影" in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"name": "电影"}


def test_hashes(tmp_path):
    data = bytes(range(256)) * 1000
    (tmp_path / "a").write_bytes(data)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(data).hexdigest()
    assert sha256_json({"a": 1, "b": [2]}) == sha256_json({"b": [2], "a": 1})
    assert sha256_json({"a": 1}) != sha256_json({"a": 2})


def test_a_folder_appears_only_when_it_is_complete(tmp_path):
    target = tmp_path / "a" / "made"

    def fill_half():
        with new_folder(target) as part:
            (part / "half.txt").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill_half()
    assert list(target.parent.iterdir()) == []
    target.mkdir()
    with new_folder(target) as part:
        (part / "whole.txt").write_text("whole")
        assert list(target.iterdir()) == []
    assert [path.name for path in target.parent.iterdir()] == ["made"]
    assert (target / "whole.txt").read_text() == "whole"
    with pytest.raises(InputError, match="is not empty"), new_folder(target):
        pass
    assert (target / "whole.txt").read_text() == "whole"
