"""A folder replaces another whole."""

import threading

import pytest

from mmrec.models import swap


@pytest.fixture
def folders(tmp_path):
    old, new = tmp_path / "model", tmp_path / ".model.part"
    for folder, word in ((old, "old"), (new, "new")):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").write_text(word)
    return old, new


def test_the_new_takes_the_place_of_the_old(folders):
    old, new = folders
    swap.replace_folder(old, new)
    assert (old / "deep" / "file").read_text() == "new"
    assert (new / "deep" / "file").read_text() == "old"
    assert {path.name for path in old.parent.iterdir()} == {"model", ".model.part"}


@pytest.mark.parametrize("repair", [swap.restore_folder, swap.repair_folder])
def test_a_kill_between_the_renames_can_be_repaired(folders, monkeypatch, repair):
    old, new = folders
    monkeypatch.setattr(type(new), "rename", _rename_once(type(new).rename))
    with pytest.raises(KeyboardInterrupt):
        swap.replace_folder(old, new)
    assert not old.exists()
    monkeypatch.undo()
    repair(old)
    assert (old / "deep" / "file").read_text() == "old"
    repair(old)  # with nothing to repair, nothing happens
    assert (new / "deep" / "file").read_text() == "new"


def test_a_reader_between_the_renames_waits_for_the_new_folder(folders):
    old, new = folders
    with swap.folder_lock(old):
        old.rename(old.with_name(".model.before"))
        reader = threading.Thread(target=swap.repair_folder, args=(old,))
        reader.start()
        reader.join(0.2)
        assert reader.is_alive()
        new.rename(old)
    reader.join()
    assert (old / "deep" / "file").read_text() == "new"


def test_what_was_set_aside_is_cleared_once_it_is_replaced(folders):
    old, new = folders
    new.rename(old.with_name(".model.before"))
    swap.restore_folder(old)
    assert {path.name for path in old.parent.iterdir()} == {"model"}


def test_a_folder_that_is_there_is_read_without_a_lock(folders):
    old, _ = folders
    swap.repair_folder(old)
    swap.repair_folder(old.with_name("absent"))
    assert {path.name for path in old.parent.iterdir()} == {"model", ".model.part"}


def _rename_once(rename):
    done = []

    def interrupted(path, target):
        if done:
            raise KeyboardInterrupt
        done.append(path)
        return rename(path, target)

    return interrupted
