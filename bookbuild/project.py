"""Where a book's parts lie, and which settings its notebooks run with."""

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from mmrec.errors import InputError, MmrecError
from mmrec.files import sha256_file, sha256_json


class BookError(MmrecError):
    """The book cannot be built; the message names the notebook and cell, or the page."""


@dataclass(frozen=True)
class Project:
    """A folder with ``notebooks/``, ``book/``, ``_config.yml`` and ``_toc.yml``."""

    root: Path

    def __post_init__(self) -> None:
        for name in ("_config.yml", "_toc.yml", "notebooks"):
            if not (self.root / name).exists():
                raise InputError(
                    f"{self.root} is no book project ({name} is missing): run this in the project's folder"
                )

    @property
    def build(self) -> Path:
        """Everything that is made."""
        return self.root / "_build"

    @property
    def executed(self) -> Path:
        """Executed notebooks and their records."""
        return self.build / "executed"

    @property
    def html(self) -> Path:
        """The finished book."""
        return self.build / "html"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other builds out of the folder; a killed build leaves no lock behind.

        Raises:
            BookError: another build is at work.
        """
        self.build.mkdir(exist_ok=True)
        try:
            with FileLock(self.build / ".lock", timeout=0):
                yield
        except Timeout as error:
            raise BookError(f"another 'mmrec book' is at work in {self.root}: wait for it") from error

    def notebooks(self) -> list[Path]:
        """Notebooks in the order they are read."""
        return sorted((self.root / "notebooks").glob("[0-9]*.ipynb"))

    def pages(self) -> list[str]:
        """Pages that the table of contents promises, without suffix."""
        text = (self.root / "_toc.yml").read_text(encoding="utf-8")
        return re.findall(r"^\s*-?\s*(?:file|root):\s*(\S+)\s*$", text, flags=re.MULTILINE)

    def profile(self, name: str) -> dict[str, dict[str, Any]]:
        """Notebook number (or ``"all"``) -> parameters of a profile in ``book/profiles.yml``.

        Raises:
            InputError: there is no such profile.
        """
        path = self.root / "book" / "profiles.yml"
        profiles = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.is_file() else {"quick": {}}
        if name not in profiles:
            raise InputError(f"unknown profile {name!r}: choose from {', '.join(profiles)}")
        return profiles[name] or {}

    def code_hash(self) -> str:
        """SHA-256 over what a page depends on besides its notebook: package, studies, records, lock, Python."""
        files = [path for folder in ("mmrec", "studies") for path in (self.root / folder).rglob("*.py")]
        files += (self.root / "results").glob("*.json")
        lock = self.root / "requirements.lock"
        digests = {str(path.relative_to(self.root)): sha256_file(path) for path in sorted(files)}
        digests["lock"] = sha256_file(lock) if lock.is_file() else ""
        digests["python"] = sys.version
        return sha256_json(digests)


def data_hash(paths: list[Path]) -> str:
    """SHA-256 over names, sizes and times of files, and of those below folders (content is hashed when it is read)."""
    digest = hashlib.sha256()
    for path in paths:
        walked = os.walk(path) if path.is_dir() else [(str(path.parent), [], [path.name] if path.exists() else [])]
        for at, names, files in walked:
            names.sort()
            for name in sorted(files):
                status = os.stat(os.path.join(at, name))
                digest.update(f"{at}/{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
