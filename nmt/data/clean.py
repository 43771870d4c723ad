"""Cleans a corpus of pairs or of single lines: drops bad training text and reports what was dropped."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from nmt.data.context import checked_borders, is_border
from nmt.data.duplicates import DuplicateFinder, row_digest
from nmt.data.held import HeldSets, Overlap
from nmt.data.pairs import MonolingualFile, RawCorpus, Text, read_rows, row_writer, text_at
from nmt.data.progress import ShowProgress, unseen, watched
from nmt.errors import UserError
from nmt.options import Options, PositiveFloat, Size, Total
from nmt.text import REPLACEMENT, clean_line, is_blank

_EXAMPLES = 5
_SHARE, _DIGESTS = b"share", 2**128
_LONGEST_DOCUMENT = 10_000
"""A longer document, in rows, counts as several: a document is held in memory."""

_Found = tuple[str, tuple[str, ...]]
"""file:line of a row, and its lines; no lines for the border between two documents."""


Unit = Literal["pairs", "lines"]
"""Unit in which a corpus is counted: pairs of lines, or lines of one language."""


class Cleaning(Options):
    """Which training pairs are kept. Validation and test sets always keep every line.

    Lengths are measured after `nmt.text.clean_line`. Pairs with a blank side or with invalid UTF-8 are always dropped.
    A line of one language counts as a pair with one side. Where a pair is dropped from a document, the document ends,
    and another one begins.
    """

    max_words: Size | None = 250
    """Drop a pair with more blank-separated words than this on either side; null: no limit."""
    max_characters: Size | None = 2000
    """Drop a pair with more characters than this on either side (also limits text without blanks); null: no limit."""
    max_length_ratio: PositiveFloat | None = Field(default=9.0, ge=1.0)
    """Drop a pair if one side has more than this many times the characters of the other; null: no limit."""
    max_word_ratio: PositiveFloat | None = Field(default=None, ge=1.0)
    """Drop a pair if one side has more than this many times the blank-separated words of the other; null: no limit.
    Published systems state their limit this way (1.5 is usual); it suits languages that put blanks between words."""
    deduplicate: bool = True
    """Drop a pair that repeats an earlier one on both sides; in a corpus of documents, a document that repeats an
    earlier one, since a repeated sentence may be another one in another context."""
    overlap: Literal["keep", "drop", "drop_sources"] = "keep"
    """Training pairs that also occur in the validation or a test set; they inflate its scores. They are always counted;
    `drop` removes those that match on both sides, `drop_sources` those with the same source."""
    share: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Share of the remaining pairs that is kept, drawn at random by their text: 0.1 shows what a tenth of the corpus is
    worth. A smaller share is part of a larger one. Of a corpus of documents, whole documents are drawn."""

    def fault(self, *row: str) -> str | None:
        """Name, as in the report, of the first rule that a cleaned row breaks; None if the row is kept."""
        if any(map(is_blank, row)):
            return "empty"
        if any(REPLACEMENT in line for line in row):
            return "encoding"
        longer, shorter = max(map(len, row)), min(map(len, row))
        if self.max_characters is not None and longer > self.max_characters:
            return "max_characters"
        words = [line.count(" ") + 1 for line in row]
        fewer, more = min(words), max(words)
        if self.max_words is not None and more > self.max_words:
            return "max_words"
        if self.max_length_ratio is not None and longer > self.max_length_ratio * shorter:
            return "max_length_ratio"
        if self.max_word_ratio is not None and more > self.max_word_ratio * fewer:
            return "max_word_ratio"
        return None

    def draws(self, *row: str) -> bool:
        """Whether a cleaned row belongs to the share that is kept."""
        return self.share == 1.0 or int.from_bytes(row_digest(*row, key=_SHARE)) < self.share * _DIGESTS


