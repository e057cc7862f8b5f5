"""The one reader of catalogue folders."""

import hashlib
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data.catalogue import Catalogue, Interactions
from mmrec.data.schema import parse_time
from mmrec.data.validation import Report, validate
from mmrec.errors import CatalogueError
from mmrec.files import sha256_file

SHOWN = 50
"""Faults listed in an error; 'mmrec validate' lists all."""


def read_catalogue(folder: Path | str, *, drop_faulty: bool = False) -> Catalogue:
    """Read and check a catalogue.

    Media are checked by their headers here; extraction decodes them and names what it cannot decode.

    Args:
        folder: a catalogue folder.
        drop_faulty: go on without faulty rows, saying on the error stream the rows left out.

    Raises:
        CatalogueError: the report of every fault; or, with ``drop_faulty``, faults that no row explains.
    """
    report = validate(folder, decode=drop_faulty)
    if report.ok:
        return _assemble(report)
    whole = [fault for fault in report.faults if fault.row is None or fault.code in ("column", "encoding", "quotes")]
    if not drop_faulty or whole:
        more = "" if whole else "\n'--drop-faulty' goes on without these rows"
        raise CatalogueError(f"{folder} has {len(report.faults)} faults\n{report.as_text(SHOWN)}{more}")
    _drop_orphans(report)
    rows = {(fault.file, fault.row) for fault in report.faults if fault.row not in (None, 1)}  # 1 is the header
    left = Counter(name for name, _ in sorted(rows))
    counted = ", ".join(f"{count} row{'s' * (count > 1)} of {name}" for name, count in left.items())
    print(f"left out {counted or 'nothing'}:\n{report.as_text()}", file=sys.stderr)
    return _assemble(report)


def _drop_orphans(report: Report) -> None:
    """Ratings of items that were left out cannot stay."""
    products, ratings = report.tables["product_data.csv"], report.tables["user_data.csv"]
    kept = set(products.frame["item_id"][products.good])
    orphans = np.flatnonzero(ratings.good & ~ratings.frame["item_id"].isin(kept).to_numpy())
    report.add("user_data.csv", orphans, "item_id", "orphan", "is an item that was left out", "fix the item's row")


def _assemble(report: Report) -> Catalogue:
    kept = {name: table.frame[table.good].reset_index(drop=True) for name, table in report.tables.items()}
    items, rows = kept["product_data.csv"], kept["user_data.csv"]
    if not len(items) or not len(rows):
        raise CatalogueError(f"{report.folder} holds no usable {'item' if not len(items) else 'rating'}")
    users = kept.get("users.csv")
    if users is None:
        users = pd.DataFrame({"user_id": pd.unique(rows["user_id"])})
    user_at = pd.Series(np.arange(len(users)), index=users["user_id"])
    item_at = pd.Series(np.arange(len(items)), index=items["item_id"])
    interactions = Interactions(
        user=user_at[rows["user_id"]].to_numpy(np.int64),
        item=item_at[rows["item_id"]].to_numpy(np.int64),
        rating=pd.to_numeric(rows["rating"]).to_numpy(np.float32),
        timestamp=np.floor(parse_time(rows["timestamp"])).to_numpy(np.int64),
        row=np.arange(len(rows)),
        users=len(users),
        items=len(items),
    )
    return Catalogue(
        folder=report.folder,
        items=items,
        user_ids=tuple(users["user_id"]),
        interactions=interactions,
        reviews=tuple(rows["text"]),
        users=users,
        context=rows.drop(columns=["user_id", "item_id", "rating", "timestamp", "text"]),
        fingerprint=_fingerprint(report.folder, kept),
    )


def _fingerprint(folder: Path, tables: dict[str, pd.DataFrame]) -> str:
    """SHA-256 over the kept rows and the bytes of the media that they name."""
    digest = hashlib.sha256()
    for name, frame in sorted(tables.items()):
        digest.update(name.encode())
        digest.update(frame.to_csv(index=False, lineterminator="\n").encode())
    for column in ("image", "audio"):
        for path in tables["product_data.csv"][column]:
            if path:
                digest.update(sha256_file(folder / path).encode())
    return digest.hexdigest()
