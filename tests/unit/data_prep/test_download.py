"""Downloads from a server of our own that breaks off, forgets ranges and lies."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_prep.download import download
from nmt.errors import UserError
from tests.loopback import Server, serving

CONTENT = bytes(range(256)) * 2000
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as behaviour:
        behaviour.content = CONTENT
        behaviour.url += "/file.gz"
        yield behaviour


def fetch(server: Server, path: Path, checksum: str | None = SHA256, attempts: int = 4) -> None:
    download(server.url, path, checksum=checksum, attempts=attempts, wait_seconds=0.001)


@pytest.mark.parametrize("checksum", [SHA256, f"md5:{hashlib.md5(CONTENT).hexdigest()}", None])
def test_a_whole_download(server: Server, tmp_path: Path, checksum: str | None) -> None:
    fetch(server, tmp_path / "folder" / "file.gz", checksum)
    assert (tmp_path / "folder" / "file.gz").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file.gz"]


@pytest.mark.parametrize("checksum", [SHA256, None])
def test_a_broken_download_continues(server: Server, tmp_path: Path, checksum: str | None) -> None:
    server.break_after = [100_000, 200_000]
    fetch(server, tmp_path / "file.gz", checksum)
    assert (tmp_path / "file.gz").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-", "bytes=300000-"]


def test_progress_counts_what_was_there_before(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data_prep.download._MEGABYTE", 1)
    server.break_after = [100_000]
    seen: list[tuple[int, int, str]] = []
    download(
        server.url,
        tmp_path / "file.gz",
        checksum=SHA256,
        wait_seconds=0.001,
        progress=lambda done, total, note: seen.append((done, total, note)),
    )
    done = [event[0] for event in seen]
    assert done == sorted(set(done))
    assert 100_000 in done
    assert seen[-1] == (len(CONTENT), len(CONTENT), "MB of file.gz")
    assert {event[1] for event in seen} == {len(CONTENT)}


def test_it_continues_in_the_next_run(server: Server, tmp_path: Path) -> None:
    server.break_after = [100_000]
    with pytest.raises(UserError, match="broke after 100000 of 512000"):
        fetch(server, tmp_path / "file.gz", attempts=1)
    assert not (tmp_path / "file.gz").exists()
    fetch(server, tmp_path / "file.gz")
    assert (tmp_path / "file.gz").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-"]


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.ranges, server.break_after = False, [100_000]
    fetch(server, tmp_path / "file.gz")
    assert (tmp_path / "file.gz").read_bytes() == CONTENT


@pytest.mark.parametrize("tag", ["", 'W/"weak"'])
def test_without_a_tag_only_a_checksum_allows_to_continue(server: Server, tmp_path: Path, tag: str) -> None:
    server.tag, server.break_after = tag, [100_000]
    fetch(server, tmp_path / "file.gz", None)
    assert server.asked == [None, None]
    server.asked, server.break_after = [], [100_000]
    fetch(server, tmp_path / "again.gz", SHA256)
    assert server.asked == [None, "bytes=100000-"]
    assert (tmp_path / "file.gz").read_bytes() == (tmp_path / "again.gz").read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_starts_again(server: Server, tmp_path: Path) -> None:
    server.content, server.tag, server.break_after = b"old" * 1000, '"v0"', [500]
    with pytest.raises(UserError):
        fetch(server, tmp_path / "file.gz", None, attempts=1)
    server.content, server.tag = CONTENT, '"v1"'
    fetch(server, tmp_path / "file.gz", None)
    assert (tmp_path / "file.gz").read_bytes() == CONTENT


@pytest.mark.parametrize("left", [b"x" * 1000, CONTENT, CONTENT + b"x"])
def test_wrong_leftovers_do_not_spoil_it(server: Server, tmp_path: Path, left: bytes) -> None:
    (tmp_path / "file.gz.part").write_bytes(left)
    fetch(server, tmp_path / "file.gz")
    assert (tmp_path / "file.gz").read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_once(server: Server, tmp_path: Path) -> None:
    server.content = b"another"
    with pytest.raises(UserError, match="a different file"):
        fetch(server, tmp_path / "file.gz")
    assert list(tmp_path.iterdir()) == []
    assert len(server.asked) == 1


def test_a_missing_file_is_not_asked_for_twice(server: Server, tmp_path: Path) -> None:
    server.statuses = [404, 404]
    with pytest.raises(UserError, match="404"):
        fetch(server, tmp_path / "file.gz")
    assert len(server.asked) == 1


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.statuses = [503, 429]
    fetch(server, tmp_path / "file.gz")
    assert (tmp_path / "file.gz").read_bytes() == CONTENT


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)127\.0\.0\.1:9/file.*refused.*Put it there"):
        download("http://127.0.0.1:9/file", tmp_path / "file", attempts=2, wait_seconds=0.001, by_hand="Put it there.")


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The address of a server that gives everybody these bytes and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/file.gz"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("length", [b"abc", b"-1", b"1e9", b"9" * 5000, b"\xff", b""])
def test_a_length_that_is_none_is_as_good_as_nothing(length: bytes, tmp_path: Path) -> None:
    with answering(OK + b"Content-Length: " + length + b"\r\n\r\n" + CONTENT) as url:
        download(url, tmp_path / "file.gz", checksum=SHA256, attempts=1)
    assert (tmp_path / "file.gz").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabcde\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nabcde",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://\x00/\xff\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /file.gz\r\n\r\n",
        b"HTTP/9 abc\r\n\r\n",
        b"\x00" * 100,
        b"",
    ],
)
def test_an_answer_that_makes_no_sense_is_told_in_words(answer: bytes, tmp_path: Path) -> None:
    with answering(answer) as url, pytest.raises(UserError, match="expected the file, got .") as refused:
        download(url, tmp_path / "file.gz", checksum=SHA256, attempts=2, wait_seconds=0.001)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "file.gz").exists()


def test_a_tag_that_is_none_is_not_sent_back(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.gz.part").write_bytes(CONTENT[:1000])
    (tmp_path / "file.gz.part.tag").write_text('"v1"\r\nEvil: 1')
    fetch(server, tmp_path / "file.gz")
    assert (tmp_path / "file.gz").read_bytes() == CONTENT
    folded = OK + b'ETag: "a\r\n b"\r\nContent-Length: 512000\r\n\r\n' + CONTENT[:5]
    with answering(folded) as url, pytest.raises(UserError, match="broke after 5"):
        download(url, tmp_path / "other.gz", attempts=2, wait_seconds=0.001)
    assert (tmp_path / "other.gz.part.tag").read_text() == ""
