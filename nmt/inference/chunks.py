"""Cutting a line into parts that the model can translate, and joining what comes of them.

A line is cut where it is longer than the model has ever seen, or where it holds several sentences and the model has
seen but one a line.
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
"""A model trained on very short sentences is still trusted with this many pieces."""

_UNSPACED = "\u3000-\u303f\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff65\U00020000-\U0003ffff"
"""Characters of Chinese and Japanese, whose text has no blanks, with their punctuation."""
_CLOSING = "\"'”’»)\\]」』）】》〉"
_SENTENCE_END = re.compile(rf"[.!?…。！？؟।]+[{_CLOSING}]*$")
_CLAUSE_END = re.compile(rf"[,;:–—،؛，；：、]+[{_CLOSING}]*$")
_ATOMS = re.compile(rf"[^ 。！？，；：、]*[。！？，；：、]+[{_CLOSING}]* ?|[^ 。！？，；：、]+ ?")
"""Words with the blank behind them; text without blanks up to its punctuation."""
_TAG = re.compile(r"(>>[^<>\s]+<<|<[^<>\s]+>|__[^\s_]+__|\[[^\[\]\s]+\]) ?")
"""What multilingual models have in front of a line to say which language they are to write."""


@dataclass(frozen=True)
class Part:
    """What is translated at once."""

    ids: list[int]
    """1 to `limit` token ids."""
    inside_word: bool = False
    """A word of a language with blanks was cut before this part, so that no blank belongs there."""


@dataclass(frozen=True)
class CutLine:
    """A line as it is translated."""

    parts: list[Part]
    """None for a blank line, one for most."""
    too_long: bool = False
    """A sentence was cut because the model has seen none as long."""


@dataclass(frozen=True)
class Cutter:
    """Cuts lines for one model.

    Args:
        tokenizer: of the source.
        limit: most pieces of a part.
        language: of the source, for its abbreviations.
        split: several sentences in a line are parts of their own, however short they are.
    """

    tokenizer: Tokenizer
    limit: int
    language: str = ""
    split: bool = False

    def cut(self, line: str) -> CutLine:
        """The parts of a cleaned line; nothing is dropped.

        Where one sentence is too long it is cut after a clause if there is one in reach, else between words, and in
        text without blanks between pieces; parts are about equally long. A token in front of the line that says which
        language the model is to write stands in front of each part.
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
        """The ids of a language token in front, which is one token and not text that looks like one; and the rest."""
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
        scale = len(ids) / max(sum(counts), 1)  # atoms together may take more pieces, or fewer, than one by one
        ends = list(accumulate((count * scale for count in counts), initial=0.0))
        start = 0
        while start < len(atoms):
            stop = _cut(atoms, ends, start, limit)
            # One atom may be longer than the limit, and the lengths of atoms together are estimates.
            yield from self._even("".join(atoms[start:stop]).strip(" "), limit)
            start = stop

    def _even(self, text: str, limit: int) -> Iterator[Part]:
        """In as few parts of equal length as there must be, cut between pieces."""
        ids = self.tokenizer.encode(text)
        count = -(-len(ids) // limit)
        spaced = re.search(f"[{_UNSPACED}]", text) is None
        for number in range(count):
            part = ids[number * len(ids) // count : (number + 1) * len(ids) // count]
            yield Part(part, inside_word=spaced and number > 0)


def chunk_limit(longest_source: int) -> int:
    """Most pieces of one part, from the longest source sentence of training (0: not known)."""
    return max(longest_source, SHORTEST_LIMIT)


def join(texts: Sequence[str], parts: Sequence[Part]) -> str:
    """The translation of a line from those of its parts, with blanks between them where the language has blanks."""
    joined = ""
    for text, part in zip(texts, parts, strict=True):
        if joined and text and not part.inside_word and not _without_blank(joined[-1], text[0]):
            joined += " "
        joined += text
    return joined


def _without_blank(left: str, right: str) -> bool:
    return re.fullmatch(f"[{_UNSPACED}]{{2}}", left + right) is not None


def _cut(atoms: Sequence[str], ends: Sequence[float], start: int, limit: int) -> int:
    """Where the part that begins with atom `start` ends (exclusive): the best boundary near an equal share.

    Args:
        atoms: of the whole text.
        ends: pieces up to each atom, one more entry than atoms.
        start: first atom of the part.
        limit: most pieces of a part.
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
