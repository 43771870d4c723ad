"""Recognise a file's compression and encoding by content, and refuse files that are not text.

The first bytes decide (magic numbers, byte order marks), never the name. Formats that Python can read are decoded;
other known formats are refused with advice, before any of their content is taken for text.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

from nmt.errors import UserError

BUFFER_BYTES = 1 << 18

_MOST_WRAPPINGS = 2
"""Nested compressions; text.gz.gz exists, but nobody wraps three times."""
_UTF8_MARK = codecs.BOM_UTF8
_TAR_MAGIC, _TAR_OFFSET = b"ustar", 257
_SAMPLE_BYTES = 512
_FEWEST_UNITS = 32
"""Fewest code units from which UTF-16 without a byte order mark is guessed."""

Reader = Callable[[BinaryIO], IO[bytes]]


@dataclass(frozen=True)
class _Kind:
    """A kind of file that is not plain UTF-8."""

    name: str
    """For error messages; with an article if Python cannot read it."""
    magic: bytes
    """Its first bytes."""
    read: Reader | None
    """Converts a stream to UTF-8 text; None if Python cannot."""
    fix: str = ""
    """Advice if Python cannot."""


def _transcoded(encoding: str) -> Reader:
    return lambda stream: io.BufferedReader(_Transcoded(stream, encoding), BUFFER_BYTES)


def _gzip(stream: BinaryIO) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=stream, mode="rb"))


def _unpack(command: str) -> str:
    return f"Unpack it first: {command}."


_PLAIN = "Save it as plain text in UTF-8 first."
_BZIP2 = [b"BZh%d" % level + block for level in range(1, 10) for block in (b"1AY&SY", b"\x17rE8P\x90")]
"""Compression level, then the magic number of a block or of the end of the stream."""

_COMPRESSED = (
    _Kind("gzip", b"\x1f\x8b", _gzip),
    _Kind("xz", b"\xfd7zXZ\x00", lzma.LZMAFile),
    *(_Kind("bzip2", magic, lambda stream: bz2.BZ2File(stream)) for magic in _BZIP2),
)
_ENCODED = (
    _Kind("UTF-32", codecs.BOM_UTF32_LE, _transcoded("utf-32")),
    _Kind("UTF-32", codecs.BOM_UTF32_BE, _transcoded("utf-32")),
    _Kind("UTF-16", codecs.BOM_UTF16_LE, _transcoded("utf-16")),
    _Kind("UTF-16", codecs.BOM_UTF16_BE, _transcoded("utf-16")),
)
_OTHER = (
    _Kind("a zstd file", b"\x28\xb5\x2f\xfd", None, _unpack("zstd -d FILE")),
    _Kind("a zip archive (.docx, .odt and .xlsx files are zip archives too)", b"PK\x03\x04", None, _PLAIN),
    _Kind("a 7-Zip archive", b"7z\xbc\xaf\x27\x1c", None, _unpack("7z x FILE")),
    _Kind("a RAR archive", b"Rar!\x1a\x07", None, _unpack("unrar x FILE")),
    _Kind("an lz4 file", b"\x04\x22\x4d\x18", None, _unpack("lz4 -d FILE")),
    _Kind("a PDF document", b"%PDF-", None, _PLAIN),
)
_KINDS = (*_COMPRESSED, *_ENCODED, *_OTHER)
"""In the order to try them: the byte order mark of UTF-32 begins with that of UTF-16."""


def utf8_text(stream: BinaryIO, name: str) -> IO[bytes]:
    """A buffered reader of a stream's text as UTF-8, without a byte order mark.

    Never seeks, and never blocks for more data once a line has arrived: somebody may be typing. Damaged data raises
    an error when it is read; see `is_damage`.

    Args:
        stream: where to read.
        name: its name in error messages.

    Raises:
        UserError: the content is not text.
    """
    for wrapping in range(_MOST_WRAPPINGS + 1):
        start, kind = _beginning(stream)
        stream = io.BufferedReader(_Rejoined(start.removeprefix(_UTF8_MARK), stream), BUFFER_BYTES)
        if kind is None:
            _refuse_unmarked(start, name)
            return stream
        if kind.read is None or (kind in _COMPRESSED and wrapping == _MOST_WRAPPINGS):
            got = f"a {kind.name} file" if kind in _COMPRESSED else kind.name
            raise UserError(name, "text", got, kind.fix or "Unpack it first.")
        reader = kind.read(stream)
        if kind in _ENCODED:
            return reader
        stream = cast(BinaryIO, reader)
    raise AssertionError("the last round returns or raises")


def is_damage(error: Exception) -> bool:
    """Whether an error from a reader of `utf8_text` means damaged data rather than an unreadable file."""
    if isinstance(error, OSError):  # bz2 has no class of its own
        return isinstance(error, gzip.BadGzipFile) or error.errno is None
    return isinstance(error, (EOFError, zlib.error, lzma.LZMAError))


def _beginning(stream: BinaryIO) -> tuple[bytes, _Kind | None]:
    """The first bytes and the kind they indicate; waits for more only if those so far could begin a magic number."""
    start = _arrived(stream)(_SAMPLE_BYTES)
    while True:
        for kind in _KINDS:
            if start.startswith(kind.magic):
                if kind in _ENCODED and len(start) < 4 and (more := stream.read(4 - len(start))):
                    start += more  # the byte order mark of UTF-16 may be the beginning of that of UTF-32
                    break
                return start, kind
        else:
            if not any(magic.startswith(start) for magic in (_UTF8_MARK, *(kind.magic for kind in _KINDS))):
                return start, None
            more = stream.read(1)
            if not more:
                return start, None
            start += more


def _refuse_unmarked(start: bytes, name: str) -> None:
    """Refuses content without a magic number at its start that still cannot be UTF-8 text."""
    if start[_TAR_OFFSET:].startswith(_TAR_MAGIC):
        raise UserError(name, "text", "a tar archive", _unpack("tar xf FILE"))
    even, odd = start[::2], start[1::2]
    if len(odd) >= _FEWEST_UNITS:
        for zeros, others, order in ((odd, even, "LE"), (even, odd, "BE")):
            if zeros.count(0) > 0.4 * len(zeros) and not others.count(0):
                fix = f"Convert it first: iconv -f UTF-16{order} -t UTF-8 FILE."
                raise UserError(name, "text in UTF-8", "UTF-16 without a byte order mark", fix)


def _arrived(stream: IO[bytes]) -> Callable[[int], bytes]:
    """A read function that returns what has arrived, without waiting for the full size."""
    return getattr(stream, "read1", stream.read)


class _Rejoined(io.RawIOBase):
    """A stream with the bytes already read from it put back in front."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start = start
        self._read = _arrived(rest)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._start[: len(buffer)] or self._read(len(buffer))
        self._start = self._start[len(data) :]
        buffer[: len(data)] = data
        return len(data)


class _Transcoded(io.RawIOBase):
    """Text in another encoding as UTF-8; invalid input becomes U+FFFD."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream, self._ready = stream, b""
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            data = self._stream.read(len(buffer))
            self._ready = self._decoder.decode(data, final=not data).encode("utf-8", errors="replace")
            if not data:
                break
        data, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)
