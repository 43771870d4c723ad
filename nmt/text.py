"""Read lines of text from arbitrary bytes, and clean them for a model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nmt.encoding import BUFFER_BYTES, is_damage, utf8_text
from nmt.errors import UserError

REPLACEMENT = "\ufffd"
"""Replaces bytes that are not UTF-8."""

# Characters that are not text: control characters (Cc), lone surrogates (which UTF-8 cannot encode) and the
# noncharacters that Unicode reserves for internal use.
_NOT_TEXT = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
    + "]"
)

# Soft hyphens, zero-width spaces, word joiners, byte order marks, directional marks and annotation marks. Not the
# joiners U+200C and U+200D, which are visible in their effect in Persian, in Hindi and between emoji.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
_BLANK_CATEGORIES = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf", "Cs"))

_LONGEST_PLAIN_WORD = 1000
"""Up to this many characters, a word is normalised as it is; CPython takes quadratic time in the marks of a letter."""
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_PLAIN_WORD + 1},}}")
_MOST_MARKS = 30
"""Most combining marks per letter in a longer word: the limit of Unicode's stream-safe text format (UAX #15)."""


def read_lines(path: Path | BinaryIO) -> Iterator[str]:
    """The lines of a file or stream as text.

    gzip, bzip2, xz, UTF-16 and UTF-32 (with a byte order mark) are recognised by content, whatever the name. Only a
    line feed ends a line: U+2028, U+0085 and a lone carriage return do not, so line numbers agree with `wc -l` and with
    the other side of a parallel file. One carriage return before the line feed and a byte order mark at the start are
    removed; invalid UTF-8 becomes U+FFFD; the last line needs no line feed. A stream is read as its data arrives and is
    left open.

    Raises:
        UserError: the file cannot be read, is not text (an archive, another compression), or is damaged.
    """
    if isinstance(path, Path):
        try:
            stream: BinaryIO = path.open("rb")
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            raise UserError(str(path), "a readable file", getattr(error, "strerror", None) or str(error)) from None
        with stream:
            yield from _lines(stream, str(path))
    else:
        yield from _lines(path, _name(path))


def count_lines(path: Path) -> int:
    """The number of lines that `read_lines` gives, at the speed of the disk or of decompression.

    0 for anything but a regular file, which could not be read twice, and for a file that cannot be read to its end,
    since `read_lines` will raise the error.
    """
    if not path.is_file():
        return 0
    lines, last = 0, b""
    try:
        with path.open("rb") as file:
            text = utf8_text(file, str(path))
            while block := text.read(BUFFER_BYTES):
                lines, last = lines + block.count(b"\n"), block[-1:]
    except Exception as error:
        if isinstance(error, (OSError, UserError)) or is_damage(error):
            return 0
        raise
    return lines + (last not in (b"", b"\n"))


def clean_line(line: str) -> str:
    """A line as the model sees it, in training and in translation.

    Removes invisible characters; turns control characters, lone surrogates and noncharacters into spaces; applies
    Unicode normal form C; turns every run of whitespace (tabs, no-break spaces, U+2028) into one space and strips the
    ends. Idempotent.
    """
    if not (line.isascii() and line.isprintable()):
        line = _normal_form(_NOT_TEXT.sub(" ", _INVISIBLE.sub("", line)))
    return " ".join(line.split())


def is_blank(line: str) -> bool:
    """Whether the line has nothing visible: only whitespace, control and formatting characters."""
    return all(unicodedata.category(character) in _BLANK_CATEGORIES for character in line)


def _normal_form(line: str) -> str:
    if len(line) > _LONGEST_PLAIN_WORD:
        line = _LONG_WORD.sub(lambda word: _bounded(word[0]), line)
    return unicodedata.normalize("NFC", line)


def _bounded(word: str) -> str:
    """A very long word, decomposed, with the combining marks of each letter limited to `_MOST_MARKS`."""
    kept, marks = [], 0
    for character in "".join(unicodedata.normalize("NFD", character) for character in word):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def _lines(stream: BinaryIO, name: str) -> Iterator[str]:
    number = 0
    try:
        for raw in utf8_text(stream, name):
            number += 1
            yield raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", errors="replace")
    except UserError:
        raise
    except Exception as error:
        if is_damage(error):
            got = f"damaged data after line {number} ({error})"
            raise UserError(name, "an intact compressed file", got, "Download or compress it again.") from None
        if isinstance(error, OSError):
            raise UserError(name, "a readable file", error.strerror or str(error)) from None
        raise


def _name(stream: BinaryIO) -> str:
    name = getattr(stream, "name", "input")
    return "standard input" if name in ("<stdin>", 0) else str(name)