RULES = (
    "empty",
    "encoding",
    "max_characters",
    "max_words",
    "max_length_ratio",
    "max_word_ratio",
    "duplicate",
    "overlap",
    "share",
)
"""In the order in which they apply; a pair is counted under the first one it breaks."""


class Dropped(Options):
    """Pairs dropped by one rule."""

    pairs: Total = 0
    examples: tuple[str, ...] = ()
    """The first few, as file:line (of the source side, unless only the target is at fault)."""


class CleaningReport(Options):
    """Result of cleaning a corpus; `model_dump_json()` writes it."""

    unit: Unit = "pairs"
    """Unit of all counts, including those whose names say `pairs`."""
    pairs_read: Total
    """Training pairs before cleaning."""
    pairs_kept: Total
    """Training pairs after cleaning."""
    pairs_changed: Total
    """Training pairs that pass the rules but whose text was normalised: form C, control characters, blanks."""
    documents: Total = 0
    """Documents of the training pairs kept; 0 if the corpus does not say where documents begin."""
    dropped: dict[str, Dropped]
    """Dropped pairs by rule, in the order of the rules; a pair is counted under the first rule it breaks."""
    sets: dict[str, Total]
    """Pairs of the validation and test sets, all of which are kept."""
    overlap: dict[str, Overlap] = {}
    """By set, the training pairs that also occur in it, dropped or not."""
    invalid: dict[str, Total] = {}
    """By set, the pairs with invalid UTF-8."""

    def rows(self) -> list[tuple[str, str, str]]:
        """The report as table rows: label, number of pairs, first examples."""
        return [
            ("read", str(self.pairs_read), ""),
            *((f"dropped: {rule}", str(d.pairs), ", ".join(d.examples)) for rule, d in self.dropped.items() if d.pairs),
            ("kept for training", str(self.pairs_kept), ""),
            *([("documents", str(self.documents), "")] if self.documents else []),
            (f"{self.unit} with characters normalised", str(self.pairs_changed), ""),
            *((name, str(pairs), self._remark(name)) for name, pairs in self.sets.items()),
        ]

    def _remark(self, name: str) -> str:
        """Warnings about a set, for a person."""
        shared, invalid = self.overlap.get(name, Overlap()), self.invalid.get(name, 0)
        remarks = [f"{invalid:,} with bytes that are not UTF-8"] if invalid else []
        if shared.sources and self.unit == "lines":
            remarks.append(f"{shared.pairs:,} training lines are the same")
        elif shared.sources:
            remarks.append(f"{shared.pairs:,} training pairs are the same, {shared.sources:,} have the same source")
        return "; ".join(remarks)


