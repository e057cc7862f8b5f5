"""Recorded results: what a run found, with all that is needed to run it again."""

import json
import subprocess
from pathlib import Path
from typing import Any

from mmrec.cache import versions
from mmrec.errors import MissingDataError
from mmrec.files import write_json


def commit() -> str:
    """The commit of the working tree, with ``+`` where it holds changes; '' outside git."""
    try:
        here = Path(__file__).parent
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def save_record(path: Path | str, results: Any, *, seed: int, seeds: int, data_hash: str, command: str) -> None:
    """Write results with seed, data hash, commit and versions, atomically.

    Args:
        path: ``results/NAME.json``.
        results: a JSON value.
        seed: the first seed.
        seeds: how many.
        data_hash: fingerprint of the catalogue.
        command: what makes the record again.
    """
    origin = {"command": command, "seed": seed, "seeds": seeds, "data": data_hash, "commit": commit()}
    write_json(path, {**origin, "versions": versions(), "results": results})


def load_record(name: str) -> dict[str, Any]:
    """The record ``results/NAME.json`` of the project's folder.

    Raises:
        MissingDataError: there is none.
    """
    path = Path(__file__).parents[2] / "results" / f"{name}.json"
    if not path.is_file():
        raise MissingDataError(f"there is no recorded result {path}: run the chapter with MMREC_DATA set")
    return json.loads(path.read_text(encoding="utf-8"))
