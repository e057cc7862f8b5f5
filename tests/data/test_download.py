import hashlib
import stat
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from mmrec.data.download import RemoteFile, download, download_all, unpack, verify
from mmrec.errors import DownloadError, IntegrityError

BODY = np.random.default_rng(0).bytes(300_000)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``files``; ``cut`` bytes end the next answer early; ``asked`` counts the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked = 0
        self.cut: list[int] = []
        self.answers: list[int] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked += 1
        body = self.server.files.get(self.path[1:])
        if self.server.answers or body is None:
            self.send_error(self.server.answers.pop(0) if self.server.answers else 404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut.pop(0)] if self.server.cut else body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_file_arrives_whole_and_is_not_asked_for_twice(server, tmp_path):
    server.files["a"] = BODY
    file = RemoteFile("sub/a.bin", (server.url("a"),), sha(BODY))
    assert download(file, tmp_path).read_bytes() == BODY
    download(file, tmp_path)
    assert server.asked == 1
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["a.bin"]


def test_an_interrupted_download_leaves_nothing_and_can_be_run_again(server, tmp_path):
    server.files["a"] = BODY
    server.cut = [100_000]
    file = RemoteFile("a", (server.url("a"),), sha(BODY))
    with pytest.raises(DownloadError, match="run the same command again"):
        download(file, tmp_path, attempts=1)
    assert list(tmp_path.iterdir()) == []
    assert download(file, tmp_path).read_bytes() == BODY


def test_a_cut_is_noticed_without_a_checksum(server, tmp_path):
    server.files["a"], server.cut = BODY, [100_000]
    with pytest.raises(DownloadError, match="no connection"):
        download(RemoteFile("a", (server.url("a"),), None), tmp_path, attempts=1)
    assert not (tmp_path / "a").exists()


def test_a_cut_and_a_busy_server_are_tried_again_within_one_call(server, tmp_path):
    server.files["a"] = BODY
    server.cut, server.answers = [70_000], [503]
    assert download(RemoteFile("a", (server.url("a"),), sha(BODY)), tmp_path).read_bytes() == BODY
    assert server.asked == 3


def test_a_damaged_file_is_downloaded_again(server, tmp_path):
    server.files["a"] = BODY
    (tmp_path / "a").write_bytes(b"another version")
    assert download(RemoteFile("a", (server.url("a"),), sha(BODY)), tmp_path).read_bytes() == BODY


def test_a_wrong_checksum_is_refused_by_name(server, tmp_path):
    server.files["a"] = BODY
    with pytest.raises(IntegrityError, match=r"posters/7\.jpg: SHA-256 is"):
        download(RemoteFile("posters/7.jpg", (server.url("a"),), sha(b"other")), tmp_path, attempts=1)
    assert list((tmp_path / "posters").iterdir()) == []


def test_the_second_address_is_tried_when_the_first_fails(server, tmp_path):
    server.files = {"bad": b"replaced", "good": BODY}
    urls = (server.url("absent"), server.url("bad"), server.url("good"))
    assert download(RemoteFile("a", urls, sha(BODY)), tmp_path, attempts=1).read_bytes() == BODY


def test_an_absent_file_is_not_tried_again(server, tmp_path):
    with pytest.raises(DownloadError, match="answered 404"):
        download(RemoteFile("a", (server.url("a"),), sha(BODY)), tmp_path)
    assert server.asked == 1


def test_no_network_is_one_line(tmp_path):
    with Server() as gone:
        url = gone.url("a")
    with pytest.raises(DownloadError, match="no connection") as caught:
        download(RemoteFile("a", (url,), sha(BODY)), tmp_path, attempts=2)
    assert "\n" not in str(caught.value)


def test_too_large_an_answer_is_refused(server, tmp_path):
    server.files["a"] = BODY
    with pytest.raises(DownloadError, match="more than the 1000 bytes"):
        download(RemoteFile("a", (server.url("a"),), sha(BODY)), tmp_path, largest=1000)


def test_an_answer_that_never_ends_is_refused(server, tmp_path, monkeypatch):
    server.files["a"] = BODY
    monkeypatch.setattr(Handler, "send_header", lambda self, name, value: None)  # its length is not told
    with pytest.raises(DownloadError, match="more than the 100000 bytes"):
        download(RemoteFile("a", (server.url("a"),), sha(BODY)), tmp_path, largest=100_000)
    assert list(tmp_path.iterdir()) == []


def test_many_files_at_once(server, tmp_path):
    server.files = {str(n): BODY[n : n + 1000] for n in range(20)}
    files = [RemoteFile(f"f{n}", (server.url(str(n)),), sha(BODY[n : n + 1000])) for n in range(20)]
    download_all(files, tmp_path, jobs=4)
    assert all((tmp_path / f"f{n}").read_bytes() == BODY[n : n + 1000] for n in range(20))


def test_verify_names_the_file_that_differs_or_is_absent(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    verify(tmp_path, {"a": sha(b"a")})
    with pytest.raises(IntegrityError, match=r"^a: SHA-256"):
        verify(tmp_path, {"a": sha(b"b")})
    with pytest.raises(IntegrityError, match=r"^b: not in"):
        verify(tmp_path, {"a": sha(b"a"), "b": sha(b"b")})


def archive(path, members: dict[str, bytes], link: str = ""):
    with zipfile.ZipFile(path, "w") as opened:
        for name, data in members.items():
            opened.writestr(name, data)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            opened.writestr(info, "/etc/passwd")
    return path


def test_unpack_takes_the_wanted_members(tmp_path):
    path = archive(tmp_path / "a.zip", {"d/u.data": b"1", "d/other": b"2"})
    out = tmp_path / "out"
    assert unpack(path, out, wanted=lambda name: name.endswith("u.data")) == [out / "d/u.data"]
    assert (out / "d/u.data").read_bytes() == b"1"
    assert not (out / "d/other").exists()


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "C:/evil", "a\\..\\evil"])
def test_a_member_that_leaves_the_folder_is_refused_before_anything_is_written(tmp_path, name):
    path = archive(tmp_path / "a.zip", {"fine": b"1", name: b"2"})
    with pytest.raises(IntegrityError, match="evil"):
        unpack(path, tmp_path / "in" / "out")
    assert sorted(tmp_path.rglob("*")) == [path]


def test_a_link_in_an_archive_is_refused(tmp_path):
    path = archive(tmp_path / "a.zip", {"fine": b"1"}, link="shortcut")
    with pytest.raises(IntegrityError, match="'shortcut' is a link"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_link_that_stood_in_the_folder_is_not_followed(tmp_path):
    path = archive(tmp_path / "a.zip", {"d/file": b"1"})
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "d").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match="leads out"):
        unpack(path, tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_damaged_or_too_large_archive_is_refused(tmp_path):
    path = archive(tmp_path / "a.zip", {"a": b"1" * 1000})
    with pytest.raises(IntegrityError, match="unpacks to more"):
        unpack(path, tmp_path / "out", largest=999)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(IntegrityError, match="not a whole"):
        unpack(path, tmp_path / "out")
