"""Checks before a release, used by ``.github/workflows/release.yml``; needs the standard library only.

``python tools/release.py tag v1.2.3`` compares a tag with the versions in the project's files.
``python tools/release.py readme v1.2.3`` makes the links of README.md absolute, since PyPI shows it without the files.
``python tools/release.py wheel dist/*.whl`` compares the files of a wheel with those of ``mmrec/``.
"""

import re
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHIPPED = {".json", ".py", ".typed"}
"""Suffixes of the files that belong into the wheel."""


def project(root: Path = ROOT) -> dict:
    """The table ``[project]`` of pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def tag_faults(tag: str, root: Path = ROOT) -> list[str]:
    """Where the version is not that of the tag, or the release has no date."""
    version = tag.removeprefix("v")
    faults = [] if tag == f"v{version}" else [f"{tag}: a tag of a release is v and the version, such as v1.2.3"]
    if (found := project(root)["version"]) != version:
        faults.append(f"pyproject.toml has version {found}")
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    if not re.search(rf"(?m)^version: \"?{re.escape(version)}\"?$", citation):
        faults.append(f"CITATION.cff does not have version {version}")
    date = re.search(r"(?m)^date-released: \"?(\d{4}-\d\d-\d\d)\"?$", citation)
    heading = f"## [{version}] - {date[1] if date else 'DATE'}"
    if heading not in (root / "CHANGELOG.md").read_text(encoding="utf-8").splitlines():
        faults.append(f"CHANGELOG.md has no heading {heading!r}, with the date of CITATION.cff")
    return faults


def absolute(text: str, tag: str, root: Path = ROOT) -> str:
    """README with absolute links: pictures as raw files, other files as pages of the repository."""
    source = project(root)["urls"]["Source"]
    raw = source.replace("https://github.com/", "https://raw.githubusercontent.com/")
    text = re.sub(r"(!\[[^\]]*\]\()(?![a-z]+:|#)", rf"\1{raw}/{tag}/", text)
    text = re.sub(r"(?<!!)(\[(?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*\]\()(?![a-z]+:|#)", rf"\1{source}/blob/{tag}/", text)
    return re.sub(r'(<img [^>]*src=")(?![a-z]+:)', rf"\1{raw}/{tag}/", text)


def wheel_faults(wheel: Path, root: Path = ROOT) -> list[str]:
    """Files that are missing from a wheel, and files that do not belong there."""
    expected = {
        str(path.relative_to(root))
        for path in (root / "mmrec").rglob("*")
        if path.is_file() and path.suffix in SHIPPED and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if not name.endswith("/")}
    metadata = {name for name in found if re.match(r"mmrec-[^/]+\.dist-info/", name)}
    faults = [f"missing: {name}" for name in sorted(expected - found)]
    faults += [f"does not belong there: {name}" for name in sorted(found - expected - metadata)]
    if not any(name.endswith("/LICENSE") for name in metadata):
        faults.append("missing: the licence")
    return faults


def main(command: str, *values: str) -> None:
    """Run one of the three commands; a fault is an error."""
    faults: list[str] = []
    if command == "readme":
        path = ROOT / "README.md"
        path.write_text(absolute(path.read_text(encoding="utf-8"), values[0]), encoding="utf-8")
    elif command == "tag":
        faults = tag_faults(values[0])
    elif command == "wheel":
        faults = [f"{value}: {fault}" for value in values for fault in wheel_faults(Path(value))]
    else:
        faults = [f"unknown command {command!r}: tag, readme or wheel"]
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main(*sys.argv[1:])
