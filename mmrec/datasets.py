"""Data sets by name: the embedded one, which is simulated, and real ones, which must be fetched.

To add one, write its module next to ``films.py`` (``fetch`` downloads the source files, ``convert`` writes the
catalogue folder made of them) and enter it in ``REGISTRY``. Labelled corpora are fetched in the same way, but
have no users and cannot be opened as a catalogue.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from mmrec.cache import cached_folder
from mmrec.data import corpora, films
from mmrec.data.catalogue import Catalogue
from mmrec.environment import DATA, OPENED, variable
from mmrec.errors import InputError, MissingDataError
from mmrec.files import sha256_file, sha256_files

EMBEDDED = {"items": 600, "users": 1000, "ratings": 30000, "seed": 0}
"""Sizes of the embedded catalogue."""


@dataclass(frozen=True)
class DataSet:
    """A real data set.

    Attributes:
        name: what it is called on the command line, and its folder under ``$MMREC_DATA``.
        alias: its short name in ``open_dataset``.
        content: what is in it, in one line.
        terms: licence and terms of use, shown before anything is downloaded.
        megabytes: size of the download.
        marker: a file that tells a folder of source files.
        version: raised when the catalogue made of the same files changes.
        fetch: downloads the source files and returns their folder.
        convert: writes the catalogue (source, target, progress=) and returns counts.
        reader: for a labelled corpus, which has no users: the function that reads it.
    """

    name: str
    alias: str
    content: str
    terms: str
    megabytes: float
    marker: str
    version: int
    fetch: Callable[..., Path]
    convert: Callable[..., dict[str, int]]
    reader: str = ""


def _corpus(name: str, content: str, megabytes: float, marker: str, reader: str) -> DataSet:
    """The entry of a labelled corpus. It has no alias, since it is not opened by name."""
    fetch, convert = partial(corpora.fetch, name), partial(corpora.convert, name)
    return DataSet(name, name, content, corpora.TERMS[name], megabytes, marker, 1, fetch, convert, reader)


REGISTRY = {
    films.NAME: DataSet(
        name=films.NAME,
        alias="films",
        content="1,639 films with plot and poster, 943 users, 97,872 ratings with time",
        terms=films.TERMS,
        megabytes=31.0,
        marker="items_info.json",
        version=films.VERSION,
        fetch=films.fetch,
        convert=films.convert,
    ),
    corpora.REVIEWS: _corpus(
        corpora.REVIEWS,
        "22,641 reviews of clothing with rating and recommendation (a labelled corpus, not a catalogue)",
        2.4,
        corpora.REVIEW_FILE,
        "load_reviews",
    ),
    corpora.DIGITS: _corpus(
        corpora.DIGITS,
        "3,000 recordings of spoken digits by six speakers (a labelled corpus, not a catalogue)",
        21.1,
        "recordings",
        "load_digits",
    ),
}


def find_dataset(name: str) -> DataSet:
    """A real data set by its name or alias.

    Raises:
        InputError: there is none of that name.
    """
    for dataset in REGISTRY.values():
        if name in (dataset.name, dataset.alias):
            return dataset
    raise InputError(f"unknown data set {name!r}: choose from {', '.join(REGISTRY)}")


def open_dataset(name_or_folder: str | Path) -> Catalogue:
    """Read a data set as a catalogue.

    Args:
        name_or_folder: ``"embedded"`` or ``"embedded:SCENARIO"`` (simulated once, then cached); ``"films"``
            (from ``$MMREC_DATA/movielens-posters``, converted once, then cached); else a catalogue folder.

    Raises:
        MissingDataError: no such folder, or a real data set that is not there; the message says how to get it.
        InputError: the name of a labelled corpus.
        CatalogueError: the folder breaks the data contract.
    """
    from mmrec.data.reader import read_catalogue

    catalogue = read_catalogue(_folder(str(name_or_folder)))
    if log := variable(OPENED):
        with open(log, "a", encoding="utf-8") as stream:
            stream.write(f"{catalogue.fingerprint}\n")
    return catalogue


def _folder(name: str) -> Path:
    """Where the catalogue lies, made if it has to be."""
    if name == "embedded" or name.startswith("embedded:"):
        return _embedded(name.partition(":")[2] or "movies")
    for dataset in REGISTRY.values():
        if name in (dataset.name, dataset.alias):
            if dataset.reader:
                reader = f"mmrec.data.corpora.{dataset.reader}()"
                raise InputError(f"{name} is a labelled corpus without users, not a catalogue: read it with {reader}")
            return _real(dataset)
    folder = Path(name)
    if not folder.is_dir():
        names = ["embedded", *(dataset.alias for dataset in REGISTRY.values() if not dataset.reader)]
        raise MissingDataError(f"no folder {name}: give a catalogue folder or one of {', '.join(names)}")
    return folder


def _embedded(scenario: str) -> Path:
    """The simulated catalogue's folder; a changed simulator makes it again."""
    simulation = import_module("mmrec.simulation")
    sources = sorted(Path(str(simulation.__file__)).parent.rglob("*.py"))
    key = {"scenario": scenario, **EMBEDDED, "simulator": [sha256_file(path) for path in sources]}

    def build(folder: Path) -> None:
        simulation.simulate(folder, scenario=scenario, progress=True, **EMBEDDED)

    return cached_folder("catalogue", key, build)


def _real(dataset: DataSet) -> Path:
    """The data set's catalogue folder: as it lies under ``$MMREC_DATA``, or made of the source files there."""
    root = variable(DATA)
    fix = f"run 'mmrec fetch {dataset.name} --to DIR/{dataset.name}' and set MMREC_DATA=DIR"
    if not root:
        raise MissingDataError(f"{dataset.name} is not part of the project and MMREC_DATA is not set: {fix}")
    source = Path(root) / dataset.name
    if (source / "product_data.csv").is_file():
        return source
    if not (source / dataset.marker).is_file():
        raise MissingDataError(f"{dataset.name} is not in {root}: {fix}")
    files = sorted(path for path in source.rglob("*") if path.is_file())
    key = {"dataset": dataset.name, "version": dataset.version, "source": sha256_files(source, files)}

    def build(folder: Path) -> None:
        dataset.convert(source, folder)

    return cached_folder("catalogue", key, build)
