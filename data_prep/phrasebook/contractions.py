"""English with contractions (I'm, don't, we'll) or spelled out (I am, do not, we will)."""

from __future__ import annotations

import re
from random import Random

SPOKEN = (
    (r"\bI am (?=\w)", "I'm "),
    (r"\b(you|we|they) are (?=\w)", r"\1're "),
    (r"\b(he|she|it|that|what|where|who) is (?=\w)", r"\1's "),
    (r"\b(I|you|he|she|it|we|they) will (?=\w)", r"\1'll "),
    (r"\b(I|we|you|they) have (?=already\b)", r"\1've "),
    (r"\b(I|we|you|they|he|she) would (?=like\b)", r"\1'd "),
)
SPELLED_OUT = (
    (r"\bcan't\b", "cannot"),
    (r"\bwon't\b", "will not"),
    (r"\b(do|does|did|is|are|was|were|have|has|should|could)n't\b", r"\1 not"),
)
SHARE_SPOKEN, SHARE_SPELLED_OUT = 0.35, 0.15


def as_spoken(english: str, random: Random) -> str:
    """The sentence unchanged, with contractions, or with its contractions spelled out (except in questions)."""
    kind = random.random()
    rules: tuple[tuple[str, str], ...] = ()
    if kind < SHARE_SPOKEN:
        rules = SPOKEN
    elif kind < SHARE_SPOKEN + SHARE_SPELLED_OUT and not english.endswith("?"):
        rules = SPELLED_OUT
    for pattern, replacement in rules:
        english = re.sub(pattern, replacement, english)
    return english
