"""Fitting by name, once: the same model on the same rows and features is taken from the cache."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from mmrec.cache import cached_folder, code_hash, versions
from mmrec.data.catalogue import Interactions
from mmrec.features.table import Features
from mmrec.models import load_model, model_class
from mmrec.models.base import Recommender

SOURCES = (
    "layers/",
    "data/",
    "features/",
    "models/",
    "text.py",
    "seeding.py",
    "environment.py",
    "errors.py",
    "files.py",
    "cache.py",
)
"""What fitting runs; a change elsewhere makes no fitted model stale."""


def fit_model(name: str, train: Interactions, features: Features | None = None, **settings: Any) -> Recommender:
    """A fitted model, fitted only where the cache does not hold it yet. What is loaded scores the same to the bit.

    Args:
        name: of the model.
        train: rows to learn from.
        features: item features; not looked at where the model needs none.
        settings: over the defaults.
    """
    kind = model_class(name)
    read = features if kind.needs_features else None
    key = {
        "model": name,
        "settings": kind(**settings).settings,
        "train": _digest(train),
        "features": read.digest() if read is not None else "",
        "code": code_hash(*SOURCES),
        "versions": versions(),
    }
    folder = cached_folder("model", key, lambda part: kind(**settings).fit(train, read).save(part))
    return load_model(folder)


def fitter(
    name: str, train: Interactions, features: Features | None = None, **settings: Any
) -> Callable[[int], Recommender]:
    """A function of a seed that gives the fitted model; a model without chance is the same for every seed."""
    seeded = "seed" in model_class(name).parameters()
    return lambda seed: fit_model(name, train, features, **settings, **({"seed": seed} if seeded else {}))


def _digest(train: Interactions) -> str:
    digest = hashlib.sha256(f"{train.users} {train.items}".encode())
    for column in (train.user, train.item, train.rating, train.timestamp):
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()
