"""The stored notebooks follow the template."""

import re
from pathlib import Path

import nbformat
import pytest

from bookbuild.project import BookError
from bookbuild.rules import check_parameters, declared_parameters, read_notebook, style_faults

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_follows_the_template(path):
    notebook = read_notebook(path)
    check_parameters(path, notebook, {})
    assert style_faults(path, notebook) == []


def notebook_of(*sources, tags=("parameters",)):
    first, *rest = sources
    cells = [nbformat.v4.new_code_cell(first, metadata={"tags": list(tags)})]
    return nbformat.v4.new_notebook(cells=cells + [nbformat.v4.new_code_cell(source) for source in rest])


def test_unknown_parameter_names_the_cell():
    with pytest.raises(BookError, match=r"01-x.ipynb, cell 1 \(a = 1\): unknown parameter 'b'"):
        check_parameters(Path("01-x.ipynb"), notebook_of("a = 1", "print(a)"), {"b": 2})


def test_unread_parameter_names_the_cell():
    with pytest.raises(BookError, match=r"cell 1 .*'b' is read by no cell"):
        check_parameters(Path("01-x.ipynb"), notebook_of("a = 1\nb = 2", "%matplotlib inline\nprint(a)\nb = 3"), {})


def test_magics_are_no_syntax_errors():
    cells = ("%timeit f(1)", "%%bash\nls | wc -l", "here = %pwd", "if a:\n    %matplotlib inline", "print?")
    check_parameters(Path("01-x.ipynb"), notebook_of("a = 1", *cells), {})


def test_a_cell_that_is_not_python_is_named():
    with pytest.raises(BookError, match=r"01-x.ipynb, cell 2 \(print\(a\): "):
        check_parameters(Path("01-x.ipynb"), notebook_of("a = 1", "print(a"), {})


def test_defaults_are_read():
    assert declared_parameters(notebook_of("a: int = 1\nb = 'x'")) == {"a": 1, "b": "x"}


def test_stored_outputs_are_refused(tmp_path):
    notebook = notebook_of("a = 1", "print(a)")
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="1")]
    nbformat.write(notebook, tmp_path / "01-x.ipynb")
    with pytest.raises(BookError, match=r"cell 2 \(print\(a\)\): stored with outputs"):
        read_notebook(tmp_path / "01-x.ipynb")


def test_parameters_cell_is_required(tmp_path):
    nbformat.write(notebook_of("a = 1", tags=()), tmp_path / "01-x.ipynb")
    with pytest.raises(BookError, match="'parameters'"):
        read_notebook(tmp_path / "01-x.ipynb")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_mark_of_an_uncommitted_tree_is_not_cut_off(path):
    """A record's commit is shown by ``origin`` or ``short_commit``, which keep its +."""
    code = "\n".join(cell.source for cell in read_notebook(path).cells if cell.cell_type == "code")
    assert not re.search(r"""["']commit["']\]\[""", code)
