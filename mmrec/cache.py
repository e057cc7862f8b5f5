"""Content-addressed folders: what was made once from the same inputs is found again, never remade.

The cache lives in ``$MMREC_CACHE``, else in the user's cache folder. Two processes that want the
same entry wait for one another; a killed build leaves only a temporary folder, which is made again.
"""

import platform
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from mmrec import __version__
from mmrec.environment import BACKEND, CACHE, variable
from mmrec.files import sha256_file, sha256_json


def cache_root() -> Path:
    """The cache's folder (made if absent)."""
    root = Path(variable(CACHE) or platformdirs.user_cache_path("mmrec"))
    root.mkdir(parents=True, exist_ok=True)
    return root


def cached_folder(kind: str, key: Any, build: Callable[[Path], None]) -> Path:
    """The folder that ``build`` makes for ``key``, made at most once.

    Args:
        kind: a short name that groups entries (``"catalogue"``, ``"model"``).
        key: a JSON value naming all that the result depends on.
        build: called with an empty temporary folder to fill.

    Returns:
        ``cache_root()/kind/<sha256 of key>``, complete.
    """
    target = cache_root() / kind / sha256_json(key)[:32]
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if not target.exists():
            temporary = target.with_name(f"{target.name}.part")
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            build(temporary)
            temporary.rename(target)
    return target


LIBRARIES = ("keras", "numpy", "scikit-learn", "scipy", "tensorflow", "tensorflow-cpu")


def versions() -> dict[str, str]:
    """Versions that results may depend on, and Keras's backend; libraries that are not installed are left out."""
    found = {"mmrec": __version__, "python": platform.python_version()}
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return found | {"backend": variable(BACKEND) or "tensorflow"}


@cache
def code_hash(*parts: str) -> str:
    """SHA-256 over source files of the package: those that results depend on, all but the commands.

    Args:
        parts: only these files and folders, relative to the package.
    """
    package = Path(__file__).parent
    sources = sorted(path.relative_to(package) for path in package.rglob("*.py"))
    chosen = [
        path for path in sources if (path.parts[0] != "commands" if not parts else path.as_posix().startswith(parts))
    ]
    return sha256_json({path.as_posix(): sha256_file(package / path) for path in chosen})
