"""Options and steps that several commands share."""

import json
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from mmrec.data.catalogue import Catalogue
from mmrec.errors import InputError

encoder_option = click.option(
    "--encoder",
    multiple=True,
    metavar="[MODALITY=]NAME",
    help="Encoder for a modality, e.g. image=conv, or lite0, which is of pictures alone. May be repeated.",
)
drop_faulty_option = click.option(
    "--drop-faulty", is_flag=True, help="Go on without the faulty rows, and say what was left out."
)


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """``("a=b", ...)`` as a dictionary.

    Raises:
        click.UsageError: a pair has no ``=``.
    """
    parsed = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key or not value:
            raise click.UsageError(f"expected NAME=VALUE, got {pair!r}")
        parsed[key] = value
    return parsed


def parse_encoders(given: Iterable[str]) -> dict[str, str]:
    """``("image=conv", "musicnn")`` as modality -> name of its encoder.

    Raises:
        InputError: no such modality or encoder, or two encoders for one modality.
    """
    from mmrec.features.encoders import REGISTRY, make_encoder

    parsed: dict[str, str] = {}
    for one in given:
        modality, equals, name = one.partition("=")
        if not equals:
            modality = next((modality for modality, encoders in REGISTRY.items() if one in encoders), "")
            name = one
        if modality not in REGISTRY or not name:
            known = "; ".join(f"{modality}: {', '.join(sorted(encoders))}" for modality, encoders in REGISTRY.items())
            raise InputError(f"--encoder {one!r}: write NAME or MODALITY=NAME ({known})")
        if parsed.setdefault(modality, name) != name:
            raise InputError(f"--encoder: both {parsed[modality]} and {name} for {modality}; choose one")
        make_encoder(modality, name)  # a misspelt name is refused before anything is read
    return parsed


def parse_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """``KEY=VALUE`` pairs as keyword arguments of a model, which checks them; values are JSON where they can be."""
    settings: dict[str, Any] = {}
    for key, text in parse_pairs(pairs).items():
        try:
            settings[key] = json.loads(text)
        except json.JSONDecodeError:
            settings[key] = text
    return settings


def load_catalogue(folder: Path, drop_faulty: bool) -> Catalogue:
    """Read a catalogue, refusing faults with the whole report, or saying what was dropped."""
    from mmrec.data.reader import read_catalogue

    return read_catalogue(folder, drop_faulty=drop_faulty)


def need_bookbuild() -> None:
    """Make ``bookbuild`` importable: it belongs to the repository, not to the installed package.

    Raises:
        InputError: this is not a clone of the repository.
    """
    if (Path.cwd() / "bookbuild").is_dir() and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    if find_spec("bookbuild") is None:
        raise InputError(
            "the book is built in a clone of the repository, not from the installed package: clone it, and run this"
            " command in its folder"
        )
