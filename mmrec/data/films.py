"""Real films: MovieLens-100K ratings with plots and posters, turned into a catalogue folder.

A film is kept if it has both a plot and a poster. Eighteen films have two ids in MovieLens-100K; both ids
stay, so that results compare with others', and ``twin_of`` names the first. The mean rating that the
plots' source gives is left out: it sums up opinions of many users and does not describe content.
"""

import csv
import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from mmrec.cache import cache_root
from mmrec.data.download import RemoteFile, download, download_all, unpack, verify
from mmrec.errors import MmrecError
from mmrec.files import atomic_write, new_folder, sha256_file

NAME = "movielens-posters"
VERSION = 1
"""Raised when the catalogue made of the same files changes."""

TABLES = ("ratings.csv", "users_info.csv", "items_info.json")
TERMS = (
    "Ratings: MovieLens-100K of GroupLens, University of Minnesota. For research only; no redistribution and no "
    "commercial use without permission; cite Harper and Konstan, The MovieLens Datasets (ACM TiiS 5(4), 2015).\n"
    "Plots: collected from the web by the authors of swapUniba/LLM-user-profiles-for-recsys. "
    "Posters: the studios'. Keep both on your machine."
)

_GROUPLENS = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
_PLOTS = (
    "https://raw.githubusercontent.com/swapUniba/LLM-user-profiles-for-recsys/"
    "e97c374c5b6ce52cfb6a05323c28bbe052da6da4/ClayRS-master/datasets/ml-100k/"
)
_POSTERS = (
    "https://raw.githubusercontent.com/liangfgithub/liangfgithub.github.io/"
    "518cc7193567b1e9ec1a2f5ac4fc237c5f884cf8/MovieImages/"
)
_ATTRIBUTES = ("title", "year", "genres", "directors", "cast")


def poster_ids() -> dict[str, str]:
    """MovieLens-100K item id -> id that names the poster; two ids of one film share a poster."""
    text = files("mmrec.data").joinpath("ml100k_to_ml1m_id.json").read_text(encoding="utf-8")
    return {item: str(poster) for item, poster in json.loads(text).items()}


def manifest() -> dict[str, str]:
    """Relative path -> SHA-256 of every source file."""
    return json.loads(files("mmrec.data").joinpath("films.sha256.json").read_text(encoding="utf-8"))


def fetch(*, progress: bool = False) -> Path:
    """Download the source files into the cache; after an interrupted run only those that are missing.

    Returns:
        The folder that ``convert`` reads.

    Raises:
        DownloadError, IntegrityError: a file cannot be had, or is not the recorded one.
    """
    folder = cache_root() / "downloads" / NAME
    expected = manifest()
    _fetch_ratings(folder, expected)
    remote = [RemoteFile(name, (_PLOTS + name,), expected[name]) for name in TABLES]
    remote += [
        RemoteFile(name, (_POSTERS + name.removeprefix("posters/"),), digest)
        for name, digest in expected.items()
        if name.startswith("posters/")
    ]
    download_all(remote, folder, progress=progress)
    return folder


def _fetch_ratings(folder: Path, expected: Mapping[str, str]) -> None:
    """Ratings and users from their publisher; where that fails, the caller takes the copies next to the plots."""
    tables = {
        "u.data": ("ratings.csv", "\t", "user_id,item_id,rating,timestamp"),
        "u.user": ("users_info.csv", "|", "user_id,age,gender,occupation,zip_code"),
    }
    names = [name for name, _, _ in tables.values()]
    if all((folder / name).is_file() and sha256_file(folder / name) == expected[name] for name in names):
        return
    archive = RemoteFile("ml-100k.zip", (_GROUPLENS,), None)  # its tables are checked in the form they are kept in
    try:
        path = download(archive, folder, attempts=2)
        members = unpack(path, folder, wanted=lambda name: PurePosixPath(name).name in tables)
    except MmrecError as error:
        (folder / archive.path).unlink(missing_ok=True)
        tqdm.write(f"{error}; taking the copies next to the plots, checked by the same sums", file=sys.stderr)
        return
    for member in members:
        name, separator, header = tables[member.name]
        body = member.read_text(encoding="latin-1").replace(separator, ",")
        with atomic_write(folder / name) as stream:
            stream.write(f"{header}\n{body}")


def convert(
    source: Path | str,
    target: Path | str,
    *,
    expected: Mapping[str, str] | None = None,
    posters: Mapping[str, str] | None = None,
    progress: bool = False,
) -> dict[str, int]:
    """Write the catalogue folder made of the source files.

    Args:
        source: folder with ``ratings.csv``, ``users_info.csv``, ``items_info.json`` and ``posters/``.
        target: the catalogue; absent or empty. It appears only when it is complete.
        expected: relative path -> SHA-256; the recorded ones by default.
        posters: item id -> poster id; the project's own match by default.
        progress: show a bar on stderr.

    Returns:
        Counts: items, users, ratings, posters, duplicates.

    Raises:
        IntegrityError: a source file is absent, or is not the recorded one.
        InputError: the target holds files already.
    """
    source = Path(source)
    with new_folder(target) as part:
        verify(source, manifest() if expected is None else expected)
        films = _films(source, poster_ids() if posters is None else posters)
        (part / "posters").mkdir()
        pictures = sorted({film["image"] for film in films})
        for picture in tqdm(pictures, "posters", disable=None if progress else True):
            shutil.copyfile(source / picture, part / picture)
        _write_table(part / "product_data.csv", ("item_id", "text", "image", "audio", *_ATTRIBUTES, "twin_of"), films)
        ratings = _ratings(source, {film["item_id"] for film in films})
        _write_table(part / "user_data.csv", ("user_id", "item_id", "rating", "timestamp", "text"), ratings)
        users = _read_table(source / "users_info.csv")
        _write_table(part / "users.csv", tuple(users[0]), users)
    return {
        "items": len(films),
        "users": len(users),
        "ratings": len(ratings),
        "posters": len(pictures),
        "duplicates": sum(bool(film["twin_of"]) for film in films),
    }


def _films(source: Path, posters: Mapping[str, str]) -> list[dict[str, str]]:
    """Rows of product_data.csv, in the source's order. The title is content too, so it opens the text."""
    films: list[dict[str, str]] = []
    first: dict[tuple[str, str, str], str] = {}
    for record in json.loads((source / "items_info.json").read_text(encoding="utf-8")):
        item, plot = record["movielens_id"], record["plot"].strip()
        image = f"posters/{posters.get(item, '')}.jpg"
        if not plot or item not in posters or not (source / image).is_file():
            continue
        attributes = {name: record[name].strip() for name in _ATTRIBUTES}
        title = attributes["title"]
        text = f"{title}{'' if title.endswith(('.', '!', '?')) else '.'} {plot}" if title else plot
        earlier = first.setdefault((title, plot, image), item)
        films.append(
            {
                "item_id": item,
                "text": text,
                "image": image,
                "audio": "",
                **attributes,
                "twin_of": earlier if earlier != item else "",
            }
        )
    return films


def _ratings(source: Path, items: set[str]) -> list[dict[str, str]]:
    return [{**row, "text": ""} for row in _read_table(source / "ratings.csv") if row["item_id"] in items]


def _read_table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _write_table(path: Path, columns: tuple[str, ...], rows: Iterable[Mapping[str, str]]) -> None:
    with atomic_write(path) as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
