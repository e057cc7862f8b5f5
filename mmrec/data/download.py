"""Files from the net, whole and as recorded, and archives that cannot write outside their folder.

A download that was cut off goes on where it stopped (HTTP Range); a file takes its name only after its
SHA-256 agrees with the one recorded in the project.
"""

import os
import shutil
import stat
import threading
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import requests
from tqdm import tqdm

from mmrec.errors import DownloadError, IntegrityError, MmrecError
from mmrec.files import sha256_file

_BLOCK = 1 << 16
_LARGEST = 1 << 30
_TIMEOUT_SECONDS = (10.0, 60.0)  # to connect, and between two blocks
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # answers that another try may fix


class _PassingError(Exception):
    """A failure that another try may fix."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to have.

    Attributes:
        path: where it goes, relative to the data set's folder.
        urls: where it lies, in the order to try.
        sha256: what its bytes must hash to, in hexadecimal. None only for an archive whose members are checked
            after unpacking.
    """

    path: str
    urls: tuple[str, ...]
    sha256: str | None


def download(
    file: RemoteFile,
    folder: Path | str,
    *,
    attempts: int = 5,
    wait_seconds: float = 0.5,
    largest: int = _LARGEST,
    session: requests.Session | None = None,
) -> Path:
    """Have one file under ``folder``, checked; a file that is there and right is not asked for again.

    Args:
        file: what to have.
        folder: made if absent.
        attempts: tries for each address.
        wait_seconds: pause after the first failure; it doubles each time.
        largest: bytes beyond which an answer is refused.
        session: connections to reuse.

    Returns:
        The path of the file.

    Raises:
        DownloadError: no address could be reached, or none had the file.
        IntegrityError: every address gave other bytes than recorded.
    """
    target = Path(folder) / file.path
    if target.is_file() and file.sha256 in (None, sha256_file(target)):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    problem: MmrecError = DownloadError(f"{file.path}: no address is known")
    for url in file.urls:
        try:
            _from_one_address(url, target, file, attempts, wait_seconds, largest, session or requests.Session())
            return target
        except MmrecError as error:
            problem = error
    raise problem


def download_all(
    files: Sequence[RemoteFile], folder: Path | str, *, jobs: int = 8, progress: bool = False, **options: object
) -> None:
    """Have all files, several at a time; ``options`` go to ``download``.

    Raises:
        DownloadError, IntegrityError: the first failure; files that were finished before it stay.
    """
    local = threading.local()

    def fetch(file: RemoteFile) -> Path:
        if not hasattr(local, "session"):  # a session is not safe to share between threads
            local.session = requests.Session()
        return download(file, folder, session=local.session, **options)  # type: ignore[arg-type]

    bar = tqdm(total=len(files), desc="download", unit="file", disable=None if progress else True)
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="mmrec-download")
    try:
        with bar:
            for future in as_completed([pool.submit(fetch, file) for file in files]):
                future.result()
                bar.update()
    finally:
        pool.shutdown(cancel_futures=True)


def _from_one_address(
    url: str,
    target: Path,
    file: RemoteFile,
    attempts: int,
    wait_seconds: float,
    largest: int,
    session: requests.Session,
) -> None:
    part = target.with_name(f"{target.name}.part")
    for attempt in range(attempts):
        resumed = part.exists() and part.stat().st_size > 0
        try:
            _receive(url, part, largest, session)
        except (_PassingError, requests.RequestException) as error:
            if attempt + 1 == attempts:
                raise DownloadError(_unreachable(url, error)) from error
            time.sleep(wait_seconds * 2**attempt)
            continue
        found = sha256_file(part)
        if file.sha256 in (None, found):
            os.replace(part, target)
            return
        part.unlink()
        if not resumed:  # after a resumed one the parts may be of two versions: begin again before judging
            raise _differs(file.path, found, str(file.sha256), url)
    raise DownloadError(f"{file.path}: {url} gave {attempts} answers and none was whole: run the same command again")


def _receive(url: str, part: Path, largest: int, session: requests.Session) -> None:
    """Append to ``part`` what is missing of the file."""
    offset = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # a compressed answer has other offsets
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as answer:
        if answer.status_code == 416:  # nothing beyond the offset: whole already, or not this file at all
            return
        if answer.status_code in _PASSING:
            raise _PassingError(f"the server answered {answer.status_code}")
        if answer.status_code not in (200, 206):
            raise DownloadError(f"{url}: the server answered {answer.status_code}")
        goes_on = answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
        if answer.status_code == 206 and not goes_on:
            part.unlink(missing_ok=True)
            raise _PassingError("the server sent another range than asked for")
        size = offset if answer.status_code == 206 else 0
        with open(part, "ab" if answer.status_code == 206 else "wb") as stream:
            for block in answer.iter_content(_BLOCK):
                size += len(block)
                if size > largest:
                    raise DownloadError(f"{url}: more than the {largest} bytes allowed")
                stream.write(block)
        expected = answer.headers.get("Content-Length")
        received = size - (offset if answer.status_code == 206 else 0)
        if expected is not None and received < int(expected):
            raise _PassingError(f"the connection ended after {received} of {expected} bytes")


def _unreachable(url: str, error: Exception) -> str:
    reason = "timed out" if isinstance(error, requests.Timeout) else "no connection"
    if isinstance(error, requests.exceptions.SSLError):
        reason = "its certificate was refused"
    if isinstance(error, _PassingError):
        reason = str(error)
    return f"cannot download {url} ({reason}): check the network and run the same command again, it goes on from here"


def _differs(name: str, found: str, expected: str, origin: str) -> IntegrityError:
    return IntegrityError(
        f"{name}: SHA-256 is {found[:12]}..., expected {expected[:12]}...: {origin} is damaged or was replaced"
    )


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
            raise _differs(name, found, expected, str(path))


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
