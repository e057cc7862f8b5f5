"""Files from the net, whole and as recorded, and archives that cannot write outside their folder.

Pooch downloads: a file takes its name only after its SHA-256 agrees with the one recorded in the project, and a file
that is there and right is not downloaded again.
"""

import os
import shutil
import stat
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import pooch
import requests
from tqdm import tqdm

from mmrec.errors import DownloadError, IntegrityError, MmrecError
from mmrec.files import sha256_file

_BLOCK = 1 << 16
_LARGEST = 1 << 30
_TIMEOUT_SECONDS = (10.0, 60.0)  # to connect, and between two blocks
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}  # answers after which another attempt may succeed

pooch.get_logger().setLevel("WARNING")  # not a line for each file


@dataclass(frozen=True)
class RemoteFile:
    """A file to download.

    Attributes:
        path: where it goes, relative to the data set's folder.
        urls: its addresses, in the order to try.
        sha256: what its bytes must hash to, in hexadecimal. None only for an archive whose members are checked
            after unpacking.
    """

    path: str
    urls: tuple[str, ...]
    sha256: str | None


def download(file: RemoteFile, folder: Path | str, *, attempts: int = 3, largest: int = _LARGEST) -> Path:
    """Download one file into ``folder``, and check it.

    Args:
        file: what to download.
        folder: made if absent.
        attempts: tries for each address.
        largest: bytes beyond which an answer is refused.

    Returns:
        The path of the file.

    Raises:
        DownloadError: no address could be reached, or none had the file.
        IntegrityError: the last address gave other bytes than recorded.
    """
    problem: MmrecError = DownloadError(f"{file.path}: no address is known")
    for url in file.urls:
        entry: dict[str, Any] = {"registry": {file.path: file.sha256}, "urls": {file.path: url}}
        source = pooch.create(folder, base_url="", retry_if_failed=attempts - 1, **entry)
        try:
            return Path(source.fetch(file.path, downloader=partial(_receive, largest=largest)))
        except requests.RequestException as error:
            problem = DownloadError(_unreachable(url, error))
        except ValueError:  # pooch found another checksum
            problem = IntegrityError(
                f"{file.path}: SHA-256 is not the recorded {str(file.sha256)[:12]}...: {url} is damaged or was replaced"
            )
        except MmrecError as error:
            problem = error
    raise problem


def download_all(
    files: Sequence[RemoteFile], folder: Path | str, *, jobs: int = 8, progress: bool = False, **options: int
) -> None:
    """Download all files, several at a time; ``options`` go to ``download``.

    Raises:
        DownloadError, IntegrityError: the first failure; files that were finished before it stay.
    """
    bar = tqdm(total=len(files), desc="download", unit="file", disable=None if progress else True)
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="mmrec-download")
    try:
        with bar:
            for future in as_completed([pool.submit(download, file, folder, **options) for file in files]):
                future.result()
                bar.update()
    finally:
        pool.shutdown(cancel_futures=True)


class _SizeLimit:
    """What pooch takes for a progress bar: it counts the bytes, and refuses more than ``largest``."""

    def __init__(self, url: str, largest: int) -> None:
        self.url, self.largest, self.received, self.total = url, largest, 0, 0

    def update(self, size: int) -> None:
        self.received += size
        if max(self.received - _BLOCK, self.total) > self.largest:  # pooch counts the last block as a full one
            raise DownloadError(f"{self.url}: more than the {self.largest} bytes allowed")

    def reset(self) -> None:
        self.received = 0

    def close(self) -> None:
        pass


def _receive(url: str, output: Any, caller: Any, *, largest: int) -> None:
    """What pooch downloads with: an answer that another attempt cannot change ends the attempts."""
    http = pooch.HTTPDownloader(_SizeLimit(url, largest), chunk_size=_BLOCK, timeout=_TIMEOUT_SECONDS)
    try:
        http(url, output, caller)
    except requests.HTTPError as error:
        if error.response.status_code not in _TRANSIENT:
            raise DownloadError(_unreachable(url, error)) from error
        raise


def _unreachable(url: str, error: requests.RequestException) -> str:
    reason = "timed out" if isinstance(error, requests.Timeout) else "no connection"
    if isinstance(error, requests.exceptions.SSLError):
        reason = "its certificate was refused"
    if isinstance(error, requests.HTTPError):
        reason = f"the server answered {error.response.status_code}"
    return f"cannot download {url} ({reason}): check the network and run the same command again; whole files are kept"


def verify(folder: Path | str, manifest: Mapping[str, str]) -> None:
    """Check files against their recorded SHA-256.

    Args:
        folder: where the files lie.
        manifest: relative path -> SHA-256.

    Raises:
        IntegrityError: the first file that is absent or differs, by name.
    """
    for name, expected in manifest.items():
        path = Path(folder) / name
        if not path.is_file():
            raise IntegrityError(f"{name}: not in {folder}; fetch the data set again, or give the folder that holds it")
        found = sha256_file(path)
        if found != expected:
            raise IntegrityError(
                f"{name}: SHA-256 is {found[:12]}..., expected {expected[:12]}...: {path} is damaged or was replaced"
            )


def unpack(
    archive: Path | str, folder: Path | str, *, wanted: Callable[[str], bool] | None = None, largest: int = _LARGEST
) -> list[Path]:
    """Unpack a ZIP archive; every member's name is judged before anything is written.

    Args:
        archive: the ZIP file.
        folder: made if absent; nothing is written outside it.
        wanted: which members to take, by name; all by default.
        largest: bytes that the taken members may unpack to.

    Returns:
        The files written, in the archive's order.

    Raises:
        IntegrityError: damaged, encrypted or too large; or a member has an absolute path, a ``..``, a
            backslash or a drive in its name, or is a link or a device.
    """
    archive, folder = Path(archive), Path(folder)
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                _refuse_unsafe(member, archive.name)
            members = [m for m in opened.infolist() if not m.is_dir() and (wanted is None or wanted(m.filename))]
            if sum(member.file_size for member in members) > largest:
                raise IntegrityError(f"{archive.name}: unpacks to more than the {largest} bytes allowed")
            return [_extract(opened, member, folder) for member in members]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise IntegrityError(f"{archive.name}: not a whole, plain ZIP archive ({error})") from error


def _refuse_unsafe(member: zipfile.ZipInfo, archive: str) -> None:
    name = member.orig_filename  # before zipfile tidies it
    mode = member.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if name.startswith("/") or "\\" in name or ":" in name.split("/")[0] or "\0" in name:
        raise IntegrityError(f"{archive}: refused, member {name!r} has an absolute or foreign path")
    if ".." in PurePosixPath(name).parts:
        raise IntegrityError(f"{archive}: refused, member {name!r} leaves the folder")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise IntegrityError(f"{archive}: refused, member {name!r} is a link or a device")


def _extract(opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> Path:
    target = folder / member.filename
    if not target.resolve().is_relative_to(folder.resolve()):  # a link that stood in the folder before
        raise IntegrityError(f"{member.filename}: refused, a link in {folder} leads out of it")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with opened.open(member) as source, open(part, "wb") as stream:
        shutil.copyfileobj(source, stream)
    os.replace(part, target)
    return target
