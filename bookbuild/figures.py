"""Every figure of the book under a stable name."""

import base64
import io
from pathlib import Path

import nbformat
import numpy as np
from PIL import Image

from bookbuild.project import BookError, Project
from mmrec.files import atomic_write


def export_figures(project: Project, folder: Path) -> list[Path]:
    """Write the figures of the executed notebooks as ``NN-name.png``.

    Raises:
        BookError: a notebook has not been run, or there is no figure.
    """
    written = []
    for path in project.notebooks():
        executed = project.executed / path.name
        if not executed.is_file():
            raise BookError(f"{path.name} has not been run: run 'mmrec book' first")
        for number, cell in enumerate(nbformat.read(executed, as_version=4).cells, 1):
            name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name", f"cell-{number:02d}")
            pictures = [
                out["data"]["image/png"] for out in cell.get("outputs", []) if "image/png" in out.get("data", {})
            ]
            for place, picture in enumerate(pictures):
                more = f"-{place + 1}" if len(pictures) > 1 else ""
                target = folder / f"{path.name[:2]}-{name.removeprefix('fig-')}{more}.png"
                with atomic_write(target, "wb") as stream:
                    stream.write(base64.b64decode(picture))
                written.append(target)
    if not written:
        raise BookError("the book has no figure")
    return written


def compare_figures(new: Path, old: Path, tolerance: float = 2.0) -> list[str]:
    """Names of figures that are new, gone, of another size, or differ by over ``tolerance`` grey levels."""
    changed = []
    for name in sorted({path.name for folder in (new, old) for path in folder.glob("*.png")}):
        pair = [folder / name for folder in (new, old)]
        if not all(path.is_file() for path in pair):
            changed.append(name)
            continue
        first, second = (
            np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB"), np.int16) for path in pair
        )
        if first.shape != second.shape or np.abs(first - second).mean() > tolerance:
            changed.append(name)
    return changed
