from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmrec import datasets
from mmrec.errors import InputError, MissingDataError


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("MMREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MMREC_DATA", raising=False)


@pytest.fixture
def opened(monkeypatch):
    """The folders that were handed to the reader, in its place."""
    import sys

    folders: list[Path] = []
    reader = SimpleNamespace(read_catalogue=lambda folder: folders.append(Path(folder)) or "catalogue")
    monkeypatch.setitem(sys.modules, "mmrec.data.reader", reader)
    return folders


def test_a_folder_is_read_as_it_is(opened, tmp_path):
    assert datasets.open_dataset(tmp_path) == "catalogue"
    assert opened == [tmp_path]


def test_an_absent_folder_names_the_data_sets(opened):
    with pytest.raises(MissingDataError, match="embedded, films"):
        datasets.open_dataset("no-such-thing")


def test_films_without_data_say_how_to_get_them(opened, tmp_path, monkeypatch):
    with pytest.raises(MissingDataError, match="MMREC_DATA is not set: run 'mmrec fetch movielens-posters"):
        datasets.open_dataset("films")
    monkeypatch.setenv("MMREC_DATA", str(tmp_path))
    with pytest.raises(MissingDataError, match=r"not in .*mmrec fetch movielens-posters"):
        datasets.open_dataset("films")
    assert opened == []


def test_films_are_converted_once_and_anew_when_a_source_file_changes(opened, tmp_path, monkeypatch):
    source = tmp_path / "data" / "movielens-posters"
    source.mkdir(parents=True)
    (source / "items_info.json").write_text("[]")
    calls = []

    def convert(source, target):
        calls.append(source)
        (target / "product_data.csv").write_text(str(len(calls)))
        return {}

    monkeypatch.setenv("MMREC_DATA", str(tmp_path / "data"))
    dataset = datasets.REGISTRY["movielens-posters"]
    monkeypatch.setitem(datasets.REGISTRY, "movielens-posters", replace(dataset, convert=convert))
    datasets.open_dataset("films")
    datasets.open_dataset("movielens-posters")
    assert len(calls) == 1
    (source / "items_info.json").write_text("[ ]")
    datasets.open_dataset("films")
    assert len(calls) == 2
    assert opened[0] == opened[1] != opened[2]


def test_a_catalogue_that_was_fetched_is_read_without_converting(opened, tmp_path, monkeypatch):
    folder = tmp_path / "data" / "movielens-posters"
    folder.mkdir(parents=True)
    (folder / "product_data.csv").write_text("")
    monkeypatch.setenv("MMREC_DATA", str(tmp_path / "data"))
    datasets.open_dataset("films")
    assert opened == [folder]


def test_the_embedded_catalogue_is_simulated_once_for_each_scenario_and_simulator(opened, tmp_path, monkeypatch):
    code = tmp_path / "simulation" / "__init__.py"
    code.parent.mkdir()
    code.write_text("one")
    made = []

    def simulate(folder, *, scenario, progress, **sizes):
        made.append((scenario, sizes))
        (folder / "made").write_text("")

    simulation = SimpleNamespace(__file__=str(code), simulate=simulate)
    monkeypatch.setattr(datasets, "import_module", lambda name: simulation)
    for name in ("embedded", "embedded:movies", "embedded:music"):
        datasets.open_dataset(name)
    assert made == [("movies", datasets.EMBEDDED), ("music", datasets.EMBEDDED)]
    code.write_text("two")
    datasets.open_dataset("embedded")
    assert len(made) == 3
    assert opened[0] == opened[1]
    assert len(set(opened)) == 3


def test_find_dataset_knows_name_and_alias():
    assert datasets.find_dataset("films") is datasets.find_dataset("movielens-posters")
    with pytest.raises(InputError, match="choose from movielens-posters"):
        datasets.find_dataset("other")
