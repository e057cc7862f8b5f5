"""Recorded results: what a run found, with all that is needed to run it again."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmrec.cache import versions
from mmrec.environment import ALLOW_UNCOMMITTED, variable
from mmrec.errors import InputError, MissingDataError
from mmrec.files import write_json

MOVED = {
    "benchmarks/case.py": "-m studies.case.record",
    "benchmarks/claims.py": "-m studies.claims.record",
    "benchmarks/encoders.py": "-m studies.encoders.record",
    "benchmarks/feedback.py": "-m studies.feedback.record",
    "benchmarks/fusion_study.py": "-m studies.fusion.record",
    "benchmarks/listing.py": "-m studies.listing.record",
    "benchmarks/models.py": "-m studies.models.record",
    "benchmarks/new_items.py": "-m studies.models.new_items",
    "benchmarks/peers.py": "-m studies.models.peers",
    "benchmarks/ranking.py": "-m studies.models.top_k_speed",
    "benchmarks/throughput.py": "-m studies.encoders.throughput",
}
"""Where the script of an older record is now. A page shows the command that works today."""

RENAMED = {
    "anew": "from scratch",
    "chance": "random",
    "figures": "metrics",
    "likes a person": "likes per user",
    "mended": "repaired",
    "nobody": "no_user",
    "people heard": "profiles updated",
    "people": "users",
}
"""Words in the keys of older records, and what the same is called now. Records keep the keys they were written with."""

UNCOMMITTED = "+"
"""Stands behind a commit whose working tree held changes: nobody else can make such a record again."""
_begun: dict[Path, str] = {}
"""Project's folder -> the commit that this process found there when it first asked."""


def commit() -> str:
    """The commit of the working tree, with ``+`` where it holds changes outside ``results/``; '' outside git."""
    here = Path(__file__).parents[2]
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        changed = ["git", "status", "--porcelain", "--", ".", ":!results"]  # a record changes no other record
        dirty = subprocess.run(changed, cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + (UNCOMMITTED if dirty.stdout.strip() else "")


def short_commit(record: Mapping[str, Any]) -> str:
    """Eight digits of the commit of a record, with the mark of a tree that held changes."""
    full: str = record["commit"]
    return full[:8] + (UNCOMMITTED if full.endswith(UNCOMMITTED) else "")


def origin(record: dict[str, Any]) -> str:
    """One line for a page: that the results are recorded, by which command, at which commit, from which data."""
    return f"RECORDED: {record['command']}, commit {short_commit(record)}, data {record['data'][:12]}"


def check_committed() -> None:
    """Refuse to go on where a record would come from code that no commit holds; call it before long work, too.

    ``MMREC_ALLOW_UNCOMMITTED=1`` lets such a record be made; its commit then ends in ``+``, on every page too. The
    commit of the first call is that of the code which runs, whatever is committed while it runs: ``save_record`` writes
    this one.

    Raises:
        InputError: the working tree holds changes, or is outside git.
    """
    found = commit()
    if variable(ALLOW_UNCOMMITTED) != "1" and (not found or found.endswith(UNCOMMITTED)):
        raise InputError(
            "a record is made from a committed tree alone: commit the changes first ('git status' lists them), or set"
            " MMREC_ALLOW_UNCOMMITTED=1, which marks the record as one that nobody can make again"
        )
    _begun.setdefault(Path(__file__).parents[2], found)


def save_record(path: Path | str, results: Any, *, seed: int, seeds: int, data_hash: str, command: str) -> None:
    """Write results with seed, data hash, commit and versions, atomically.

    The commit is the one at which ``check_committed`` was first called. Where another is there now, the record has it
    as "commit at the end".

    Args:
        path: ``results/NAME.json``.
        results: a JSON value.
        seed: the first seed.
        seeds: how many.
        data_hash: fingerprint of the catalogue.
        command: what makes the record again.

    Raises:
        InputError: the working tree holds changes; see ``check_committed``.
    """
    check_committed()
    first, last = _begun[Path(__file__).parents[2]], commit()
    about = {"command": command, "seed": seed, "seeds": seeds, "data": data_hash, "commit": last}
    if first.rstrip(UNCOMMITTED) != last.rstrip(UNCOMMITTED):
        about |= {"commit": first, "commit at the end": last}
    elif first.endswith(UNCOMMITTED):
        about["commit"] = first
    write_json(path, {**about, "versions": versions(), "results": results})


def load_record(name: str, folder: Path | None = None) -> dict[str, Any]:
    """A record; its command is the one that works today (``MOVED``), and so are the words in its keys (``RENAMED``).

    Args:
        name: of ``NAME.json``.
        folder: of the records; ``results/`` of the project when None.

    Raises:
        MissingDataError: there is none.
    """
    path = (folder or Path(__file__).parents[2] / "results") / f"{name}.json"
    if not path.is_file():
        raise MissingDataError(f"there is no recorded result {path}: run the chapter with MMREC_DATA set")
    record = json.loads(path.read_text(encoding="utf-8"))
    for script, module in MOVED.items():
        record["command"] = record["command"].replace(f"python {script}", f"python {module}")
    return record | {"results": _in_current_words(record["results"])}


def _in_current_words(value: Any) -> Any:
    """A JSON value whose keys use today's names."""
    if isinstance(value, dict):
        former = re.compile(rf"\b({'|'.join(RENAMED)})\b")
        return {former.sub(lambda m: RENAMED[m[0]], key): _in_current_words(part) for key, part in value.items()}
    return [_in_current_words(part) for part in value] if isinstance(value, list) else value
