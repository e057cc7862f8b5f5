"""Two folders that change places in one step, so that a kill leaves the one or the other, never half of each."""

import ctypes
import os
import shutil
import sys
from pathlib import Path

_LINUX_EXCHANGE, _MAC_SWAP, _HERE = 2, 2, -100


def swap_folders(first: Path, second: Path) -> bool:
    """Exchange two folders of one file system in one step.

    Linux and macOS can (``renameat2`` with RENAME_EXCHANGE, ``renamex_np`` with RENAME_SWAP); some file systems, such
    as network ones, cannot.

    Returns:
        Whether it was done; if not, nothing has changed.
    """
    names = os.fsencode(first), os.fsencode(second)
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        return library.renamex_np(*names, ctypes.c_uint(_MAC_SWAP)) == 0
    exchange = getattr(library, "renameat2", None)
    return exchange is not None and exchange(_HERE, names[0], _HERE, names[1], ctypes.c_uint(_LINUX_EXCHANGE)) == 0


def replace_folder(target: Path, new: Path) -> None:
    """Put the folder ``new`` in the place of ``target``; what was there is left at ``new``.

    Where folders cannot be exchanged in one step, the old one is set aside as ``.NAME.before`` first, and
    ``restore_folder`` brings it back if the process dies in between.
    """
    if not swap_folders(target, new):
        aside = _aside(target)
        target.rename(aside)
        new.rename(target)
        aside.rename(new)


def restore_folder(target: Path) -> None:
    """Bring back a folder that an interrupted ``replace_folder`` had set aside, or clear it away if it was replaced."""
    aside = _aside(target)
    if aside.is_dir() and not target.exists():
        aside.rename(target)
    shutil.rmtree(aside, ignore_errors=True)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.before")
