"""Write files atomically, or write to pipes, devices and standard output.

Every failure to write (a full disk, a folder, a missing permission) is a UserError that names the path.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import re
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, TextIO, cast

from nmt.errors import UserError

_BUFFER_BYTES = 1 << 18
_UNFINISHED = re.compile(r"\.nmt-[0-9a-f]{8}-(?P<host>.+)-(?P<process>\d+)\.part")
_OPEN_FILES = tuple(map(Path, ("/dev/stdout", "/dev/stderr", "/dev/fd", "/proc")))
"""Paths of open files, which are never replaced, even if they are regular files."""

_COMPRESSORS: dict[str, Callable[[IO[bytes]], IO[bytes]]] = {
    ".gz": lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file, filename="", mode="wb", mtime=0)),
    ".bz2": lambda file: cast(IO[bytes], bz2.BZ2File(file, "wb")),
    ".xz": lambda file: cast(IO[bytes], lzma.LZMAFile(file, "wb")),  # noqa: SIM115 -- closed by the caller
}


@contextmanager
def write_atomically(path: Path) -> Iterator[TextIO]:
    r"""A UTF-8 text handle, with line ends "\n", for a file that appears at `path` only once it is complete.

    The text goes to a temporary file in the same folder (created if missing). It replaces `path` when the block ends,
    and is removed if the block raises; leftovers of killed processes for the same file are removed too. An existing
    file keeps its permissions, links are followed, and anything but a regular file (a pipe, a device, `/dev/stdout`)
    is written to, not replaced. The path is checked when the block is entered.

    Raises:
        UserError: the path cannot be written to.
    """
    with write_bytes_atomically(path) as binary, _as_text(binary) as text:
        yield text


@contextmanager
def write_compressed_atomically(path: Path) -> Iterator[TextIO]:
    """As `write_atomically`, compressed if the name ends in .gz, .bz2 or .xz."""
    compress = _COMPRESSORS.get(path.suffix.lower())
    with write_bytes_atomically(path) as binary:
        if compress is None:
            with _as_text(binary) as text:
                yield text
        else:
            with compress(binary) as compressed, _as_text(compressed) as text:
                yield text


@contextmanager
def write_bytes_atomically(path: Path) -> Iterator[BinaryIO]:
    """As `write_atomically`, with a binary handle."""
    with worded_errors(path):
        file = _regular_file(path)
        if file is None:
            with path.open("wb", buffering=_BUFFER_BYTES) as handle:
                yield handle
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(file)
        temporary = _temporary(file)
        try:
            with temporary.open("wb", buffering=_BUFFER_BYTES) as handle:
                if file.exists():
                    _copy_permissions(file, handle.fileno())
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(file)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(file.parent)


@contextmanager
def worded_errors(path: Path) -> Iterator[None]:
    """Turns an OSError in the block into a UserError that says where writing failed."""
    try:
        yield
    except BrokenPipeError:  # the reader closed the pipe: left to the caller
        raise
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) else None
        where = named if named and not _UNFINISHED.fullmatch(Path(named).name) else str(path)
        got = error.strerror or str(error)
        raise UserError(where, "a path that can be written to", got, _WAYS_OUT.get(type(error), "")) from None


_WAYS_OUT: dict[type[OSError], str] = {
    IsADirectoryError: "Name a file in it.",
    PermissionError: "Choose another path, or change its permissions.",
}


def sync_directory(directory: Path) -> None:
    """Makes renames inside this folder survive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _as_text(binary: IO[bytes]) -> Iterator[TextIO]:
    text = io.TextIOWrapper(cast(BinaryIO, binary), encoding="utf-8", newline="\n", write_through=False)
    try:
        yield text
        text.flush()
    finally:
        text.detach()


def _regular_file(path: Path) -> Path | None:
    """The regular file to create or replace, with links resolved; None if the path is a pipe, device or open file.

    Raises:
        OSError: the path is a folder, a file without write permission, or an impossible name.
    """
    if str(path) in ("", "."):
        raise IsADirectoryError(0, "no file name", None)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return path.resolve()
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(0, "a folder", str(path))
    if not stat.S_ISREG(mode) or any(path.absolute().is_relative_to(folder) for folder in _OPEN_FILES):
        return None
    if not os.access(path, os.W_OK):
        raise PermissionError(0, "a file without write permission", str(path))
    return path.resolve()


def _temporary(path: Path) -> Path:
    """A path beside the file, named by file, machine and process; short, however long the file's name is."""
    return path.with_name(f"{_stem(path)}-{_host()}-{os.getpid()}.part")


def _stem(path: Path) -> str:
    return f".nmt-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:8]}"


def _host() -> str:
    return re.sub(r"[^\w.]", "_", socket.gethostname())[:60] or "unknown"


def _remove_unfinished(path: Path) -> None:
    """Removes partial files for this path that dead processes of this machine left behind."""
    for leftover in path.parent.glob(f"{_stem(path)}-*.part"):
        made = _UNFINISHED.fullmatch(leftover.name)
        if made and made["host"] == _host() and not _runs(int(made["process"])):
            leftover.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's process, or not a process id
        return True
    return process != os.getpid()  # we have not begun to write here yet: an earlier process had our id


def _copy_permissions(path: Path, descriptor: int) -> None:
    """Gives the new file the permissions and, if possible, the owner of the file it will replace."""
    before = path.stat()
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        try:
            os.fchown(descriptor, before.st_uid, before.st_gid)
        except OSError:  # another owner: only root may give files away
            return
