"""Lines of text: read as N lines whatever bytes they hold, and cleaned as a model sees them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nmt.encoding import BUFFER_BYTES, is_damage, utf8_text
from nmt.errors import UserError

REPLACEMENT = "\ufffd"
"""Stands in a line for bytes that are not UTF-8."""

# Control characters (Cc), lone surrogates (which UTF-8 cannot hold) and the noncharacters that
# Unicode reserves for a program's own use: none of them is text.
_NOT_TEXT = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
    + "]"
)

# Soft hyphens, zero-width spaces, word joiners, byte order marks, marks of writing direction and of annotations. Two
# joiners are not among them: U+200C and U+200D change what is read, in Persian, in Hindi and between emoji.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
_BLANK_CATEGORIES = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf", "Cs"))

_LONGEST_PLAIN_WORD = 1000
"""Characters up to which CPython's normalisation, quadratic in the marks of a letter, gets a word as it is."""
_LONG_WORD = re.compile(rf"\S{{{_LONGEST_PLAIN_WORD + 1},}}")
_MOST_MARKS = 30
"""Combining marks that a letter keeps in a longer word: the bound of Unicode's stream-safe text (UAX #15)."""


def read_lines(path: Path | BinaryIO) -> Iterator[str]:
    """The lines of a file or stream as text.

    gzip, bzip2, xz, UTF-16 and UTF-32 (with a byte order mark) are told by content, whatever the name. Only a line feed
    ends a line: U+2028, U+0085 and a lone carriage return stay inside theirs, so that line numbers agree with `wc -l`
    and with the other side of a parallel file. One carriage return before the line feed and a byte order mark at the
    start are removed; invalid UTF-8 becomes U+FFFD; the last line needs no line feed. A stream is read as its data
    arrives and is left open.

    Raises:
        UserError: the file cannot be read, is no text (an archive, another compression), or its data is damaged.
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
    """How many lines `read_lines` gives, at the speed of the disk or of unpacking.

    0 for what is no regular file, which could not be read twice, and for what cannot be read to its end, whose lines
    come with the error.
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
    """A line as a model sees it, in training and in use.

    Invisible characters are taken out; control characters, lone surrogates and noncharacters become spaces; then
    Unicode normal form C; every run of blanks of any kind (tabs, no-break spaces, U+2028) becomes one space; none is
    left at the ends. Applying it twice changes nothing more.
    """
    if not (line.isascii() and line.isprintable()):
        line = _normal_form(_NOT_TEXT.sub(" ", _INVISIBLE.sub("", line)))
    return " ".join(line.split())


def is_blank(line: str) -> bool:
    """Whether nothing in the line can be seen: blanks, control and formatting characters."""
    return all(unicodedata.category(character) in _BLANK_CATEGORIES for character in line)


def _normal_form(line: str) -> str:
    if len(line) > _LONGEST_PLAIN_WORD:
        line = _LONG_WORD.sub(lambda word: _bounded(word[0]), line)
    return unicodedata.normalize("NFC", line)


def _bounded(word: str) -> str:
    """A very long word, decomposed, with at most so many combining marks on each letter."""
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
            raise UserError(name, "a whole compressed file", got, "Fetch or compress it again.") from None
        if isinstance(error, OSError):
            raise UserError(name, "a readable file", error.strerror or str(error)) from None
        raise


def _name(stream: BinaryIO) -> str:
    name = getattr(stream, "name", "input")
    return "standard input" if name in ("<stdin>", 0) else str(name)
