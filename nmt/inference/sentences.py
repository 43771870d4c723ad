"""Sentence splitting, by the rules and abbreviations of the language (sentencex)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

_MAY_BE_SEVERAL = re.compile(r"[.!?…؟।]\S* \S|[。！？]\S*[^\s。！？]")
"""Matches every line with several sentences; most lines do not match and need no closer look."""

LOOKED_AT = 10_000
"""Number of training lines from which the share of lines with several sentences is estimated."""


def sentences_of(text: str, language: str) -> list[str]:
    """The sentences of a cleaned line, without the spaces between them; the line itself if it is one sentence.

    Args:
        text: the line.
        language: language code, such as de or pt-BR; unknown languages use English rules.
    """
    if not _MAY_BE_SEVERAL.search(text):
        return [text]
    from sentencex import segment

    found = [sentence.strip() for sentence in segment(re.split("[-_]", language)[0].lower() or "en", text)]
    return [sentence for sentence in found if sentence] or [text]


def share_of_several(lines: Iterable[str], total: int, language: str) -> float:
    """The share of a text's lines with several sentences, estimated from some thousand of them.

    Args:
        lines: cleaned lines.
        total: number of lines.
        language: their language code.
    """
    looked_at = list(islice(lines, 0, None, max(total // LOOKED_AT, 1)))
    several = sum(len(sentences_of(line, language)) > 1 for line in looked_at)
    return several / max(len(looked_at), 1)
