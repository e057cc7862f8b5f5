"""Encoders turn one text, picture or sound into a row of numbers; they are found by name in a registry.

An encoder reads its input in a worker thread (``load``) and turns a batch of loaded inputs into rows in
the calling thread (``encode``). Its name, version and parameters name its results in the cache: change
one of them whenever the rows would change. A row must depend on its own input alone, never on its batch.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmrec.errors import InputError

Source = str | Path
"""What an encoder loads: the text itself, or the path of a picture or sound."""


class Encoder(Protocol):
    """What extraction needs of an encoder."""

    @property
    def name(self) -> str:
        """Name by which users choose it."""

    @property
    def modality(self) -> str:
        """One of ``MODALITIES``."""

    @property
    def version(self) -> str:
        """Raised whenever the same input and parameters give other rows."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON values that the rows depend on."""

    @property
    def size(self) -> int:
        """Length d of a row."""

    def load(self, source: Source) -> Any:
        """Read one input (called in a worker thread); raises ``MediaError`` naming a file that cannot be decoded."""

    def encode(self, batch: Sequence[Any]) -> np.ndarray:
        """(B, d) float32, one row for each loaded input."""


REGISTRY: dict[str, dict[str, Callable[[], Encoder]]] = {"text": {}, "image": {}, "audio": {}}
DEFAULT_ENCODERS = {"text": "bow", "image": "conv", "audio": "mel"}
_COMPILED: dict[tuple[str, str], Any] = {}


def register(modality: str, name: str) -> Callable[[Callable[[], Encoder]], Callable[[], Encoder]]:
    """Decorator that makes an encoder known as ``--encoder MODALITY=NAME``; the factory is called without arguments."""

    def add(factory: Callable[[], Encoder]) -> Callable[[], Encoder]:
        REGISTRY[modality][name] = factory
        return factory

    return add


def make_encoder(modality: str, name: str | None = None) -> Encoder:
    """The encoder of that name with its default parameters; without a name, the modality's default one.

    Raises:
        InputError: no such encoder; the message lists the choices.
    """
    name = name or DEFAULT_ENCODERS[modality]
    if name not in REGISTRY[modality]:
        raise InputError(f"no {modality} encoder {name!r}: choose from {', '.join(sorted(REGISTRY[modality]))}")
    return REGISTRY[modality][name]()


def compiled(encoder: Encoder, make: Callable[[], Any]) -> Any:
    """The compiled model of an encoder, made once a process when there is something to encode.

    Keras takes seconds to import and compiling up to half a second, the time of a hundred pictures or sounds, so
    encoders of equal name and parameters share one.
    """
    key = (encoder.name, json.dumps(encoder.parameters, sort_keys=True))
    if key not in _COMPILED:
        _COMPILED[key] = make()
    return _COMPILED[key]
