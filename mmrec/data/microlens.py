"""The MicroLens layout as a catalogue: pairs, titles, covers and sounds."""

from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.errors import InputError
from mmrec.files import sha256_files

_MEDIA = {"image": ("covers", (".jpg",)), "audio": ("audios", (".wav", ".mp3"))}
_MILLISECONDS_FROM = 10**11  # in seconds that is the year 5138


def read_microlens(folder: Path) -> Catalogue:
    """Read ``*_pairs.csv``, ``*_titles.csv`` and find ``covers/{item}.jpg`` and ``audios/{item}.(wav|mp3)``.

    Items come in the order of the titles, then those that only pairs name; a medium without a file is absent.
    Times in milliseconds become seconds.

    Raises:
        InputError: a file or column is missing, a time is not a number, or an id cannot be a file's name.
    """
    pairs_path, titles_path = _only(folder, "*_pairs.csv"), _only(folder, "*_titles.csv")
    pairs = _table(pairs_path, ("user", "item", "timestamp"))
    titles = _table(titles_path, ("item", "title"))
    if pairs.empty:
        raise InputError(f"{pairs_path}: no row below the header")
    repeated = titles["item"].duplicated().to_numpy()
    if repeated.any():
        row = int(np.argmax(repeated))
        raise InputError(f"{titles_path} row {row + 2}: item {titles['item'].iat[row]!r} has a title already")
    title = dict(zip(titles["item"], titles["title"], strict=True))
    item_ids = list(dict.fromkeys([*titles["item"], *pairs["item"]]))
    user_ids = list(dict.fromkeys(pairs["user"]))

    columns: dict[str, list[str]] = {"item_id": item_ids, "text": [title.get(item, "") for item in item_ids]}
    for modality, (place, endings) in _MEDIA.items():
        columns[modality] = [_medium(folder, place, item, endings) for item in item_ids]
    items = pd.DataFrame({**columns, "title": [title.get(item) or item for item in item_ids]})

    time = pd.to_numeric(pairs["timestamp"], errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(time)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(f"{pairs_path} row {row + 2}: timestamp is {pairs['timestamp'].iat[row]!r}, expected a number")
    if time.max() >= _MILLISECONDS_FROM:
        time = time / 1000
    user_index, item_index = pd.Index(user_ids), pd.Index(item_ids)
    interactions = Interactions(
        user_index.get_indexer(pairs["user"]).astype(np.int64),
        item_index.get_indexer(pairs["item"]).astype(np.int64),
        np.ones(len(pairs), np.float32),
        np.floor(time).astype(np.int64),
        np.arange(len(pairs)),
        len(user_ids),
        len(item_ids),
    )
    media = [folder / name for modality in _MEDIA for name in columns[modality] if name]
    return Catalogue(
        folder=folder,
        items=items,
        user_ids=tuple(user_ids),
        interactions=interactions,
        reviews=("",) * len(pairs),
        users=pd.DataFrame({"user_id": user_ids}),
        context=pd.DataFrame(index=range(len(pairs))),
        fingerprint=sha256_files(folder, [pairs_path, titles_path, *media]),
    )


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise InputError(f"{folder}: expected one file {pattern}, found {', '.join(p.name for p in found) or 'none'}")
    return found[0]


def _table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path}: not a CSV file in UTF-8 ({error})") from None
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(f"{path}: no column {missing[0]!r}; expected the header {','.join(columns)}")
    return table


def _medium(folder: Path, place: str, item: str, endings: tuple[str, ...]) -> str:
    """Relative path of the item's file, or '' where there is none."""
    if not item or item in (".", "..") or any(sign in item for sign in "/\\\0"):
        raise InputError(f"{folder}: item id {item!r} cannot name a file in {place}/")
    for ending in endings:
        path = folder / place / f"{item}{ending}"
        if path.is_file():
            if not path.resolve().is_relative_to(folder.resolve()):
                raise InputError(f"{path} is a link that leads out of the folder")
            return f"{place}/{path.name}"
    return ""
