"""Sentences of a line, by the rules and abbreviations of its language (sentencex)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

_MAY_BE_SEVERAL = re.compile(r"[.!?…؟।]\S* \S|[。！？]\S*[^\s。！？]")
"""What every line of several sentences has; most lines have not, and need not be looked at closely."""

LOOKED_AT = 10_000
"""Lines of the training text from which its share of several sentences is estimated."""


def sentences_of(text: str, language: str) -> list[str]:
    """The sentences of a cleaned line, without the blanks between them; the line itself if it is one.

    Args:
        text: the line.
        language: its code, such as de or pt-BR; English rules stand in for languages that are not known.
    """
    if not _MAY_BE_SEVERAL.search(text):
        return [text]
    from sentencex import segment

    found = [sentence.strip() for sentence in segment(re.split("[-_]", language)[0].lower() or "en", text)]
    return [sentence for sentence in found if sentence] or [text]


def share_of_several(lines: Iterable[str], total: int, language: str) -> float:
    """Which part of a text's lines hold several sentences, estimated from some thousand of them.

    Args:
        lines: cleaned.
        total: how many there are.
        language: theirs.
    """
    looked_at = list(islice(lines, 0, None, max(total // LOOKED_AT, 1)))
    several = sum(len(sentences_of(line, language)) > 1 for line in looked_at)
    return several / max(len(looked_at), 1)
