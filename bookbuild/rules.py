"""What a stored notebook must be like; each fault names the notebook and the cell."""

import ast
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from bookbuild.project import BookError

LONGEST_CELL = 25
MEDIAN_CELL = 7


def read_notebook(path: Path) -> Any:
    """A stored notebook, checked to be without outputs and with one ``parameters`` cell.

    Raises:
        BookError: it is damaged, holds outputs, or has no parameters cell.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:
        raise BookError(f"{path.name}: not a notebook ({error})") from error
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code" and (cell.get("outputs") or cell.get("execution_count")):
            raise BookError(f"{describe(path, number, cell)}: stored with outputs; clear them before committing")
    if sum("parameters" in cell.metadata.get("tags", []) for cell in notebook.cells) != 1:
        raise BookError(f"{path.name}: needs exactly one cell tagged 'parameters'")
    return notebook


def describe(path: Path, number: int, cell: Any) -> str:
    """``03-image.ipynb, cell 7 (first line)``."""
    lines = cell.source.strip().splitlines()
    return f"{path.name}, cell {number} ({lines[0][:60] if lines else 'empty'})"


def declared_parameters(notebook: Any, path: Path = Path("notebook")) -> dict[str, Any]:
    """Name -> default of each assignment in the parameters cell (defaults that are no literal: None)."""
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    values = {}
    for statement in _parse(path, notebook.cells.index(cell) + 1, cell).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                try:
                    values[target.id] = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
                except ValueError:
                    values[target.id] = None
    return values


def _parse(path: Path, number: int, cell: Any) -> ast.Module:
    """The syntax tree of a cell, its magics and shell lines turned into the calls that IPython makes of them."""
    source = cell.source
    if source.lstrip().startswith("%%"):
        magic, _, source = source.lstrip().partition("\n")
        if magic.split()[0] not in ("%%time", "%%timeit", "%%capture", "%%prun"):
            return ast.Module([], [])
    try:
        return ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError as error:
        raise BookError(f"{describe(path, number, cell)}: {error.msg}") from error


def check_parameters(path: Path, notebook: Any, given: dict[str, Any]) -> None:
    """Every given parameter is declared, and every declared one is read by some other cell.

    Raises:
        BookError: one is not.
    """
    declared = declared_parameters(notebook, path)
    number, cell = next(
        (number, cell) for number, cell in enumerate(notebook.cells, 1) if "parameters" in cell.metadata.get("tags", [])
    )
    here = describe(path, number, cell)
    for name in given:
        if name not in declared:
            raise BookError(f"{here}: unknown parameter {name!r}; it declares {', '.join(declared) or 'none'}")
    read: set[str] = set()
    for place, other in enumerate(notebook.cells, 1):
        if other.cell_type == "code" and other is not cell:
            tree = _parse(path, place, other)
            read |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    for name in declared:
        if name not in read:
            raise BookError(f"{here}: parameter {name!r} is read by no cell")


def style_faults(path: Path, notebook: Any) -> list[str]:
    """Departures from the template: title, short cells, figures with name, caption and alt text, exercises."""
    faults = []
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    lengths = [len(cell.source.strip().splitlines()) for cell in cells]
    if not notebook.cells or not notebook.cells[0].source.startswith("# "):
        faults.append(f"{path.name}: the first cell must be the title")
    if lengths and median(lengths) > MEDIAN_CELL:
        faults.append(f"{path.name}: the median cell has {median(lengths)} lines, more than {MEDIAN_CELL}")
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        if len(cell.source.strip().splitlines()) > LONGEST_CELL:
            faults.append(f"{describe(path, number, cell)}: longer than {LONGEST_CELL} lines")
        options = cell.metadata.get("mystnb", {})
        if "plt.show()" in cell.source and not (
            options.get("image", {}).get("alt") and {"name", "caption"} <= set(options.get("figure", {}))
        ):
            faults.append(f"{describe(path, number, cell)}: the figure needs a name, a caption and an alt text")
    text = "\n".join(cell.source for cell in notebook.cells)
    if text.count("{exercise}") < 3 or text.count("{solution-start}") < 3:
        faults.append(f"{path.name}: fewer than three exercises with solutions")
    return faults
