"""From executed notebooks and MyST pages to HTML; the old book stays until the new one is whole."""

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import nbformat

from bookbuild.project import BookError, Project
from bookbuild.rules import describe
from mmrec.files import atomic_write, sha256_file, sha256_json

STAMP = ".built-from"
LIBRARIES = (
    "mmrec",
    "keras",
    "numpy",
    "scikit-learn",
    "librosa",
    "opencv-python-headless",
    "jupyter-book",
    "papermill",
)

TENSORFLOW = "WARNING: All log messages before absl::InitializeLog()"
"""TensorFlow, which the reference pages import, begins its log so; it is no warning of sphinx."""


def build_pages(project: Project, force: bool = False) -> bool:
    """Build the HTML if anything in it changed.

    Returns:
        Whether it had to be built.

    Raises:
        BookError: sphinx warned (warnings are errors here), a promised page is missing, or a figure has no alt text.
    """
    check_figures(project)
    source = project.build / "source"
    stage(project, source)
    tree = {str(path.relative_to(source)): sha256_file(path) for path in sorted(source.rglob("*")) if path.is_file()}
    key = sha256_json(tree)
    stamp = project.html / STAMP
    if not force and stamp.is_file() and stamp.read_text() == key:
        return False
    output = project.build / "sphinx"
    # Sphinx warns about a page only when it reads it: after a build that failed or was killed it must read all again.
    sound = output / ".sound"
    if sound.is_file():
        sound.unlink()
        shutil.rmtree(output / "_build" / "html", ignore_errors=True)
    else:
        shutil.rmtree(output, ignore_errors=True)
    program = str(Path(sys.executable).with_name("jupyter-book"))
    command = [program, "build", str(source), "--path-output", str(output)]
    ran = subprocess.run([*command, "-W", "--keep-going", "-q"], capture_output=True, text=True)
    made = output / "_build" / "html"
    told = [line.strip() for line in click.unstyle(ran.stdout + ran.stderr).splitlines()]
    said = [line for line in told if not line.startswith(TENSORFLOW)]
    faults = [line.replace(f"{source}/", "") for line in said if "WARNING" in line or "ERROR" in line]
    if ran.returncode or faults:
        raise BookError("\n".join([_name_cell(project, line) for line in faults] or said[-5:]))
    missing = [page for page in project.pages() if not (made / f"{page.removesuffix('.md')}.html").is_file()]
    if missing:
        raise BookError(f"pages were not made: {', '.join(missing)}")
    with atomic_write(made / STAMP) as stream:
        stream.write(key)
    sound.touch()
    old = project.build / "html.old"
    shutil.rmtree(old, ignore_errors=True)
    if project.html.exists():
        project.html.rename(old)
    made.rename(project.html)
    shutil.rmtree(old, ignore_errors=True)
    return True


def _name_cell(project: Project, fault: str) -> str:
    """Name the cell in a warning about a notebook, where the line number is 10,000 times the cell plus the line."""
    found = re.search(r"notebooks/(\S+\.ipynb):(\d+)", fault)
    if found is None or not (project.executed / found[1]).is_file():
        return fault
    cells = nbformat.read(project.executed / found[1], as_version=4).cells
    at = int(found[2]) // 10_000 - 1
    if not 0 <= at < len(cells):
        return fault
    number = len([cell for cell in cells[: at + 1] if _is_stored(cell)])
    return fault.replace(found[0], describe(Path(found[1]), number, cells[at]))


def _is_stored(cell: Any) -> bool:
    """Whether a cell of an executed notebook was in the source, not added by the run."""
    return cell["id"] != "settings" and "injected-parameters" not in cell.metadata.get("tags", [])


def stage(project: Project, source: Path) -> None:
    """Lay out what sphinx reads; files that did not change keep their time, so that sphinx need not read them again."""
    wanted: dict[Path, Path] = {}
    for name in ("_config.yml", "_toc.yml"):
        wanted[Path(name)] = project.root / name
    for path in (project.root / "book").rglob("*"):
        if path.is_file():
            wanted[path.relative_to(project.root)] = path
    for path in project.notebooks():
        executed = project.executed / path.name
        if not executed.is_file():
            raise BookError(f"{path.name} has not been run: 'mmrec book' without --only runs it")
        wanted[Path("notebooks") / path.name] = executed
    for place, origin in wanted.items():
        target = source / place
        if not target.is_file() or target.read_bytes() != origin.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin, target)
    status = source / "book" / "status.md"
    text = status_page(project)
    if not status.is_file() or status.read_text(encoding="utf-8") != text:
        with atomic_write(status) as stream:
            stream.write(text)
    kept = {source / name for name in wanted} | {status}
    for path in source.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()


def status_page(project: Project) -> str:
    """A table of each notebook's last run."""
    lines = [
        "# Status of this build",
        "",
        "What each page was made with. Two runs with the same seed on one machine give the same tables.",
        "",
        "| notebook | seconds | peak MB | parameters | SHA-256 of the data | finished |",
        "| --- | ---: | ---: | --- | --- | --- |",
    ]
    for path in project.notebooks():
        record = json.loads((project.executed / f"{path.stem}.json").read_text(encoding="utf-8"))
        parameters = ", ".join(f"`{name}={value}`" for name, value in record["parameters"].items())
        data = ", ".join(f"`{fingerprint[:12]}`" for fingerprint in record["data"]) or "none"
        cells = (path.stem, record["seconds"], record["peak_memory_mb"], parameters, data, record["finished"])
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", "| library | version |", "| --- | --- |", f"| Python | {sys.version.split()[0]} |"]
    lines += [f"| {name} | {_version(name)} |" for name in LIBRARIES]
    return "\n".join(lines) + "\n"


def _version(name: str) -> str:
    try:
        return version(name)
    except Exception:
        return "not installed"


def check_figures(project: Project) -> None:
    """Every picture that a cell made has an alt text.

    Raises:
        BookError: one has none.
    """
    for path in project.notebooks():
        executed = project.executed / path.name
        if not executed.is_file():
            continue
        stored = [cell for cell in nbformat.read(executed, as_version=4).cells if _is_stored(cell)]
        for number, cell in enumerate(stored, 1):
            pictures = [out for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
            if pictures and not cell.metadata.get("mystnb", {}).get("image", {}).get("alt"):
                raise BookError(f"{describe(path, number, cell)}: the figure has no alt text (mystnb.image.alt)")
