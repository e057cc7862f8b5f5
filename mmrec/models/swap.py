"""A folder takes the place of another by renaming, so that a kill never leaves half of one.

The old folder is set aside as ``.NAME.before`` first. A process that dies between the renames leaves no folder NAME;
whoever opens NAME next brings the old one back.
"""

import shutil
from pathlib import Path

from filelock import FileLock


def folder_lock(target: Path) -> FileLock:
    """The lock that a process holds while it replaces or restores the folder."""
    return FileLock(target.with_name(f".{target.name}.lock"))


def replace_folder(target: Path, new: Path) -> None:
    """Put the folder ``new`` in the place of ``target``, under ``folder_lock``; the old folder is left at ``new``."""
    aside = _aside(target)
    target.rename(aside)
    new.rename(target)
    aside.rename(new)


def restore_folder(target: Path) -> None:
    """Under ``folder_lock``: bring back the folder that an interrupted ``replace_folder`` had set aside."""
    aside = _aside(target)
    if aside.is_dir() and not target.exists():
        aside.rename(target)
    shutil.rmtree(aside, ignore_errors=True)


def repair_folder(target: Path) -> None:
    """For readers: wait for a ``replace_folder`` that is under way, and restore the folder if its process has died."""
    if not target.exists() and _aside(target).is_dir():
        with folder_lock(target):
            restore_folder(target)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.before")
