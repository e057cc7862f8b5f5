"""A saved model that learns from new ratings, and keeps them.

The model's folder keeps every file of new ratings that it was given, byte for byte, under ``updates/``, and
``model.json`` lists them. The updated model is the one that the batch procedure gives: append the rows of all these
files, in order, to ``user_data.csv`` of the catalogue (and new users to ``users.csv``, if there is one), and train
with the same settings; scores are the same to the bit (``Recommender.update``). The catalogue itself is never written,
so the model stays bound to it.

The updated model is written next to the old one and takes its place by renaming. After a kill at any moment the next
reader finds the old model or the new one.
"""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmrec.data.catalogue import MODALITIES, Catalogue, Interactions
from mmrec.data.reader import read_catalogue
from mmrec.data.validation import validate
from mmrec.errors import CatalogueError, InputError
from mmrec.features.extraction import extract
from mmrec.files import atomic_write, sha256_file, write_json
from mmrec.models import load_model
from mmrec.models.base import Recommender, read_record
from mmrec.models.new_ratings import update_profiles
from mmrec.models.saving import save_model
from mmrec.models.swap import folder_lock, replace_folder, restore_folder

KEPT = "updates"
SHOWN = 50
"""Faults listed in an error."""


@dataclass(frozen=True)
class Update:
    """What an update did.

    Attributes:
        rows: new ratings.
        n_users: number of users who gave them.
        n_new_users: how many of them the model did not know.
        ratings: all ratings that the model knows now.
    """

    rows: int
    n_users: int
    n_new_users: int
    ratings: int


def update_model(
    folder: Path,
    new: Path,
    *,
    catalogue_folder: Path | None = None,
    drop_faulty: bool = False,
    keep_weights: bool = False,
    progress: bool = False,
) -> Update:
    """Teach a saved model new ratings.

    Args:
        folder: the model, as ``mmrec train`` wrote it.
        new: a file with the columns of ``user_data.csv``; users may be new, items may not.
        catalogue_folder: the catalogue that the model was trained on; by default where it lay then.
        drop_faulty: read that catalogue without its faulty rows, as the model was trained. ``new`` must have none.
        keep_weights: fit nothing, update user profiles alone; for models with ``update_profiles``.
        progress: show bars.

    Raises:
        InputError: no model, another catalogue, a file that was learned before, ratings that are known already, or
            a model that cannot keep its weights.
        CatalogueError: every fault of ``new``, with its row.
    """
    if not folder.parent.is_dir():
        read_record(folder)  # says that there is no model
    if not new.is_file():
        raise InputError(f"no such file: {new}")
    with folder_lock(folder), tempfile.TemporaryDirectory() as place:
        restore_folder(folder)
        record = read_record(folder)
        taken = Path(shutil.copy(new, place))  # what is checked, learned and kept are the same bytes
        known = _known(folder, record, catalogue_folder, drop_faulty)
        digest = sha256_file(taken)
        if any(digest == earlier["sha256"] for earlier in record.get("updates", [])):
            raise InputError(f"{new} was learned before: {folder} holds these very rows; nothing is changed")
        catalogue = extended(known, taken)
        model = load_model(folder)
        features = extract(catalogue, record["encoders"] or None, progress=progress) if model.needs_features else None
        old, rows = _parts(catalogue, len(known.interactions))
        model = (
            update_profiles(model, catalogue.interactions, features)
            if keep_weights
            else model.update(old, rows, features)
        )
        entry: dict[str, Any] = {"file": f"{len(record.get('updates', [])) + 1:04d}.csv", "sha256": digest}
        entry |= {"name": new.name, "rows": len(rows), "weights kept": keep_weights}
        _put(folder, model, catalogue, record, entry, taken)
    fresh = len(catalogue.user_ids) - len(known.user_ids)
    return Update(len(rows), len(np.unique(rows.user)), fresh, len(catalogue.interactions))


