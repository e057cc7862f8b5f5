"""A saved model together with the ids it speaks of and the catalogue it is bound to."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data.catalogue import MODALITIES, Catalogue, Interactions
from mmrec.errors import InputError
from mmrec.files import write_json
from mmrec.models import load_model
from mmrec.models.base import Recommender, read_record


@dataclass(frozen=True)
class SavedModel:
    """What ``mmrec recommend`` needs: the model, how its indices translate to ids and titles, and its catalogue.

    ``catalogue`` is None where the folder that the model was trained on is not there any more.
    """

    model: Recommender
    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    titles: tuple[str, ...] | None
    encoders: dict[str, str]
    catalogue: Catalogue | None

    def user_indices(self, user_ids: Iterable[str]) -> np.ndarray:
        """(n,) int64: the indices of user ids, in the order asked for.

        Raises:
            InputError: the model was trained without one of them.
        """
        known = {ident: place for place, ident in enumerate(self.user_ids)}
        wanted = list(user_ids)
        for ident in wanted:
            if ident not in known:
                example = self.user_ids[0] if self.user_ids else "none"
                raise InputError(f"unknown user {ident!r}: the model knows {len(known)} users, such as {example!r}")
        return np.array([known[ident] for ident in wanted], np.int64)

    def needed_catalogue(self, purpose: str) -> Catalogue:
        """The catalogue, for what cannot be done without.

        Args:
            purpose: what needs it, such as ``"--where"``.

        Raises:
            InputError: it is not there.
        """
        if self.catalogue is None:
            raise InputError(
                f"{purpose} reads the catalogue, which is not where the model was trained: give --catalogue DIR"
            )
        return self.catalogue


def save_model(model: Recommender, folder: Path, catalogue: Catalogue, encoders: dict[str, str]) -> None:
    """Write the model, its ids and the catalogue's fingerprint; ``model.json`` comes last and completes it."""
    ids = {"user_ids": catalogue.user_ids, "item_ids": catalogue.item_ids}
    if "title" in catalogue.items:
        ids["titles"] = tuple(catalogue.items["title"])
    write_json(folder / "ids.json", ids)
    bound = {"folder": str(catalogue.folder.resolve()), "fingerprint": catalogue.fingerprint}
    model.save(folder, catalogue=bound, encoders=encoders)


def load_saved_model(folder: Path, catalogue_folder: Path | None = None, drop_faulty: bool = False) -> SavedModel:
    """Read a saved model, and refuse it if the catalogue it was trained on is not the one at hand.

    Args:
        folder: what ``save_model`` wrote.
        catalogue_folder: the catalogue to check against; by default the recorded one, if it is still there.
        drop_faulty: read that catalogue without its faulty rows, as the model was trained.

    Raises:
        InputError: no model, or the catalogue's content has changed since training.
    """
    record = read_record(folder)
    bound, catalogue = record["catalogue"], None
    at = Path(catalogue_folder or bound["folder"])
    if catalogue_folder is not None or at.is_dir():
        from mmrec.data.reader import read_catalogue

        catalogue = read_catalogue(at, drop_faulty=drop_faulty)
        if catalogue.fingerprint != bound["fingerprint"]:
            raise InputError(
                f"{folder} was trained on other data than {at} holds now: train it again on this catalogue"
            )
    ids = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
    titles = tuple(ids["titles"]) if "titles" in ids else None
    user_ids, item_ids = tuple(ids["user_ids"]), tuple(ids["item_ids"])
    return SavedModel(load_model(folder), user_ids, item_ids, titles, record["encoders"], catalogue)


def new_item(text: str, image: str, audio: str) -> Catalogue:
    """A catalogue of one unrated item, for extraction; an empty string is an absent modality.

    Raises:
        InputError: all three are empty, or a file does not exist.
    """
    values = dict(zip(MODALITIES, (text, image, audio), strict=True))
    if not any(value.strip() for value in values.values()):
        raise InputError("a new item needs a text, a picture or a sound")
    for name in ("image", "audio"):
        if values[name]:
            path = Path(values[name]).resolve()
            if not path.is_file():
                raise InputError(f"no such file: {values[name]} (the {name} of the new item)")
            values[name] = str(path)
    none = np.zeros(0, np.int64)
    return Catalogue(
        folder=Path("/"),
        items=pd.DataFrame([{"item_id": "new", **values}]),
        user_ids=(),
        interactions=Interactions(none, none, none.astype(np.float32), none, none, 0, 1),
        reviews=(),
        users=pd.DataFrame({"user_id": []}),
        context=pd.DataFrame(),
        fingerprint="",
    )
