"""Cleaning a parallel corpus: what is dropped from training, and a report of it."""

from __future__ import annotations

from pydantic import Field

from nmt.options import Options, PositiveFloat, Size


class Cleaning(Options):
    """Which training pairs are kept. Validation and test sets always keep every line.

    Lengths are those of the line as `nmt.text.clean_line` gives it. Pairs with an empty side are
    always dropped.
    """

    max_words: Size | None = 250
    """Drop a pair with more blank-separated words than this on either side; null: no limit."""
    max_characters: Size | None = 2000
    """Drop a pair with more characters than this on either side (also bounds unspaced scripts); null: no limit."""
    max_length_ratio: PositiveFloat | None = Field(default=9.0, ge=1.0)
    """Drop a pair when one side has more than this many times the characters of the other; null: no limit."""
    deduplicate: bool = True
    """Drop a pair whose two sides both equal those of an earlier pair."""
