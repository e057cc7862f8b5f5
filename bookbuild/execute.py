"""Running notebooks with papermill: each alone, from empty outputs, and only when something changed."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import nbformat
import psutil
import yaml
from tqdm import tqdm

from bookbuild.project import BookError, Project, data_hash
from bookbuild.rules import check_parameters, declared_parameters, describe, read_notebook
from mmrec.environment import CACHE, DATA, ENCODERS, OPENED, VGG16, variable
from mmrec.files import atomic_write, sha256_file, sha256_json, write_json

ELSEWHERE = (DATA, ENCODERS, VGG16)
"""Environment variables that name data and weights which are not part of the project."""

THREADS = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""Environment variables that say with how many threads a product is computed."""


@dataclass(frozen=True)
class Job:
    """A notebook, what it runs with, the key of all that its page depends on, and how long it says that it takes."""

    path: Path
    parameters: dict[str, Any]
    key: str
    minutes: float


def plan(project: Project, profile: str, data: dict[str, str], only: tuple[str, ...] = ()) -> list[Job]:
    """Check all notebooks and decide what each runs with.

    Args:
        project: the book.
        profile: name of a set of parameters.
        data: notebook parameter -> data set or folder.
        only: numbers of notebooks; all by default.

    Raises:
        BookError: a notebook breaks a rule, or a data name that no notebook declares.
    """
    settings, code = project.profile(profile), project.code_hash()
    jobs, used = [], set()
    for path in project.notebooks():
        notebook = read_notebook(path)
        number = path.name[:2]
        declared = declared_parameters(notebook, path)
        given = {name: value for name, value in settings.get("all", {}).items() if name in declared}
        given |= settings.get(number, {})
        given |= {name: value for name, value in data.items() if name in declared}
        used |= set(data) & set(declared)
        check_parameters(path, notebook, given)
        folders = [Path(value) for value in given.values() if isinstance(value, str) and os.path.isdir(value)]
        if "record" in declared:  # shows a recorded run where what it needs is not there
            folders += [Path(variable(name)) for name in ELSEWHERE if variable(name)]
        key = sha256_json([sha256_file(path), given, code, data_hash(folders)])
        if not only or number in only:
            jobs.append(Job(path, given, key, _minutes(notebook)))
    unknown = sorted(set(data) - used)
    if unknown:
        raise BookError(f"no notebook has a data parameter {unknown[0]!r}")
    if only and len(jobs) < len(set(only)):
        raise BookError(
            f"no such notebook among {', '.join(only)}: there are {', '.join(p.name for p in project.notebooks())}"
        )
    return jobs


def is_fresh(project: Project, job: Job) -> bool:
    """Whether the executed notebook at hand was made from just this."""
    record = project.executed / f"{job.path.stem}.json"
    if not record.is_file() or not (project.executed / job.path.name).is_file():
        return False
    return json.loads(record.read_text(encoding="utf-8"))["key"] == job.key


def run(project: Project, jobs: list[Job], workers: int, force: bool = False) -> list[str]:
    """Execute what is not fresh, ``workers`` at a time; what succeeds is kept whatever happens to the others.

    Returns:
        Names of the notebooks that ran.

    Raises:
        BookError: a cell raised; names every failed notebook with its cell.
    """
    stale = [job for job in jobs if force or not is_fresh(project, job)]
    if not stale:
        return []
    # The longest first, or the build ends with one core waiting for it.
    stale.sort(key=lambda job: job.minutes, reverse=True)
    failures = []
    environment = _environment(project, workers)
    with ThreadPoolExecutor(workers) as pool:
        done = pool.map(lambda job: _attempt(project, job, environment), stale)
        for error in tqdm(done, total=len(stale), desc="notebooks"):
            if error:
                failures.append(error)
    if failures:
        raise BookError("\n".join(failures))
    return [job.path.name for job in stale]


def _minutes(notebook: Any) -> float:
    """The run time that the notebook states in its first cell: "**Run time.** About 3 minutes."; 0 without one."""
    found = re.search(r"\*\*Run time\.\*\*\D*?(\d+) (minute|second)", notebook.cells[0].source)
    return float(found[1]) / (1 if found[2] == "minute" else 60) if found else 0.0


def _attempt(project: Project, job: Job, environment: dict[str, str]) -> str:
    try:
        _execute(project, job, environment)
    except BookError as error:
        return str(error)
    return ""


