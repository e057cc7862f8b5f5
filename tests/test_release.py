"""What a release consists of: versions and dates that agree, links that work on PyPI, files of the wheel."""

import importlib.util
import re
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ACTION = re.compile(r"uses: +(\S+)@(\S+)")


@pytest.fixture(scope="module")
def release():
    spec = importlib.util.spec_from_file_location("release", ROOT / "tools/release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path):
    """The files with a version, to be changed."""
    for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def version():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_version_has_a_dated_section(release):
    assert release.tag_faults(f"v{version()}") == []


def test_changelog_begins_with_what_is_not_released():
    headings = re.findall(r"(?m)^## (.*)$", (ROOT / "CHANGELOG.md").read_text())
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])


def test_a_tag_of_another_version_is_refused(release):
    faults = release.tag_faults("v9.9.9")
    assert [fault.split()[0] for fault in faults] == ["pyproject.toml", "CITATION.cff", "CHANGELOG.md"]
    assert "a tag of a release is v and the version" in release.tag_faults(version())[0]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"'),
        ("CITATION.cff", "version: 0.1.0", "version: 0.2.0"),
        ("CITATION.cff", "2026-11-24", "2026-11-25"),
        ("CHANGELOG.md", "## [0.1.0] - 2026-11-24", "## 0.1.0"),
    ],
)
def test_files_that_disagree_are_named(release, copy, name, old, new):
    text = (copy / name).read_text()
    assert old in text
    (copy / name).write_text(text.replace(old, new, 1))
    assert release.tag_faults("v0.1.0", copy)


def test_links_of_readme_are_absolute_on_pypi(release):
    raw, page = "https://raw.githubusercontent.com/mmrec/mmrec/v1.0.0", "https://github.com/mmrec/mmrec/blob/v1.0.0"
    text = "[a](b.py) ![c](d.png) [![e](f.png)](g.md) [h](https://i.org) [j](#k) [l](mailto:m)"
    assert release.absolute(text, "v1.0.0") == (
        f"[a]({page}/b.py) ![c]({raw}/d.png) [![e]({raw}/f.png)]({page}/g.md) [h](https://i.org) [j](#k) [l](mailto:m)"
    )
    assert release.absolute('<img alt="a" src="b.svg">', "v1.0.0") == f'<img alt="a" src="{raw}/b.svg">'
    made = release.absolute((ROOT / "README.md").read_text(encoding="utf-8"), "v1.0.0")
    assert not re.findall(r"\]\((?!https?:|#)", made)


def wheel(folder, names):
    path = folder / "mmrec-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


def test_a_wheel_holds_the_package_and_its_metadata_alone(release, tmp_path):
    own = [str(path.relative_to(ROOT)) for path in (ROOT / "mmrec").rglob("*") if path.suffix in release.SHIPPED]
    whole = [*own, "mmrec-0.1.0.dist-info/METADATA", "mmrec-0.1.0.dist-info/licenses/LICENSE"]
    assert "mmrec/py.typed" in whole
    assert release.wheel_faults(wheel(tmp_path, whole)) == []
    more = [*whole, "tests/test_a.py", "mmrec/data/a.csv"]
    assert release.wheel_faults(wheel(tmp_path, more)) == [
        "does not belong there: mmrec/data/a.csv",
        "does not belong there: tests/test_a.py",
    ]
    less = [name for name in whole if name not in ("mmrec/py.typed", "mmrec-0.1.0.dist-info/licenses/LICENSE")]
    assert release.wheel_faults(wheel(tmp_path, less)) == ["missing: mmrec/py.typed", "missing: the licence"]


def test_types_are_shipped():
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert "py.typed" in data["mmrec"]
    assert (ROOT / "mmrec/py.typed").is_file()


def test_all_files_name_one_repository():
    source = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Source"]
    assert yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"] == source
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["repository-code"] == source
    forms = sorted((ROOT / ".github").rglob("*.yml"))
    for path in (ROOT / "SECURITY.md", ROOT / "CODE_OF_CONDUCT.md", *forms):
        found = re.findall(r"https://github\.com/[^/\s]+/[^/\s)>]+", path.read_text(encoding="utf-8"))
        assert set(found) <= {source}, path


def test_forms_and_workflows_can_be_read():
    for path in sorted((ROOT / ".github").rglob("*.yml")):
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path
    for path in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.name != "config.yml":
            assert {"name", "description", "body"} <= set(form), path
            names = [field["id"] for field in form["body"]]
            assert len(names) == len(set(names)), path


def test_one_action_has_one_version_in_all_workflows():
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        for name, pinned in ACTION.findall(path.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(pinned)
    assert {name: pinned for name, pinned in found.items() if len(pinned) > 1} == {}


def test_citation_follows_its_schema():
    """Fields of version 1.2.0 that are used here, with the values that they may have."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    known = {
        "abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers", "keywords",
        "license", "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact",
        "repository-code", "title", "type", "url", "version",
    }  # fmt: skip
    assert set(citation) <= known
    assert {"authors", "cff-version", "message", "title", "abstract", "keywords"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] in ("software", "dataset")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", citation["date-released"])
    assert len(set(citation["keywords"])) == len(citation["keywords"])
    assert all(isinstance(citation[name], str) for name in ("abstract", "license", "message", "title", "version"))
    assert all(set(author) <= {"name", "website", "email"} for author in citation["authors"])
