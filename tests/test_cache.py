"""Entries of the cache are made once, and whole."""

import threading

import pytest

from mmrec.cache import cache_root, cached_folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))


def fill(folder):
    (folder / "a.txt").write_text("made")


def test_made_once_for_a_key():
    first = cached_folder("kind", {"a": 1, "b": 2}, fill)
    assert (first / "a.txt").read_text() == "made"
    assert first.is_relative_to(cache_root())
    (first / "a.txt").write_text("kept")
    assert cached_folder("kind", {"b": 2, "a": 1}, fill) == first
    assert (first / "a.txt").read_text() == "kept"
    assert cached_folder("kind", {"a": 2}, fill) != first


def test_a_failed_build_is_made_anew():
    def fail(folder):
        (folder / "half.txt").write_text("half")
        raise ValueError("killed")

    with pytest.raises(ValueError, match="killed"):
        cached_folder("kind", 1, fail)
    assert [entry.name for entry in cached_folder("kind", 1, fill).iterdir()] == ["a.txt"]


def test_two_that_want_one_entry_build_it_once():
    builds, started, go_on = [], threading.Event(), threading.Event()

    def slow(folder):
        builds.append(folder)
        started.set()
        go_on.wait(10)
        fill(folder)

    threads = [threading.Thread(target=cached_folder, args=("kind", 2, slow)) for _ in range(2)]
    threads[0].start()
    assert started.wait(10)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert len(builds) == 1
