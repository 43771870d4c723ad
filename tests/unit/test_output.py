"""Files appear when they are whole; whatever else a user names is written to; nothing is lost without a word."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nmt.errors import UserError
from nmt.output import write_atomically, write_bytes_atomically, write_compressed_atomically


def test_a_file_appears_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "text"
    with write_atomically(path) as handle:
        handle.write("é\r\u2028\n")
        handle.flush()
        assert not path.exists()
    assert path.read_bytes() == "é\r\u2028\n".encode()
    with pytest.raises(RuntimeError), write_bytes_atomically(path) as binary:
        binary.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == "é\r\u2028\n".encode()
    assert list(path.parent.iterdir()) == [path]


def write(path: Path, text: str = "new\n") -> None:
    with write_atomically(path) as handle:
        handle.write(text)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", r"folder: expected a path that can be written to, got a folder. Name a file in it"),
        ("file/below", "got Not a directory"),
        ("x" * 256, "got File name too long"),
        ("loop", "got (Too many levels of symbolic links|.*[Ll]oop)"),
    ],
)
def test_a_place_that_cannot_be_is_told_before_the_work(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match=said), write_atomically(tmp_path / name):
        pytest.fail("the block was entered")


def test_no_name_is_no_place() -> None:
    with pytest.raises(UserError, match="no file name"), write_atomically(Path()):
        pytest.fail("the block was entered")


def test_a_long_name_that_the_system_takes_is_taken(tmp_path: Path) -> None:
    write(tmp_path / ("ü" * 124))
    assert [path.name for path in tmp_path.iterdir()] == ["ü" * 124]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_permissions_are_respected(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o444)
    with pytest.raises(UserError, match="without write permission"):
        write(tmp_path / "file")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_files_mode_stays(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_text() == "new\n"


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "dangling").symlink_to("elsewhere/made")
    write(tmp_path / "link")
    write(tmp_path / "dangling")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == (tmp_path / "elsewhere" / "made").read_text() == "new\n"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write(pipe)
    reader.join(timeout=10)
    assert read == ["new\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make devices")
def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        device.read_bytes()
    except OSError:
        pytest.skip("no devices here")
    write(device)
    assert stat.S_ISCHR(device.stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told() -> None:
    with pytest.raises(UserError, match="/dev/full: expected a path that can be written to, got No space left"):
        write(Path("/dev/full"), "x" * 10**6)


@pytest.mark.parametrize(
    ("name", "unpack"), [("a.gz", gzip.decompress), ("a.bz2", bz2.decompress), ("a.XZ", lzma.decompress)]
)
def test_the_name_asks_for_compression(tmp_path: Path, name: str, unpack: object) -> None:
    assert callable(unpack)
    for _ in range(2):
        with write_compressed_atomically(tmp_path / name) as handle:
            handle.write("ä\n" * 1000)
        assert unpack((tmp_path / name).read_bytes()) == "ä\n".encode() * 1000
    with write_compressed_atomically(tmp_path / "plain.txt") as handle:
        handle.write("ä\n")
    assert (tmp_path / "plain.txt").read_bytes() == "ä\n".encode()


def test_what_killed_processes_left_is_removed_and_nobody_elses(tmp_path: Path) -> None:
    killed = (
        "import os, signal, sys; from pathlib import Path; from nmt.output import write_atomically\n"
        "with write_atomically(Path(sys.argv[1])) as handle:\n"
        "    handle.write('half'); handle.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for name in ("file", "other"):
        subprocess.run([sys.executable, "-c", killed, str(tmp_path / name)], check=False)
    leftover, others = (path for path in sorted(tmp_path.iterdir(), key=lambda path: "file" not in path.name))
    with write_atomically(tmp_path / "file") as handle:
        alive = next(path for path in tmp_path.iterdir() if str(os.getpid()) in path.name)
        foreign = alive.with_name(alive.name.replace(socket.gethostname()[:10], "elsewhere.org", 1))
        foreign.write_text("another machine's")
        write(tmp_path / "other")
        assert alive.exists()
        handle.write("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "other", foreign.name} - (
        set() if foreign != alive else {foreign.name}
    )
    assert not leftover.exists()
    assert not others.exists()
