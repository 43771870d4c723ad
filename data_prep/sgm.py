"""The files of WMT's test sets up to 2020: segments in angle brackets that look like SGML and cannot be parsed as it.

An ampersand of the text may stand as itself or as `&amp;`, so that no parser of XML reads every one of these files.
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

# Those of XML and the numeric ones, with their semicolon; others may be parts of addresses, such as &copy=1.
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9a-f]+);", re.IGNORECASE)


@dataclass(frozen=True)
class Segment:
    """One sentence, and where it stands."""

    document: str
    number: str
    text: str
    """Without line breaks; entities are decoded, once."""


def read_segments(path: Path) -> Iterator[Segment]:
    """The segments of a file, in order, whatever encloses them. Holds the file in memory: test sets are small.

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
    """The texts of two files' segments, in pairs by their order.

    Both sides of a test set have the same document and segment ids, by which NIST's scorer, for which these files are
    made, finds a segment's reference; here they must also come in the same order.

    Raises:
        UserError: a file is unreadable, or they differ in their segments; says where they part.
    """
    sources, targets = list(read_segments(source)), list(read_segments(target))
    for number, (ours, theirs) in enumerate(zip_longest(sources, targets), start=1):
        if _place(ours) != _place(theirs):
            raise UserError(
                f"{source} and {target}",
                "the same segments in both",
                f"{len(sources)} and {len(targets)}; they part at segment {number}, which is {_place(ours)} in the "
                f"first and {_place(theirs)} in the second",
                "Look for a segment that was lost there.",
            )
    return ((ours.text, theirs.text) for ours, theirs in zip(sources, targets, strict=True))


def _attribute(attributes: str, name: str) -> str:
    return next(("".join(values) for key, *values in _ATTRIBUTE.findall(attributes) if key.lower() == name), "")


def _place(segment: Segment | None) -> str:
    return "missing" if segment is None else f"{segment.number} of document {segment.document or '(unnamed)'}"
