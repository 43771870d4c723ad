"""Reading and writing lines of text: N lines in, N lines out, whatever bytes they hold."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, TextIO

from nmt.errors import UserError

_GZIP_MAGIC = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BUFFER_BYTES = 1 << 18

# Control characters (Cc), lone surrogates (which UTF-8 cannot hold) and the noncharacters that
# Unicode reserves for a program's own use: none of them is text.
_NOT_TEXT = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
    + "]"
)


def read_lines(path: Path | BinaryIO) -> Iterator[str]:
    """The lines of a file or stream, decompressed when its content is gzip, whatever its name.

    Only a line feed ends a line: U+2028, U+0085 and a lone carriage return stay inside theirs, so
    that line numbers agree with `wc -l` and with the other side of a parallel file. One carriage
    return before the line feed and a byte order mark at the start are removed; invalid UTF-8
    becomes U+FFFD; the last line needs no line feed. A stream is read as its data arrives and is
    left open.

    Raises:
        UserError: the file cannot be read, or its gzip data is damaged.
    """
    if isinstance(path, Path):
        try:
            stream: BinaryIO = path.open("rb")
        except OSError as error:
            raise UserError(str(path), "a readable file", error.strerror or str(error)) from None
        with stream:
            yield from _lines(stream, str(path))
    else:
        yield from _lines(path, str(getattr(path, "name", "input")))


def clean_line(line: str) -> str:
    """A line as a model sees it, in training and in use.

    Unicode normal form C; control characters, lone surrogates and noncharacters become spaces;
    every run of blanks of any kind (tabs, no-break spaces, U+2028) becomes one space; none is left
    at the ends. Applying it twice changes nothing more.
    """
    if not (line.isascii() and line.isprintable()):
        line = unicodedata.normalize("NFC", _NOT_TEXT.sub(" ", line))
    return " ".join(line.split())


@contextmanager
def write_atomically(path: Path) -> Iterator[TextIO]:
    r"""A UTF-8 text handle, line ends "\n", on a file that appears at `path` only when it is whole.

    The text goes to a temporary file in the same folder (made if need be) that replaces `path` when
    the block ends, and is removed when the block raises.
    """
    with write_bytes_atomically(path) as binary:
        text = io.TextIOWrapper(binary, encoding="utf-8", newline="\n", write_through=False)
        try:
            yield text
            text.flush()
        finally:
            text.detach()


@contextmanager
def write_bytes_atomically(path: Path) -> Iterator[BinaryIO]:
    """As `write_atomically`, with a binary handle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb", buffering=_BUFFER_BYTES) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Makes renames inside this folder survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise UserError(str(path), "a readable file", error.strerror or str(error)) from None


def _lines(stream: BinaryIO, name: str) -> Iterator[str]:
    number = 0
    try:
        for raw in _decompressed(stream):
            if number == 0:
                raw = raw.removeprefix(_BYTE_ORDER_MARK)
                if not raw:  # nothing but the mark: no line
                    return
            number += 1
            yield raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", errors="replace")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            name, "a whole gzip file", f"damaged data after line {number} ({error})", "Fetch or compress it again."
        ) from None
    except OSError as error:
        raise UserError(name, "a readable file", error.strerror or str(error)) from None


def _decompressed(stream: BinaryIO) -> IO[bytes]:
    """A buffered binary reader over the stream's text, without asking the stream to seek."""
    start = stream.read(1)
    if start == _GZIP_MAGIC[:1]:  # one byte at a time: a lone newline from a terminal must not wait for more
        start += stream.read(1)
    whole = io.BufferedReader(_Rejoined(start, stream), _BUFFER_BYTES)
    if start != _GZIP_MAGIC:
        return whole
    return io.BufferedReader(gzip.GzipFile(fileobj=whole, mode="rb"), _BUFFER_BYTES)


class _Rejoined(io.RawIOBase):
    """A stream with the bytes that were already taken from it put back in front."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start = start
        # read1 returns what has arrived, so that a pipe is translated line by line.
        self._read: Callable[[int], bytes] = getattr(rest, "read1", rest.read)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._start[: len(buffer)] or self._read(len(buffer))
        self._start = self._start[len(data) :]
        buffer[: len(data)] = data
        return len(data)
