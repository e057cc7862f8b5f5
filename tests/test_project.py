"""The project as a whole: layout, lock, versions, and what no file may hold."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import mmrec

ROOT = Path(__file__).parents[1]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_layout():
    for name in ("book", "notebooks", "mmrec", "tests", "environment.yml", "_config.yml", "_toc.yml", "README.md"):
        assert (ROOT / name).exists(), name


def test_every_locked_package_has_hashes():
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n?", "", text).strip())
    assert len(entries) > 100
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in re.sub(r"#.*", "", text)


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert project["version"] == mmrec.__version__ == citation["version"]


def test_conda_environment_takes_the_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert "--requirement requirements.lock" in environment["dependencies"][-1]["pip"]


def test_files_are_small_and_the_data_folder_is_named_in_ci_only():
    folder = "../" + "shared"
    for path in tracked():
        assert path.stat().st_size < 2_000_000, path
        if path != ROOT / ".ci/run" and path.suffix not in {".png", ".lock"}:
            assert folder not in path.read_text(encoding="utf-8", errors="ignore"), path


def test_the_hash_of_data_sees_files_and_folders(tmp_path):
    from bookbuild.project import data_hash

    weights, folder = tmp_path / "weights.h5", tmp_path / "data"
    folder.mkdir()
    empty = data_hash([weights, folder])
    weights.write_text("a")
    first = data_hash([weights, folder])
    (folder / "a.csv").write_text("a")
    second = data_hash([weights, folder])
    weights.write_text("longer")
    assert len({empty, first, second, data_hash([weights, folder])}) == 4
