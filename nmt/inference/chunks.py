"""Cuts a line into parts that the model can translate, and joins their translations.

A line is cut if it is longer than anything the model was trained on, or if it holds several sentences and the model has
only seen one per line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from nmt.inference.sentences import sentences_of
from nmt.text import is_blank
from nmt.tokenizer.base import SPECIAL, Tokenizer

SHORTEST_LIMIT = 50
"""Even a model trained on very short sentences is trusted with this many pieces."""

_UNSPACED = "\u3000-\u303f\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff65\U00020000-\U0003ffff"
"""Characters of Chinese and Japanese, which are written without spaces, with their punctuation."""
_CLOSING = "\"'”’»)\\]」』）】》〉"
_SENTENCE_END = re.compile(rf"[.!?…。！？؟।]+[{_CLOSING}]*$")
_CLAUSE_END = re.compile(rf"[,;:–—،؛，；：、]+[{_CLOSING}]*$")
_ATOMS = re.compile(rf"[^ 。！？，；：、]*[。！？，；：、]+[{_CLOSING}]* ?|[^ 。！？，；：、]+ ?")
"""Words with the space after them; text without spaces up to its punctuation."""
_TAG = re.compile(r"(>>[^<>\s]+<<|<[^<>\s]+>|__[^\s_]+__|\[[^\[\]\s]+\]) ?")
"""The token in front of a line that tells a multilingual model the target language."""


@dataclass(frozen=True)
class Part:
    """A part of a line, translated as one source."""

    ids: list[int]
    """1 to `limit` token ids."""
    inside_word: bool = False
    """Whether the part begins inside a word, so that no space belongs before it."""


@dataclass(frozen=True)
class CutLine:
    """A line, cut into parts."""

    parts: list[Part]
    """Empty for a blank line, one part for most lines."""
    too_long: bool = False
    """Whether a sentence was cut because it is longer than any the model was trained on."""


@dataclass(frozen=True)
class Cutter:
    """Cuts lines for one model.

    Args:
        tokenizer: the source's tokenizer.
        limit: maximum number of pieces in a part.
        language: the source language, for its abbreviations.
        split: make each sentence of a line a part of its own, even if short.
    """

    tokenizer: Tokenizer
    limit: int
    language: str = ""
    split: bool = False

    def cut(self, line: str) -> CutLine:
        """The parts of a cleaned line; nothing is dropped.

        A sentence that is too long is cut after a clause if possible, otherwise between words, and in text without
        spaces between pieces; parts are about equally long. A target-language token in front of the line is repeated in
        front of each part.
        """
        tag, text = self._tag(line)
        whole = self.tokenizer.encode(line)
        if is_blank(text) or not whole:
            return CutLine([])
        sentences = sentences_of(text, self.language) if self.split else [text]
        if len(sentences) == 1 and len(whole) <= self.limit:
            return CutLine([Part(whole)])
        room = max(self.limit - len(tag), 1)
        parts = [part for sentence in sentences for part in self._fitting(sentence, room)]
        return CutLine([Part(tag + part.ids, part.inside_word) for part in parts], len(parts) > len(sentences))

    def _tag(self, line: str) -> tuple[list[int], str]:
        """The ids of a language token in front (one token, not text that looks like one), and the remaining text."""
        found = _TAG.match(line)
        if found:
            ids = self.tokenizer.encode(found[1])
            pieces = [piece.removeprefix("\u2581") for piece in self.tokenizer.pieces(ids)]
            if [piece for piece in pieces if piece] == [found[1]] and ids[-1] > SPECIAL.eos:
                return ids, line[found.end() :]
        return [], line

    def _fitting(self, text: str, limit: int) -> Iterator[Part]:
        ids = self.tokenizer.encode(text)
        if len(ids) <= limit:
            yield from [Part(ids)] if ids else []
            return
        atoms = _ATOMS.findall(text)
        counts = [len(self.tokenizer.encode(atom.rstrip(" "))) for atom in atoms]
        scale = len(ids) / max(sum(counts), 1)  # together, atoms may take more or fewer pieces than one by one
        ends = list(accumulate((count * scale for count in counts), initial=0.0))
        start = 0
        while start < len(atoms):
            stop = _cut(atoms, ends, start, limit)
            # One atom may be longer than the limit, and the length of several atoms is an estimate.
            yield from self._even("".join(atoms[start:stop]).strip(" "), limit)
            start = stop

    def _even(self, text: str, limit: int) -> Iterator[Part]:
        """The fewest parts of equal length that respect the limit, cut between pieces."""
        ids = self.tokenizer.encode(text)
        count = -(-len(ids) // limit)
        spaced = re.search(f"[{_UNSPACED}]", text) is None
        for number in range(count):
            part = ids[number * len(ids) // count : (number + 1) * len(ids) // count]
            yield Part(part, inside_word=spaced and number > 0)


def chunk_limit(longest_source: int) -> int:
    """Maximum number of pieces in a part, from the longest source sentence in training (0: unknown)."""
    return max(longest_source, SHORTEST_LIMIT)


def join(texts: Sequence[str], parts: Sequence[Part]) -> str:
    """Joins the translations of a line's parts, with spaces between them unless the language has none."""
    joined = ""
    for text, part in zip(texts, parts, strict=True):
        if joined and text and not part.inside_word and not _without_blank(joined[-1], text[0]):
            joined += " "
        joined += text
    return joined


def _without_blank(left: str, right: str) -> bool:
    return re.fullmatch(f"[{_UNSPACED}]{{2}}", left + right) is not None


def _cut(atoms: Sequence[str], ends: Sequence[float], start: int, limit: int) -> int:
    """End (exclusive) of the part that begins with atom `start`: the best boundary near an equal share.

    Args:
        atoms: the atoms of the whole text.
        ends: number of pieces before each atom, and at the end the total.
        start: first atom of the part.
        limit: maximum number of pieces in a part.
    """
    total = ends[-1] - ends[start]
    if total <= limit:
        return len(atoms)
    share = total / -(-total // limit)
    best, best_rank = start + 1, (-1, 0.0)
    for stop in range(start + 1, len(atoms) + 1):
        length = ends[stop] - ends[start]
        if length > limit:
            break
        if length < share / 2:
            best = stop
            continue
        atom = atoms[stop - 1].rstrip(" ")
        strength = 2 if _SENTENCE_END.search(atom) else 1 if _CLAUSE_END.search(atom) else 0
        rank = (strength, -abs(length - share))
        if rank > best_rank:
            best, best_rank = stop, rank
    return best
