"""Real films: MovieLens-100K ratings with plots and posters, turned into a catalogue folder.

A film is kept if it has both a plot and a poster. Eighteen films stand in MovieLens-100K under two ids; both ids
stay, so that figures compare with others', and ``twin_of`` names the first. The mean rating that the
plots' source gives is left out: it is made of everybody's opinion and is no content.
"""

import csv
import json
import shutil
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mmrec.cache import cache_root
from mmrec.data.download import RemoteFile, download, download_all, unpack, verify
from mmrec.errors import InputError, IntegrityError, MmrecError
from mmrec.files import atomic_write, sha256_file

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
    """Download the source files into the cache; a run that was cut off goes on where it stopped.

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
    """Ratings and users from their publisher; where that fails, the copies beside the plots are taken instead."""
    names = ("ratings.csv", "users_info.csv")
    if all((folder / name).is_file() and sha256_file(folder / name) == expected[name] for name in names):
        return
    archive = RemoteFile("ml-100k.zip", (_GROUPLENS,), expected.get("ml-100k.zip", ""))
    if not archive.sha256:
        return
    try:
        members = unpack(download(archive, folder), folder, wanted=lambda name: name.endswith(("/u.data", "/u.user")))
    except MmrecError:
        return
    for path in members:
        ratings = path.name == "u.data"
        header = "user_id,item_id,rating,timestamp" if ratings else "user_id,age,gender,occupation,zip_code"
        body = path.read_text(encoding="latin-1").replace("\t" if ratings else "|", ",")
        with atomic_write(folder / ("ratings.csv" if ratings else "users_info.csv")) as stream:
            stream.write(f"{header}\n{body}")
