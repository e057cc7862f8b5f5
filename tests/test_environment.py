"""Every environment variable is listed, explained and read in one place."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from mmrec.cli import cli
from mmrec.environment import VARIABLES, variable

ROOT = Path(__file__).resolve().parents[1]


def test_every_variable_of_the_code_is_listed():
    found = {}
    for part in ("mmrec", "studies", "bookbuild", "tools", "notebooks", ".ci"):
        for path in (ROOT / part).rglob("*"):
            if path.suffix in (".py", ".ipynb", "") and path.is_file():
                for name in re.findall(r"MMREC_[A-Z0-9_]+", path.read_text(encoding="utf-8")):
                    found[name] = path.relative_to(ROOT).as_posix()
    missing = {name: path for name, path in found.items() if name not in VARIABLES}
    assert not missing, f"enter in mmrec/environment.py: {missing}"
    assert set(VARIABLES) - {"KERAS_BACKEND"} <= set(found), "listed, but nothing reads it"


def test_the_package_reads_variables_in_one_place():
    reading = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "mmrec").rglob("*.py")
        if re.search(r"os\.environ\b|getenv", path.read_text(encoding="utf-8"))
    ]
    assert reading == ["mmrec/environment.py"]


def test_help_lists_the_variables():
    shown = " ".join(CliRunner().invoke(cli, ["--help"]).output.split())
    assert all(name in shown for name in VARIABLES)


def test_an_unset_variable_is_empty_and_an_unlisted_one_an_error(monkeypatch):
    monkeypatch.setenv("MMREC_DATA", "somewhere")
    assert variable("MMREC_DATA") == "somewhere"
    monkeypatch.delenv("MMREC_DATA")
    assert variable("MMREC_DATA") == ""
    with pytest.raises(KeyError, match="not listed"):
        variable("MMREC_OTHER")
