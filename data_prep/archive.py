"""Extract files from an untrusted tar archive in one pass, without unpacking the rest."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self, cast

from nmt.data.corpus import ShowProgress, unseen
from nmt.errors import UserError
from nmt.output import write_bytes_atomically

_BLOCK_BYTES = 1 << 20
_MEGABYTE = 10**6
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_HEADER_BYTES = 1 << 20
_DAMAGE = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, OverflowError, RecursionError)
"""Exceptions that tarfile and gzip raise for a damaged archive; the last three come from a nonsensical header."""


def extract_members(
    archive: Path,
    members: Mapping[str, Path],
    *,
    checksum: str | None = None,
    repair: str,
    progress: ShowProgress = unseen,
) -> str:
    """Writes some members of a tar archive, plain or gzip, to files of our own naming.

    The archive is streamed: memory depends on neither its size nor a member's. Names inside it are only compared,
    never used as paths, so no archive can write anywhere else; links and devices are ignored. Members go to
    temporary files, which are renamed once the whole archive has been read and verified. If a member occurs twice,
    the last occurrence counts, as in tar.

    Args:
        archive: the archive file.
        members: the names of the wanted members, each with its destination.
        checksum: `sha256:` or `md5:` and the hexadecimal digest of the archive, if known.
        repair: what to do about a bad archive, for error messages.
        progress: called with the megabytes read so far.

    Returns:
        SHA-256 of the archive, hexadecimal.

    Raises:
        UserError: the archive cannot be read, is damaged, has another checksum or lacks a member, or the disk is full.
    """
    try:
        with archive.open("rb") as file, ExitStack() as outputs:
            hashed = _Hashed(file, checksum, lambda done, size: progress(done, size, f"MB of {archive.name} read"))
            try:
                _copy_members(io.BufferedReader(hashed, _BLOCK_BYTES), members, outputs)
            except _DAMAGE as error:
                problem = str(error) or type(error).__name__
                raise UserError(str(archive), "an intact tar archive", f"a damaged one ({problem})", repair) from None
            except _MissingError as error:
                raise UserError(str(archive), f"a member {error}", "an archive without it", repair) from None
            digests = hashed.digests()
            if checksum is not None and checksum not in digests:
                found = next(digest for digest in digests if digest.startswith(checksum.partition(":")[0]))
                raise UserError(str(archive), f"an archive with checksum {checksum}", found, repair)
    except OSError as error:
        where = str(error.filename or archive)
        fix = "Make room on the disk." if error.errno == errno.ENOSPC else ""
        raise UserError(where, "a file that can be read or written", error.strerror or str(error), fix) from None
    return digests[0].removeprefix("sha256:")


class _MissingError(Exception):
    """A member that is missing from the archive or is not a regular file."""


def _copy_members(stream: io.BufferedReader[_Hashed], members: Mapping[str, Path], outputs: ExitStack) -> None:
    """Copies the members to temporary files, which `outputs` renames, and reads the archive to its end."""
    # tarfile's own decompression would notice neither a wrong gzip checksum nor a truncated file.
    packed = stream.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
    content = cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if packed else stream
    handles: dict[str, BinaryIO] = {}
    with tarfile.open(fileobj=content, mode="r|", errorlevel=2, tarinfo=_BoundedInfo) as tar:
        for member in tar:
            name = str(PurePosixPath(member.name))  # "./training/x" is training/x
            if name not in members or not member.isreg():
                continue
            if name not in handles:
                handles[name] = outputs.enter_context(write_bytes_atomically(members[name]))
            handles[name].seek(0)
            handles[name].truncate()
            data = tar.extractfile(member)
            assert data is not None  # it is a regular file
            while block := data.read(_BLOCK_BYTES):
                handles[name].write(block)
    for rest in (content, stream):  # the checksums of gzip and of the file cover the whole stream
        while rest.read(_BLOCK_BYTES):
            pass
    for name in members:
        if name not in handles:
            raise _MissingError(name)


class _BoundedInfo(tarfile.TarInfo):
    """A member with bounded extended headers (long names, attributes), because tarfile reads them into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str | None, errors: str) -> Self:
        info = super().frombuf(buf, encoding, errors)  # type: ignore[arg-type]  # None: the system's encoding
        if info.type not in _OWN_TYPES and info.size > _MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a name or attributes of {info.size:,} bytes")
        return info


_OWN_TYPES = (*tarfile.REGULAR_TYPES, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE)
_OWN_TYPES += (tarfile.CHRTYPE, tarfile.BLKTYPE)
"""Types of actual members; any other type is a header that describes the next member."""


class _Hashed(io.RawIOBase):
    """A file that hashes its bytes as they are read, so checking an archive needs no second pass."""

    def __init__(self, file: BinaryIO, checksum: str | None, progress: Callable[[int, int], None]) -> None:
        self._file, self._progress, self._size = file, progress, os.fstat(file.fileno()).st_size
        algorithms = ["sha256"]
        if checksum is not None and checksum.partition(":")[0] not in algorithms:
            algorithms.append(checksum.partition(":")[0])
        self._hashes = {algorithm: hashlib.new(algorithm, usedforsecurity=False) for algorithm in algorithms}

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer has no length
        block = self._file.read(len(buffer))
        buffer[: len(block)] = block
        for digest in self._hashes.values():
            digest.update(block)
        self._progress(self._file.tell() // _MEGABYTE, self._size // _MEGABYTE)
        return len(block)

    def digests(self) -> list[str]:
        """Algorithm and hexadecimal digest of the bytes read so far, SHA-256 first."""
        return [f"{algorithm}:{digest.hexdigest()}" for algorithm, digest in self._hashes.items()]
