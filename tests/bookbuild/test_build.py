"""The pipeline on a stub book: what fails, what is rebuilt, and what a kill leaves behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from bookbuild.execute import THREADS, is_fresh, plan, run
from bookbuild.figures import compare_figures, export_figures
from bookbuild.pages import build_pages
from bookbuild.project import BookError, Project

DRAW = "import matplotlib.pyplot as plt\nplt.plot([1, seed])\nplt.show()"
META = {"mystnb": {"image": {"alt": "a line"}, "figure": {"caption": "A line.", "name": "fig-line"}}}


def write(path, *cells):
    made = [nbformat.v4.new_markdown_cell("# Title")]
    made.append(nbformat.v4.new_code_cell("seed = 0", metadata={"tags": ["parameters"]}))
    made += [nbformat.v4.new_code_cell(source, metadata=dict(meta)) for source, meta in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)


@pytest.fixture
def project(tmp_path) -> Project:
    root = tmp_path / "stub"
    for name in ("book", "notebooks", "mmrec"):
        (root / name).mkdir(parents=True)
    (root / "_config.yml").write_text('title: Stub\nexecute:\n  execute_notebooks: "off"\nonly_build_toc_files: true\n')
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/intro\nchapters:\n"
        "  - file: notebooks/01-a\n  - file: notebooks/02-b\n  - file: book/status\n"
    )
    (root / "book/intro.md").write_text("# Stub\n\nSee {doc}`../notebooks/01-a`.\n")
    (root / "book/status.md").write_text("# Status\n")
    (root / "book/profiles.yml").write_text("quick:\n  all:\n    seed: 3\n")
    write(root / "notebooks/01-a.ipynb", (DRAW, META))
    write(root / "notebooks/02-b.ipynb", ("print(seed + 1)", {}))
    return Project(root)


def go(project, only=()):
    return run(project, plan(project, "quick", {}, only), workers=2)


def test_builds_and_rebuilds_just_what_changed(project):
    assert go(project) == ["01-a.ipynb", "02-b.ipynb"]
    assert build_pages(project)
    assert "4" in (project.html / "notebooks/02-b.html").read_text()
    assert 'alt="a line"' in (project.html / "notebooks/01-a.html").read_text()
    assert go(project) == []
    assert not build_pages(project)
    write(project.root / "notebooks/02-b.ipynb", ("print(seed + 2)", {}))
    assert go(project) == ["02-b.ipynb"]
    (project.root / "mmrec/new.py").write_text("x = 1\n")
    assert not any(is_fresh(project, job) for job in plan(project, "quick", {}))
    # a broken cross-reference and a page that is not made fail, and the old book stays
    intro = project.root / "book/intro.md"
    intro.write_text("# Stub\n\nSee {doc}`nowhere`.\n")
    with pytest.raises(BookError, match=r"intro.md.*nowhere"):
        build_pages(project)
    assert (project.html / "index.html").is_file()
    intro.write_text("# Stub\n")
    toc = project.root / "_toc.yml"
    toc.write_text(toc.read_text() + "  - file: book/missing\n")
    with pytest.raises(BookError, match="missing"):
        build_pages(project)


@pytest.mark.parametrize("given", [None, "3"])
def test_notebooks_share_the_cores(project, monkeypatch, given):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    if given:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    write(project.root / "notebooks/01-a.ipynb", ("import os\nprint(seed, os.environ['OMP_NUM_THREADS'])", {}))
    run(project, plan(project, "quick", {}, ("01",)), workers=2)
    shown = nbformat.read(project.executed / "01-a.ipynb", as_version=4).cells[-1].outputs[0].text
    assert shown.split()[-1] == (given or "4")  # of 8 cores half, alone or not; what the user set stands


def test_raising_cell_is_named(project):
    write(project.root / "notebooks/02-b.ipynb", ("print(seed)", {}), ("1 / 0  # boom", {}))
    with pytest.raises(
        BookError, match=r"02-b.ipynb, cell 4 \(1 / 0  # boom\) raised ZeroDivisionError: division by zero"
    ):
        go(project)
    assert (project.executed / "01-a.ipynb").is_file()  # the other one is kept


def test_figure_without_alt_text_is_named(project):
    write(project.root / "notebooks/01-a.ipynb", (DRAW, {}))
    go(project, ("01",))
    with pytest.raises(BookError, match=r"01-a.ipynb, cell 3 .*alt text"):
        build_pages(project)


def test_a_failed_build_fails_again_and_names_the_cell(project):
    notebook = project.root / "notebooks/02-b.ipynb"
    write(notebook, ("print(seed)", {}))
    stored = nbformat.read(notebook, as_version=4)
    stored.cells.append(nbformat.v4.new_markdown_cell("Here.\n\n```{nosuch}\n```\n\n{ref}`nolabel`"))
    nbformat.write(stored, notebook)
    go(project)
    for _ in range(2):
        with pytest.raises(BookError, match=r"02-b.ipynb, cell 4 \(Here.\).*nosuch") as caught:
            build_pages(project)
        assert "02-b.ipynb, cell 4 (Here.): WARNING: undefined label: 'nolabel'" in str(caught.value)
        assert "\x1b" not in str(caught.value)
    assert not project.html.exists()


def test_unknown_data_name(project):
    with pytest.raises(BookError, match="'films'"):
        plan(project, "quick", {"films": "x"})


def test_figures_have_stable_names_and_are_compared(project, tmp_path):
    go(project)
    assert [path.name for path in export_figures(project, tmp_path / "new")] == ["01-line.png"]
    export_figures(project, tmp_path / "old")
    assert compare_figures(tmp_path / "new", tmp_path / "old") == []
    (tmp_path / "old/01-gone.png").write_bytes((tmp_path / "new/01-line.png").read_bytes())
    assert compare_figures(tmp_path / "new", tmp_path / "old") == ["01-gone.png"]


def test_a_killed_run_goes_on_to_the_same_result(project):
    go(project)
    expected = {path.name: path.read_bytes() for path in project.executed.glob("*.ipynb")}
    command = [sys.executable, "-c", "from mmrec.cli import main; main()", "book"]
    root = str(Path(__file__).parents[2])
    for moment in (1.5, 3.0, 4.5):
        for path in project.executed.iterdir():
            path.unlink()
        process = subprocess.Popen(
            command, cwd=project.root, env={**os.environ, "PYTHONPATH": root}, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        go(project)
        assert {path.name: path.read_bytes() for path in project.executed.glob("*.ipynb")} == expected


def test_two_builds_at_once_are_refused(project):
    with project.lock(), pytest.raises(BookError, match="at work"), Project(project.root).lock():
        pass
    with project.lock():  # free again
        pass


def test_the_longest_notebook_starts_first(project):
    for name, stated in {"01-a": "20 seconds; tables are recorded", "02-b": "3 minutes with the data"}.items():
        path = project.root / f"notebooks/{name}.ipynb"
        notebook = nbformat.read(path, 4)
        notebook.cells[0].source = f"# Title\n\n**Document.** Section 4.2. **Run time.** About {stated}."
        nbformat.write(notebook, path)
    assert [job.minutes for job in plan(project, "quick", {})] == pytest.approx([1 / 3, 3])
    assert go(project) == ["02-b.ipynb", "01-a.ipynb"]
