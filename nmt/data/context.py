"""Sentences of a document as one training example, in which each sentence is translated with those before it.

BOS separates the sentences of an example. Every tokenizer has it, no text contains it (text that looks like it is
tokenised as any other), and a decoder already begins with it: in a document, every sentence begins with BOS.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from nmt.conflict import Conflict
from nmt.data.pairs import Text
from nmt.errors import UserError
from nmt.options import Options, Size
from nmt.text import is_blank
from nmt.tokenizer.base import SPECIAL, Tokenizer

SEPARATOR = SPECIAL.bos
"""Token between two sentences of an example."""

_LINE_FEED = "\n"
"""Separates the lines of an example's text; no line contains it."""


class Data(Options):
    """How the text becomes training examples."""

    context: Literal["sentence", "document"] = "sentence"
    """"sentence": each pair of lines is an example. "document": consecutive pairs of a document are joined, as many as
    fit, and the model learns to translate a sentence with those before it. Needs a corpus that says where documents
    begin, as `files` does with `documents: blank_lines`."""
    max_length: Size = 256
    """Longest example of joined sentences, in pieces on either side, separators included; longer documents are cut
    between sentences. No effect with context sentence, where `training.max_length` is the only limit."""

    sentences: bool = True
    """With context document: train on every sentence by itself as well, so that the model can also translate single
    sentences. An epoch is then twice as long."""

    @property
    def joins(self) -> bool:
        """Whether sentences are joined."""
        return self.context == "document"

    def conflicts(self, *, documents: bool, max_length: int) -> Iterator[Conflict]:
        """What these options say against a corpus and the limit of training.

        Args:
            documents: whether the corpus says where documents begin.
            max_length: `training.max_length`.
        """
        if not self.joins:
            return
        if not documents:
            yield Conflict(
                keys=(("data", "context"), ("corpus",)),
                expected="a corpus that says where documents begin",
                got="sentences without borders between documents",
                fix="With your own files, separate documents by empty lines and set corpus.documents: blank_lines; "
                "or leave data.context out.",
            )
        if self.max_length > max_length:
            yield Conflict(
                keys=(("data", "max_length"), ("training", "max_length")),
                expected=f"at most training.max_length={max_length}: longer examples are not trained on",
                got=str(self.max_length),
                fix="Lower data.max_length, or raise training.max_length.",
            )


@dataclass(frozen=True)
class Joined:
    """Joined sentences of a document, with tokens and text of both sides."""

    source: Sequence[int]
    target: Sequence[int]
    source_text: str
    target_text: str
    sentences: int

    def apart(self) -> Iterator[Joined]:
        """The sentences one by one; none if there is only one."""
        if self.sentences > 1:
            ids = zip(separated(self.source), separated(self.target), strict=True)
            texts = zip(self.source_text.split(_LINE_FEED), self.target_text.split(_LINE_FEED), strict=True)
            for (source, target), text in zip(ids, texts, strict=True):
                yield Joined(source, target, *text, 1)


def is_border(row: Sequence[str]) -> bool:
    """Whether a row, one line of each side, separates documents: all its lines are blank."""
    return all(map(is_blank, row))


def checked_borders(rows: Iterable[tuple[str, ...]], text: Text) -> Iterator[tuple[str, ...]]:
    """Passes rows through, and checks that borders are on both sides.

    Args:
        rows: the rows of a text in which blank rows separate documents.
        text: its files, for errors.

    Raises:
        UserError: a line is blank on one side only.
    """
    for number, row in enumerate(rows, start=1):
        blank = [is_blank(line) for line in row]
        if any(blank) and not all(blank):
            side = blank.index(True)
            raise UserError(
                f"{text.sides[side]}:{number}",
                f"text, or an empty line also in {text.sides[1 - side]}: empty lines separate documents",
                f"an empty line beside {row[1 - side][:40]!r}",
                "Remove the pair of lines, or make both lines empty.",
            )
        yield row


def joined_sentences(
    rows: Iterable[tuple[str, str]], source: Tokenizer, target: Tokenizer, max_length: int
) -> Iterator[Joined]:
    """The sentences of each document, in order, joined as long as neither side exceeds `max_length` tokens.

    Both sides of an example have the same number of sentences. A sentence that is longer by itself is an example of its
    own.

    Args:
        rows: pairs of cleaned lines; blank rows separate documents.
        source: tokenizer of the sources.
        target: tokenizer of the targets.
        max_length: most tokens on either side, separators included.
    """
    waiting: Joined | None = None
    for row in rows:
        if is_border(row):
            if waiting:
                yield waiting
            waiting = None
            continue
        sentence = Joined(source.encode(row[0]), target.encode(row[1]), *row, 1)
        if waiting and (longer := _together(waiting, sentence, max_length)):
            waiting = longer
            continue
        if waiting:
            yield waiting
        waiting = sentence
    if waiting:
        yield waiting


def joined_ids(sentences: Iterable[Sequence[int]]) -> list[int]:
    """Sentences of ids as one sequence, with separators between them."""
    ids: list[int] = []
    for number, sentence in enumerate(sentences):
        ids += [SEPARATOR, *sentence] if number else sentence
    return ids


def separated(ids: Sequence[int]) -> list[tuple[int, ...]]:
    """The sentences of a joined sequence; the inverse of `joined_ids`."""
    sentences: list[list[int]] = [[]]
    for token in ids:
        if token == SEPARATOR:
            sentences.append([])
        else:
            sentences[-1].append(token)
    return [tuple(sentence) for sentence in sentences]


def encode_sampled(tokenizer: Tokenizer, texts: Sequence[str], seed: int) -> list[list[int]]:
    """One random segmentation of each text of a store, which may have several joined lines."""
    lines = [text.split(_LINE_FEED) for text in texts]
    sampled = iter(tokenizer.encode_sampled([line for text in lines for line in text], seed))
    return [joined_ids([next(sampled) for _ in text]) for text in lines]


def documents_of(lines: Iterable[str]) -> Iterator[list[str]]:
    """The documents of a text, each with the blank lines after it; together they are all its lines."""
    document: list[str] = []
    ended = False
    for line in lines:
        blank = is_blank(line)
        if ended and not blank:
            yield document
            document = []
        document.append(line)
        ended = blank
    if document:
        yield document


def _together(waiting: Joined, sentence: Joined, max_length: int) -> Joined | None:
    """Both as one example; None if it would be too long."""
    longest = max(len(waiting.source) + len(sentence.source), len(waiting.target) + len(sentence.target))
    if longest + 1 > max_length:
        return None
    return Joined(
        source=joined_ids((waiting.source, sentence.source)),
        target=joined_ids((waiting.target, sentence.target)),
        source_text=waiting.source_text + _LINE_FEED + sentence.source_text,
        target_text=waiting.target_text + _LINE_FEED + sentence.target_text,
        sentences=waiting.sentences + 1,
    )
