"""Lists as users and programs take them: an answer to print, and CSV, JSON and Parquet files written as they come.

A file takes its place only when it is complete, and holds one block of users in memory at a time.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from mmrec.errors import InputError
from mmrec.files import atomic_write
from mmrec.lists.ranking import Lists

FORMATS = (".csv", ".json", ".parquet")


def number(score: np.floating) -> float:
    """The shortest decimal number that is this float32."""
    return float(str(np.float32(score)))


def listed(
    items: np.ndarray, scores: np.ndarray, item_ids: Sequence[str], titles: Sequence[str] | None
) -> list[dict[str, Any]]:
    """One list as ``{"item_id", "score", "title"}`` rows, best first; the title where there are titles.

    Args:
        items: (k,) item indices; -1 at the tail, which is left out.
        scores: (k,).
        item_ids: ids of all items.
        titles: of all items, or None.
    """
    return [
        {"item_id": item_ids[item], "score": number(score), **({"title": titles[item]} if titles else {})}
        for item, score in zip(items, scores, strict=True)
        if item >= 0
    ]


def write_lists(
    path: Path | str,
    blocks: Iterable[Lists],
    user_ids: Sequence[str],
    item_ids: Sequence[str],
    titles: Sequence[str] | None = None,
) -> int:
    """Write lists block by block, in the form that the file's name says.

    ``.csv`` and ``.parquet``: a row a listed item, columns user_id, rank (from 1), item_id, score and, where there are
    titles, title; a Parquet file has a row group a block. ``.json``: an array of ``{"user", "items"}``, items as of
    ``listed``. The three hold the same numbers. A user of whom no item is left has no row, and in JSON an empty list.

    Args:
        path: the file.
        blocks: as of ``rank_all``.
        user_ids: ids of all users.
        item_ids: ids of all items.
        titles: of all items, or None.

    Returns:
        The number of users written.

    Raises:
        InputError: the name has another ending, or the file cannot be written (a full disk); what was there before
            is left as it was.
    """
    path = Path(path)
    if path.suffix not in FORMATS:
        raise InputError(f"{path}: lists are written to a name that ends in {', '.join(FORMATS)}")
    count = 0

    def counted() -> Iterator[Lists]:
        nonlocal count
        for block in blocks:
            yield block
            count += len(block.users)

    with _told(path), atomic_write(path, "wb") as stream:
        if path.suffix == ".json":
            _write_json(stream, counted(), user_ids, item_ids, titles)
        else:
            _write_table(stream, path.suffix, counted(), user_ids, item_ids, titles)
    return count


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; nothing was changed, give another place to write to"
        ) from error


def _write_json(
    stream: Any, blocks: Iterable[Lists], user_ids: Sequence[str], item_ids: Sequence[str], titles: Any
) -> None:
    comma = "["
    for block in blocks:
        for user, items, scores in zip(block.users, block.items, block.scores, strict=True):
            answer = {"user": user_ids[user], "items": listed(items, scores, item_ids, titles)}
            stream.write(f"{comma}\n{json.dumps(answer, ensure_ascii=False)}".encode())
            comma = ","
    stream.write(b"[]\n" if comma == "[" else b"\n]\n")


def _write_table(
    stream: Any, suffix: str, blocks: Iterable[Lists], user_ids: Sequence[str], item_ids: Sequence[str], titles: Any
) -> None:
    names = [("user_id", pa.string()), ("rank", pa.int32()), ("item_id", pa.string()), ("score", pa.float32())]
    schema = pa.schema([*names, *([("title", pa.string())] if titles else [])])
    users, ids = pa.array(user_ids, pa.string()), pa.array(item_ids, pa.string())
    called = pa.array(titles, pa.string()) if titles else None
    kind = csv.CSVWriter if suffix == ".csv" else parquet.ParquetWriter
    with kind(stream, schema) as writer:
        for block in blocks:
            row, place = np.nonzero(block.items >= 0)
            item = block.items[row, place]
            columns = [
                users.take(pa.array(block.users[row])),
                pa.array(place + 1, pa.int32()),
                ids.take(pa.array(item)),
                pa.array(block.scores[row, place], pa.float32()),
                *([called.take(pa.array(item))] if called is not None else []),
            ]
            writer.write_table(pa.table(columns, schema=schema))