def extended(catalogue: Catalogue, new: Path) -> Catalogue:
    """The catalogue with the rows of a file after its own; the folder on disk stays as it is.

    Raises:
        CatalogueError: faults of the file, each with its row.
        InputError: the file holds a rating that is known already.
    """
    more, lines = _read(catalogue, new)
    user_ids = tuple(dict.fromkeys((*catalogue.user_ids, *more.user_ids)))
    fresh = user_ids[len(catalogue.user_ids) :]
    place = {user: at for at, user in enumerate(user_ids)}
    user = np.array([place[more.user_ids[at]] for at in more.interactions.user], np.int64)
    old, rows = catalogue.interactions, more.interactions
    first = len(old)
    union = Interactions.joined(
        old, replace(rows, user=user, row=first + np.arange(len(rows)), n_users=len(user_ids), n_items=old.n_items)
    )
    known = set(zip(old.user.tolist(), old.item.tolist(), old.timestamp.tolist(), strict=True))
    for at in range(len(rows)):
        if (int(user[at]), int(rows.item[at]), int(rows.timestamp[at])) in known:
            raise InputError(f"{new.name}, row {lines[at]}: the model knows this rating already; remove the row")
    return replace(
        catalogue,
        user_ids=user_ids,
        interactions=union,
        reviews=(*catalogue.reviews, *more.reviews),
        users=pd.concat([catalogue.users, pd.DataFrame({"user_id": fresh})], ignore_index=True).fillna(""),
        context=pd.concat([catalogue.context, more.context], ignore_index=True).fillna(""),
    )


def _read(catalogue: Catalogue, new: Path) -> tuple[Catalogue, np.ndarray]:
    """The rows of the file with the catalogue's item indices, and the line of each, checked like ``user_data.csv``."""
    with tempfile.TemporaryDirectory() as place:
        bare = pd.DataFrame({"item_id": catalogue.item_ids, **dict.fromkeys(MODALITIES, "")})
        bare.to_csv(Path(place) / "product_data.csv", index=False)
        shutil.copyfile(new, Path(place) / "user_data.csv")
        report = validate(place)
        if report.faults:
            faults = [replace(fault, file=new.name) for fault in report.faults]
            unknown = "is no item of the model", "train on a catalogue that has it, or remove the row"
            for at, fault in enumerate(faults):
                if fault.code == "unknown":
                    value = fault.problem.removesuffix("is not in product_data.csv")
                    faults[at] = replace(fault, problem=value + unknown[0], fix=unknown[1])
            more = [f"... and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
            raise CatalogueError("\n".join([f"{new.name} has {len(faults)} faults", *map(str, faults[:SHOWN]), *more]))
        return read_catalogue(place), report.tables["user_data.csv"].lines


def _known(folder: Path, record: dict[str, Any], at: Path | None, drop_faulty: bool) -> Catalogue:
    """The catalogue that the model was trained on, with what it has learned since."""
    at = at or Path(record["catalogue"]["folder"])
    if not at.is_dir():
        raise InputError(f"the catalogue {at} that {folder} was trained on is not there: give its folder")
    catalogue = read_catalogue(at, drop_faulty=drop_faulty)
    if catalogue.fingerprint != record["catalogue"]["fingerprint"]:
        raise InputError(f"{at} holds other data than {folder} was trained on: train a model on it instead")
    return with_updates(catalogue, folder)


def with_updates(catalogue: Catalogue, folder: Path) -> Catalogue:
    """The catalogue that a model was trained on with all rows that it has learned since; users in the model's order.

    Raises:
        InputError: a kept file is missing or not what was learned.
    """
    for earlier in read_record(folder).get("updates", []):
        kept = folder / KEPT / earlier["file"]
        if not kept.is_file() or sha256_file(kept) != earlier["sha256"]:
            raise InputError(f"{kept} is missing or changed: put {earlier['name']} back there, as it was learned")
        catalogue = extended(catalogue, kept)
    return catalogue


def _parts(catalogue: Catalogue, first: int) -> tuple[Interactions, Interactions]:
    """Rows that were known and rows that are new, in one index space."""
    number = np.arange(len(catalogue.interactions))
    return catalogue.interactions.take(number < first), catalogue.interactions.take(number >= first)


def _put(
    folder: Path, model: Recommender, catalogue: Catalogue, record: dict[str, Any], entry: dict[str, Any], new: Path
) -> None:
    """Write the whole model next to the old one, then replace the old one."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    earlier = record.get("updates", [])
    sources = [folder / KEPT / one["file"] for one in earlier] + [new]
    try:
        save_model(model, part, catalogue, record["encoders"])
        for one, source in zip([*earlier, entry], sources, strict=True):
            with atomic_write(part / KEPT / one["file"], "wb") as stream:
                stream.write(source.read_bytes())
        write_json(part / "model.json", {**read_record(part), "updates": [*earlier, entry]})
        replace_folder(folder, part)
    finally:
        shutil.rmtree(part, ignore_errors=True)