def _execute(project: Project, job: Job, environment: dict[str, str]) -> None:
    work = project.build / "papermill"
    work.mkdir(parents=True, exist_ok=True)
    # A folder of its own: the papermill of a killed build may live on and still write.
    output = Path(tempfile.mkdtemp(dir=work, prefix=f"{job.path.stem}-")) / job.path.name
    opened = output.with_name("opened")
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(job.path),
        str(output),
        "--no-progress-bar",
        "--log-level",
        "ERROR",
    ]
    command += ["--kernel", "python3", "--language", "python"]
    command += ["--parameters_yaml", yaml.safe_dump(job.parameters)] if job.parameters else []
    started = time.monotonic()
    log = work / f"{job.path.stem}.log"
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=project.root,
            env=environment | {OPENED: str(opened)},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        try:
            peak = _watch(process)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise BookError(_what_failed(job, output, log))
    notebook = nbformat.read(output, as_version=4)
    _tidy(notebook, job)
    # The old record goes first: killed in between, it would vouch for a notebook that it does not describe.
    (project.executed / f"{job.path.stem}.json").unlink(missing_ok=True)
    with atomic_write(project.executed / job.path.name) as stream:
        nbformat.write(notebook, stream)
    shown = declared_parameters(nbformat.read(job.path, as_version=4)) | job.parameters
    write_json(
        project.executed / f"{job.path.stem}.json",
        {
            "key": job.key,
            "seconds": round(time.monotonic() - started, 1),
            "peak_memory_mb": round(peak / 2**20),
            "parameters": shown,
            "data": sorted(set(opened.read_text().split())) if opened.is_file() else [],
            "finished": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        },
    )
    shutil.rmtree(output.parent)


def _environment(project: Project, workers: int) -> dict[str, str]:
    """What the kernels see: a cache next to the book, its share of the cores, no random hashing, quiet libraries.

    With as many threads as cores in each of several notebooks, threads wait for each other: the whole book took an
    eighth longer. The share is by the notebooks that may run side by side, not by those that do: the order of
    floating-point sums depends on it, and a page is to show the same figures when it is built alone.
    """
    quiet = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    share = dict.fromkeys(THREADS, str(max(1, joblib.cpu_count() // workers)))
    cache = variable(CACHE) or str(project.build / "cache")
    path = os.pathsep.join([str(project.root), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**share, **os.environ, **quiet, CACHE: cache, "JUPYTER_PREFER_ENV_PATH": "1", "PYTHONPATH": path}


def _watch(process: subprocess.Popen) -> int:
    """Wait for the process; returns the peak memory of it and its children, in bytes."""
    peak, parent = 0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [parent, *parent.children(recursive=True)]
            peak = max(peak, sum(member.memory_info().rss for member in family))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.25)
    return peak


def _what_failed(job: Job, output: Path, log: Path) -> str:
    """The cell that raised and the last line of its error."""
    if output.is_file():
        notebook = nbformat.read(output, as_version=4)
        cells = [cell for cell in notebook.cells if "papermill-error-cell-tag" not in cell.metadata.get("tags", [])]
        shift = sum("injected-parameters" in cell.metadata.get("tags", []) for cell in cells)
        for number, cell in enumerate(cells, 1):
            for out in cell.get("outputs", []):
                if out.output_type == "error":
                    value = (out.evalue.strip().splitlines() or [""])[-1]
                    return f"{describe(job.path, number - shift, cell)} raised {out.ename}: {value}"
    tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    return f"{job.path.name} did not run: {tail[0] if tail else 'papermill said nothing'} (see {log})"


def _tidy(notebook: Any, job: Job) -> None:
    """Drop what differs from run to run, hide the injected cell, and show the settings instead."""
    notebook.metadata.pop("papermill", None)
    at = None
    for number, cell in enumerate(notebook.cells):
        for volatile in ("papermill", "execution"):
            cell.metadata.pop(volatile, None)
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            cell.metadata["tags"] = ["injected-parameters", "remove-cell"]
        if "parameters" in tags:
            at = number
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
        cell["id"] = f"cell-{number:02d}"
    if job.parameters and at is not None:
        rows = "\n".join(f"| `{name}` | `{value}` |" for name, value in sorted(job.parameters.items()))
        table = nbformat.v4.new_markdown_cell(f"Settings of this run:\n\n| parameter | value |\n| --- | --- |\n{rows}")
        table["id"] = "settings"
        notebook.cells.insert(at + 1, table)
