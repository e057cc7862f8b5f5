"""Folders change places whole."""

import pytest

from mmrec.models import swap


@pytest.fixture
def folders(tmp_path):
    old, new = tmp_path / "model", tmp_path / ".model.part"
    for folder, word in ((old, "old"), (new, "new")):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").write_text(word)
    return old, new


@pytest.mark.parametrize("one_step", [True, False])
def test_the_new_takes_the_place_of_the_old(folders, monkeypatch, one_step):
    old, new = folders
    if not one_step:
        monkeypatch.setattr(swap, "swap_folders", lambda first, second: False)
    swap.replace_folder(old, new)
    assert (old / "deep" / "file").read_text() == "new"
    assert (new / "deep" / "file").read_text() == "old"
    assert {path.name for path in old.parent.iterdir()} == {"model", ".model.part"}


def test_where_one_step_is_impossible_a_kill_can_be_mended(folders, monkeypatch):
    old, new = folders
    monkeypatch.setattr(swap, "swap_folders", lambda first, second: False)
    monkeypatch.setattr(type(new), "rename", _rename_once(type(new).rename))
    with pytest.raises(KeyboardInterrupt):
        swap.replace_folder(old, new)
    assert not old.exists()
    monkeypatch.undo()
    swap.restore_folder(old)
    assert (old / "deep" / "file").read_text() == "old"
    swap.restore_folder(old)  # with nothing to fix, nothing happens
    assert (new / "deep" / "file").read_text() == "new"


def test_what_was_set_aside_is_cleared_once_it_is_replaced(folders):
    old, new = folders
    new.rename(old.with_name(".model.before"))
    swap.restore_folder(old)
    assert {path.name for path in old.parent.iterdir()} == {"model"}


def _rename_once(rename):
    done = []

    def interrupted(path, target):
        if done:
            raise KeyboardInterrupt
        done.append(path)
        return rename(path, target)

    return interrupted


def test_an_impossible_exchange_changes_nothing(folders, tmp_path):
    old, _ = folders
    assert not swap.swap_folders(old, tmp_path / "nowhere")
    assert (old / "deep" / "file").read_text() == "old"
