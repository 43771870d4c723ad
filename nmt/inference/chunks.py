"""Cutting a line that is longer than the model has ever seen into parts that it can translate."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import accumulate

from nmt.tokenizer.base import SPECIAL

SHORTEST_LIMIT = 50
"""A model trained on very short sentences is still trusted with this many pieces."""

_SENTENCE_END = re.compile(r"[.!?…。！？؟]+[\"'”’»)\]]*$")
_CLAUSE_END = re.compile(r"[,;:–—،؛，；：]+[\"'”’»)\]]*$")
_LANGUAGE = re.compile(r"(>>[^<>\s]+<<) ?")
_INVISIBLE = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf", "Cs"))


def chunk_limit(longest_source: int) -> int:
    """Most pieces of one chunk, from the longest source sentence of training (0: not known)."""
    return max(longest_source, SHORTEST_LIMIT)


def is_blank(line: str) -> bool:
    """Whether nothing in the line can be seen: blanks, control and formatting characters."""
    return all(unicodedata.category(character) in _INVISIBLE for character in line)


def chunks(line: str, encode: Callable[[str], list[int]], limit: int) -> list[list[int]]:
    """The token ids of a cleaned line, in as many parts as keep each within `limit`.

    Cuts after a sentence where there is one in reach, else after a clause, else between words; a word
    longer than the limit is cut between pieces. Parts are about equally long, and nothing is dropped. The language
    that a multilingual model is to write, a token in front of the line (`>>fra<<`), stands in front of each part.

    Returns:
        no parts for a blank line, one for most, each of 1 to `limit` ids.
    """
    if is_blank(line):
        return []
    if language := _LANGUAGE.match(line):
        token = encode(language[1])
        if len(token) == 1 and token[0] > SPECIAL.eos:  # and not text that looks like one
            return [token + part for part in _parts(line[language.end() :], encode, max(limit - 1, 1))]
    return _parts(line, encode, limit)


def _parts(line: str, encode: Callable[[str], list[int]], limit: int) -> list[list[int]]:
    ids = encode(line)
    if not ids:
        return []
    if len(ids) <= limit:
        return [ids]
    words = line.split(" ")
    counts = [len(encode(word)) for word in words]
    scale = len(ids) / sum(counts)  # words together may take more pieces, or fewer, than one by one
    ends = list(accumulate((count * scale for count in counts), initial=0.0))
    parts: list[list[int]] = []
    start = 0
    while start < len(words):
        stop = _cut(words, ends, start, limit)
        part = encode(" ".join(words[start:stop]))
        # One word may be longer than the limit, and the lengths of words together are estimates.
        parts.extend(part[place : place + limit] for place in range(0, len(part), limit))
        start = stop
    return parts


def _cut(words: Sequence[str], ends: Sequence[float], start: int, limit: int) -> int:
    """Where the part that begins at word `start` ends (exclusive): the best boundary near an equal share.

    Args:
        words: of the whole line.
        ends: pieces up to each word, one more entry than words.
        start: first word of the part.
        limit: most pieces of a part.
    """
    total = ends[-1] - ends[start]
    if total <= limit:
        return len(words)
    share = total / -(-total // limit)
    best, best_rank = start + 1, (-1, 0.0)
    for place in range(start + 1, len(words) + 1):
        length = ends[place] - ends[start]
        if length > limit:
            break
        if length < share / 2:
            best = place
            continue
        word = words[place - 1]
        strength = 2 if _SENTENCE_END.search(word) else 1 if _CLAUSE_END.search(word) else 0
        rank = (strength, -abs(length - share))
        if rank > best_rank:
            best, best_rank = place, rank
    return best
