"""The SGML-like files of WMT's test sets up to 2020.

An ampersand in the text may be literal or written `&amp;`, so no XML or SGML parser reads all of these files.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from nmt.errors import UserError
from nmt.text import read_lines

_TAG = re.compile(r"<doc\b([^>]*)>|<seg\b([^>]*)>(.*?)</seg\s*>|<(seg)\b", re.DOTALL | re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""\b(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^"'\s>]+))""")

# XML's named entities and numeric ones, with their semicolon; anything else may be part of a URL, such as &copy=1.
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9a-f]+);", re.IGNORECASE)


@dataclass(frozen=True)
class Segment:
    """One sentence, with its document and number."""

    document: str
    number: str
    text: str
    """Without line breaks; entities are decoded once."""


def read_segments(path: Path) -> Iterator[Segment]:
    """The segments of a file in order, whatever elements enclose them. Reads the whole file: test sets are small.

    Raises:
        UserError: the file is unreadable, or a segment is not closed.
    """
    document = ""
    for tag in _TAG.finditer("\n".join(read_lines(path))):
        attributes, number, text, broken = tag.groups()
        if attributes is not None:
            document = _attribute(attributes, "docid")
            continue
        if broken or "<seg" in text.lower():
            raise UserError(f"{path} (document {document})", "</seg> after each <seg>", "a segment that is not closed")
        decoded = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
        yield Segment(document, _attribute(number, "id"), " ".join(decoded.split()))


def read_segment_pairs(source: Path, target: Path) -> Iterator[tuple[str, str]]:
    """The segments of two files, paired by order.

    Both sides of a test set have the same document and segment ids, which NIST's scorer uses to find the reference of
    a segment; here they must also come in the same order.

    Raises:
        UserError: a file is unreadable, or the files differ in their segments; the message says where.
    """
    sources, targets = list(read_segments(source)), list(read_segments(target))
    for number, (ours, theirs) in enumerate(zip_longest(sources, targets), start=1):
        if _identity(ours) != _identity(theirs):
            raise UserError(
                f"{source} and {target}",
                "the same segments in both",
                f"{len(sources)} and {len(targets)}; they first differ at segment {number}, which is "
                f"{_identity(ours)} in the first and {_identity(theirs)} in the second",
                "Look for a missing segment there.",
            )
    return ((ours.text, theirs.text) for ours, theirs in zip(sources, targets, strict=True))


def _attribute(attributes: str, name: str) -> str:
    return next(("".join(values) for key, *values in _ATTRIBUTE.findall(attributes) if key.lower() == name), "")


def _identity(segment: Segment | None) -> str:
    return "missing" if segment is None else f"{segment.number} of document {segment.document or '(unnamed)'}"