def prepare_corpus(
    raw: RawCorpus,
    cleaning: Cleaning,
    languages: Sequence[str],
    directory: Path,
    progress: ShowProgress = unseen,
) -> CleaningReport:
    """Writes {train,validation,<test names>}.<language> into `directory`, one cleaned sentence per line.

    Training pairs that break a rule are dropped. Validation and test sets keep every pair; only the characters of each
    line are normalised, by `nmt.text.clean_line`. In a corpus of documents, blank rows separate them. Memory does not
    depend on the size of the corpus. Each file appears only once it is complete.

    Args:
        raw: the corpus as found.
        cleaning: the rules.
        languages: source and target, or the only language.
        directory: destination.
        progress: called with the number of training pairs read so far.

    Raises:
        UserError: a file is unreadable or in another encoding, two sides differ in their number of lines or in their
            borders between documents, a set is empty, or nothing is left to train on.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for leftover in directory.glob(".*.part"):  # from a killed run; can be as large as the corpus
        leftover.unlink()
    sets, invalid, held = dict[str, int](), dict[str, int](), HeldSets()
    for name, text in {"validation": raw.validation, **raw.tests}.items():
        sets[name], invalid[name] = _copy_set(
            text, text_at(directory, name, languages), name, held, documents=raw.documents
        )
    cleaner = _TrainingCleaner(cleaning, raw, held, progress)
    report = cleaner.clean(text_at(directory, "train", languages), directory / ".cleaning", sets)
    return report.model_copy(update={"invalid": {name: pairs for name, pairs in invalid.items() if pairs}})


def _unit(text: Text) -> Unit:
    return "lines" if isinstance(text, MonolingualFile) else "pairs"


def _copy_set(raw: Text, clean: Text, name: str, held: HeldSets, *, documents: bool) -> tuple[int, int]:
    """Copies a set; returns the number of rows, and of rows with invalid UTF-8."""
    rows, invalid, encodings = 0, 0, Encodings(raw)
    with row_writer(clean) as write:
        for raw_row in _rows(raw, documents):
            encodings.count(*raw_row)
            row = [clean_line(line) for line in raw_row]
            held.add(name, *row)
            write(row)
            rows += 1
            invalid += any(REPLACEMENT in line for line in raw_row)
        encodings.check()
        if rows == 0:
            where = " and ".join(map(str, raw.sides))
            if _unit(raw) == "lines":
                raise UserError(where, "at least one line", "an empty file")
            raise UserError(where, "at least one pair of lines", "empty files")
    return rows, invalid


def _rows(text: Text, documents: bool) -> Iterator[tuple[str, ...]]:
    rows = read_rows(text)
    return checked_borders(rows, text) if documents else rows


class Encodings:
    """Distinguishes files in another encoding from files with a few damaged lines.

    Args:
        text: the text whose rows will be counted.
    """

    _FEWEST = 10

    def __init__(self, text: Text) -> None:
        self._paths = text.sides
        self._not_ascii, self._invalid, self._first = ([0] * len(self._paths) for _ in range(3))
        self._lines = 0

    def count(self, *row: str) -> None:
        """Counts the next row, in the form that `read_lines` returns."""
        self._lines += 1
        for side, line in enumerate(row):
            if not line.isascii():
                self._not_ascii[side] += 1
                if REPLACEMENT in line:
                    self._invalid[side] += 1
                    self._first[side] = self._first[side] or self._lines

    def check(self) -> None:
        """Raises:
        UserError: most non-ASCII lines of a file are invalid UTF-8.
        """
        for side, path in enumerate(self._paths):
            if self._invalid[side] >= self._FEWEST and self._invalid[side] * 2 > self._not_ascii[side]:
                raise UserError(
                    f"{path}:{self._first[side]}",
                    "text in UTF-8",
                    f"invalid bytes in {self._invalid[side]:,} of {self._not_ascii[side]:,} lines that are not plain "
                    "ASCII",
                    "If it is Latin-1, convert it: iconv -f LATIN1 -t UTF-8 FILE.",
                )


class _TrainingCleaner:
    """Filters the training rows: first each by itself, then repeats among the rest.

    To find repeats it reads the raw files twice, which is cheaper than keeping a copy.
    """

    def __init__(self, cleaning: Cleaning, raw: RawCorpus, held: HeldSets, progress: ShowProgress) -> None:
        self._cleaning, self._held, self._progress = cleaning, held, progress
        self._raw, self._documents = raw.training, raw.documents
        self._lengths = dict[Text, int]()  # row counts of files that have been read once
        self._dropped = dict.fromkeys(RULES, 0)
        self._examples: dict[str, list[str]] = {rule: [] for rule in RULES}
        self._read = self._kept = self._changed = self._documents_kept = 0

    def clean(self, clean: Text, scratch: Path, sets: dict[str, int]) -> CleaningReport:
        shutil.rmtree(scratch, ignore_errors=True)  # from a killed run
        scratch.mkdir()
        try:
            with DuplicateFinder(scratch) as finder:
                if self._cleaning.deduplicate:
                    for unit in self._units(count=False):
                        finder.add(*_lines(unit))
                    self._write(clean, finder.repeats())
                else:
                    self._write(clean, itertools.repeat(False))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        dropped = {rule: Dropped(pairs=n, examples=tuple(self._examples[rule])) for rule, n in self._dropped.items()}
        return CleaningReport(
            unit=_unit(clean),
            pairs_read=self._read,
            pairs_kept=self._kept,
            pairs_changed=self._changed,
            documents=self._documents_kept,
            dropped=dropped,
            sets=sets,
            overlap=self._held.overlap(),
        )

    def _write(self, clean: Text, repeats: Iterator[bool]) -> None:
        border = ("",) * len(clean.sides)
        with row_writer(clean) as write:
            for unit in self._units(count=True):
                begun = False
                for row in self._kept_rows(unit, repeats=next(repeats)):
                    if row:
                        write(row)
                        self._kept += 1
                        self._documents_kept += self._documents and not begun
                    elif begun:
                        write(border)
                    begun = bool(row)
                if begun and self._documents:
                    write(border)
            if not self._kept:
                counts = ", ".join(f"{rule} {pairs}" for rule, pairs in self._dropped.items() if pairs)
                raise UserError(
                    " ".join(str(text.sides[0]) for text in self._raw) or "corpus",
                    f"training {_unit(clean)} that pass the cleaning",
                    f"none of {self._read} ({counts})" if self._read else "no line at all",
                    "Check those lines, or relax corpus.cleaning.",
                )

    def _kept_rows(self, unit: Sequence[_Found], *, repeats: bool) -> Iterator[tuple[str, ...]]:
        """The rows of a unit that are kept; in a document, () where others were dropped between them."""
        drawn = self._cleaning.draws(*_lines(unit))
        for where, row in unit:
            if repeats:
                self._drop("duplicate", where)
                continue
            same, same_source = self._held.count(*row)
            if (same and self._cleaning.overlap == "drop") or (
                same_source and self._cleaning.overlap == "drop_sources"
            ):
                self._drop("overlap", where)
                if self._documents:
                    yield ()
            elif not drawn:
                self._drop("share", where)
            else:
                yield row

    def _units(self, *, count: bool) -> Iterator[list[_Found]]:
        """The well-formed rows in the units that repeats are sought in: single rows, or documents."""
        document: list[_Found] = []
        for found in self._well_formed(count=count):
            if found[1]:
                document.append(found)
            if document and not (found[1] and self._documents and len(document) < _LONGEST_DOCUMENT):
                yield document
                document = []
        if document:
            yield document

    def _well_formed(self, *, count: bool) -> Iterator[_Found]:
        """Each row that breaks no rule by itself; in a corpus of documents, a border wherever one ends."""
        for text in self._raw:
            encodings, number = Encodings(text), 0
            total, note = self._lengths.get(text, 0), f"{_unit(text)} of {text.sides[0].name}"
            rows = watched(_rows(text, self._documents), self._progress, total, note)
            for number, raw_row in enumerate(rows, start=1):
                encodings.count(*raw_row)
                row = tuple(map(clean_line, raw_row))
                where = f"{text.sides[0]}:{number}"
                if self._documents and is_border(row):
                    yield where, ()
                    continue
                fault = self._cleaning.fault(*row)
                if count:
                    self._read += 1
                    self._changed += fault is None and row != raw_row
                if fault is None:
                    yield where, row
                    continue
                if count:
                    at_fault = text.target if fault == "encoding" and REPLACEMENT not in row[0] else text.sides[0]
                    self._drop(fault, f"{at_fault}:{number}")
                if self._documents:
                    yield where, ()
            if self._documents:
                yield f"{text.sides[0]}:{number}", ()
            encodings.check()
            self._lengths[text] = number

    def _drop(self, rule: str, where: str) -> None:
        self._dropped[rule] += 1
        if len(self._examples[rule]) < _EXAMPLES:
            self._examples[rule].append(where)


def _lines(unit: Sequence[_Found]) -> list[str]:
    return [line for _, row in unit for line in row]
