"""Cleaning a parallel corpus: what is dropped from training, and a report of it."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from nmt.data.duplicates import DuplicateFinder
from nmt.data.held import HeldSets, Overlap
from nmt.data.pairs import ParallelFiles, RawCorpus, read_pairs
from nmt.data.progress import ShowProgress, unseen, watched
from nmt.errors import UserError
from nmt.options import Options, PositiveFloat, Size, Total
from nmt.output import write_atomically
from nmt.text import REPLACEMENT, clean_line, is_blank

_EXAMPLES = 5


class Cleaning(Options):
    """Which training pairs are kept. Validation and test sets always keep every line.

    Lengths are those of the line as `nmt.text.clean_line` gives it. Pairs with a blank side, or with bytes that are not
    UTF-8, are always dropped.
    """

    max_words: Size | None = 250
    """Drop a pair with more blank-separated words than this on either side; null: no limit."""
    max_characters: Size | None = 2000
    """Drop a pair with more characters than this on either side (also bounds unspaced scripts); null: no limit."""
    max_length_ratio: PositiveFloat | None = Field(default=9.0, ge=1.0)
    """Drop a pair when one side has more than this many times the characters of the other; null: no limit."""
    max_word_ratio: PositiveFloat | None = Field(default=None, ge=1.0)
    """Drop a pair when one side has more than this many times the blank-separated words of the other; null: no limit.
    Published systems state their limits so (1.5 is usual); it fits languages that put blanks between words."""
    deduplicate: bool = True
    """Drop a pair whose two sides both equal those of an earlier pair."""
    overlap: Literal["keep", "drop", "drop_sources"] = "keep"
    """Training pairs that the validation set or a test set has too make their scores look better than they are. They
    are counted in any case; `drop` leaves out those with both sides the same, `drop_sources` those with the same
    source."""

    def fault(self, source: str, target: str) -> str | None:
        """The first rule that a cleaned pair breaks, by its name in the report; None when it may stay."""
        if is_blank(source) or is_blank(target):
            return "empty"
        if REPLACEMENT in source or REPLACEMENT in target:
            return "encoding"
        longer, shorter = max(len(source), len(target)), min(len(source), len(target))
        if self.max_characters is not None and longer > self.max_characters:
            return "max_characters"
        fewer, more = sorted((source.count(" ") + 1, target.count(" ") + 1))
        if self.max_words is not None and more > self.max_words:
            return "max_words"
        if self.max_length_ratio is not None and longer > self.max_length_ratio * shorter:
            return "max_length_ratio"
        if self.max_word_ratio is not None and more > self.max_word_ratio * fewer:
            return "max_word_ratio"
        return None


RULES = (
    "empty",
    "encoding",
    "max_characters",
    "max_words",
    "max_length_ratio",
    "max_word_ratio",
    "duplicate",
    "overlap",
)
"""In the order in which they apply; a pair counts for the first one it breaks."""


class Dropped(Options):
    """What one rule dropped."""

    pairs: Total = 0
    examples: tuple[str, ...] = ()
    """The first few, as file:line (of the source side, unless only the other is at fault)."""


class CleaningReport(Options):
    """What became of a corpus; `model_dump_json()` writes it."""

    pairs_read: Total
    """Training pairs before cleaning."""
    pairs_kept: Total
    """Training pairs after it."""
    pairs_changed: Total
    """Training pairs without fault whose text changed: normal form C, control characters, blanks."""
    dropped: dict[str, Dropped]
    """By rule, in the order in which they apply; a pair counts for the first rule it breaks."""
    sets: dict[str, Total]
    """Pairs of the validation and test sets, which all stay."""
    overlap: dict[str, Overlap] = {}
    """By set, the training pairs that it has too, whether they were dropped or not."""
    invalid: dict[str, Total] = {}
    """By set, the pairs with bytes that are not UTF-8."""

    def rows(self) -> list[tuple[str, str, str]]:
        """The report as table rows: what, how many pairs, first examples."""
        return [
            ("read", str(self.pairs_read), ""),
            *((f"dropped: {rule}", str(d.pairs), ", ".join(d.examples)) for rule, d in self.dropped.items() if d.pairs),
            ("kept for training", str(self.pairs_kept), ""),
            ("pairs with characters normalised", str(self.pairs_changed), ""),
            *((name, str(pairs), self._remark(name)) for name, pairs in self.sets.items()),
        ]

    def _remark(self, name: str) -> str:
        """What a person should know of a set."""
        shared, invalid = self.overlap.get(name, Overlap()), self.invalid.get(name, 0)
        remarks = [f"{invalid:,} with bytes that are not UTF-8"] if invalid else []
        if shared.sources:
            remarks.append(f"{shared.pairs:,} training pairs are the same, {shared.sources:,} have the same source")
        return "; ".join(remarks)


def prepare_corpus(
    raw: RawCorpus,
    cleaning: Cleaning,
    source_language: str,
    target_language: str,
    directory: Path,
    progress: ShowProgress = unseen,
) -> CleaningReport:
    """Writes {train,validation,<test names>}.<language> into `directory`, one cleaned sentence a line.

    Training pairs that break a rule are left out. Validation and test sets keep every pair, line for
    line; only the characters of each line are normalised, as `nmt.text.clean_line` does everywhere.
    Memory does not depend on the size of the corpus; each file appears when it is whole. `progress` is told of the
    training pairs that are read.

    Raises:
        UserError: a file is unreadable or in another encoding, two sides differ in their number of lines, a set is
            empty, or nothing is left to train on.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for leftover in directory.glob(".*.part"):  # of a run that was killed; can be as large as the corpus
        leftover.unlink()
    languages = source_language, target_language
    sets, invalid, held = dict[str, int](), dict[str, int](), HeldSets()
    for name, files in {"validation": raw.validation, **raw.tests}.items():
        sets[name], invalid[name] = _copy_set(files, _files(directory, name, languages), name, held)
    cleaner = _TrainingCleaner(cleaning, raw.training, held, progress)
    report = cleaner.clean(_files(directory, "train", languages), directory / ".cleaning", sets)
    return report.model_copy(update={"invalid": {name: pairs for name, pairs in invalid.items() if pairs}})


def _files(directory: Path, name: str, languages: tuple[str, str]) -> ParallelFiles:
    return ParallelFiles(*(directory / f"{name}.{language}" for language in languages))


def _copy_set(raw: ParallelFiles, clean: ParallelFiles, name: str, held: HeldSets) -> tuple[int, int]:
    """How many pairs there are, and how many of them have bytes that are not UTF-8."""
    pairs, invalid, encodings = 0, 0, Encodings(raw)
    with write_atomically(clean.source) as sources, write_atomically(clean.target) as targets:
        for raw_source, raw_target in read_pairs(raw):
            encodings.count(raw_source, raw_target)
            source, target = clean_line(raw_source), clean_line(raw_target)
            held.add(name, source, target)
            sources.write(source + "\n")
            targets.write(target + "\n")
            pairs += 1
            invalid += REPLACEMENT in raw_source or REPLACEMENT in raw_target
        encodings.check()
        if pairs == 0:
            raise UserError(f"{raw.source} and {raw.target}", "at least one pair of lines", "empty files")
    return pairs, invalid


class Encodings:
    """Tells two files in another encoding from files with a few damaged lines.

    Args:
        files: whose lines are counted.
    """

    _FEWEST = 10

    def __init__(self, files: ParallelFiles) -> None:
        self._paths = files.source, files.target
        self._not_ascii, self._invalid, self._first = [0, 0], [0, 0], [0, 0]
        self._lines = 0

    def count(self, *lines: str) -> None:
        """Takes in the next line of each, as `read_lines` gives it."""
        self._lines += 1
        for side, line in enumerate(lines):
            if not line.isascii():
                self._not_ascii[side] += 1
                if REPLACEMENT in line:
                    self._invalid[side] += 1
                    self._first[side] = self._first[side] or self._lines

    def check(self) -> None:
        """Raises:
        UserError: most lines of a file that could be invalid UTF-8 are.
        """
        for side, path in enumerate(self._paths):
            if self._invalid[side] >= self._FEWEST and self._invalid[side] * 2 > self._not_ascii[side]:
                raise UserError(
                    f"{path}:{self._first[side]}",
                    "text in UTF-8",
                    f"bytes that are not, in {self._invalid[side]:,} of {self._not_ascii[side]:,} lines that are not "
                    "plain ASCII",
                    "If it is Latin-1, convert it: iconv -f LATIN1 -t UTF-8 FILE.",
                )


class _TrainingCleaner:
    """Filters the training pairs: each alone, then repeats among those that are left.

    Reads the raw files twice when it looks for repeats: cheaper than keeping a copy between.
    """

    def __init__(
        self, cleaning: Cleaning, raw: tuple[ParallelFiles, ...], held: HeldSets, progress: ShowProgress
    ) -> None:
        self._cleaning, self._raw, self._held, self._progress = cleaning, raw, held, progress
        self._pairs = dict[ParallelFiles, int]()  # of the files that have been read once
        self._dropped = dict.fromkeys(RULES, 0)
        self._examples: dict[str, list[str]] = {rule: [] for rule in RULES}
        self._read = self._kept = self._changed = 0

    def clean(self, clean: ParallelFiles, scratch: Path, sets: dict[str, int]) -> CleaningReport:
        shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
        scratch.mkdir()
        try:
            with DuplicateFinder(scratch) as finder:
                if self._cleaning.deduplicate:
                    for _, source, target in self._well_formed(count=False):
                        finder.add(source, target)
                    self._write(clean, finder.repeats())
                else:
                    self._write(clean, itertools.repeat(False))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        dropped = {rule: Dropped(pairs=n, examples=tuple(self._examples[rule])) for rule, n in self._dropped.items()}
        return CleaningReport(
            pairs_read=self._read,
            pairs_kept=self._kept,
            pairs_changed=self._changed,
            dropped=dropped,
            sets=sets,
            overlap=self._held.overlap(),
        )

    def _write(self, clean: ParallelFiles, repeats: Iterator[bool]) -> None:
        with write_atomically(clean.source) as sources, write_atomically(clean.target) as targets:
            for where, source, target in self._well_formed(count=True):
                if next(repeats):
                    self._drop("duplicate", where)
                    continue
                pair, same_source = self._held.count(source, target)
                if (pair and self._cleaning.overlap == "drop") or (
                    same_source and self._cleaning.overlap == "drop_sources"
                ):
                    self._drop("overlap", where)
                    continue
                self._kept += 1
                sources.write(source + "\n")
                targets.write(target + "\n")
            if not self._kept:
                counts = ", ".join(f"{rule} {pairs}" for rule, pairs in self._dropped.items() if pairs)
                raise UserError(
                    " ".join(str(files.source) for files in self._raw) or "corpus",
                    "training pairs that pass the cleaning",
                    f"none of {self._read} ({counts})" if self._read else "no line at all",
                    "Look at those lines, or relax corpus.cleaning.",
                )

    def _well_formed(self, *, count: bool) -> Iterator[tuple[str, str, str]]:
        """(file:line, source, target) of the pairs that break no rule by themselves."""
        for files in self._raw:
            encodings, number = Encodings(files), 0
            total, note = self._pairs.get(files, 0), f"pairs of {files.source.name}"
            pairs = watched(read_pairs(files), self._progress, total, note)
            for number, (raw_source, raw_target) in enumerate(pairs, start=1):
                encodings.count(raw_source, raw_target)
                source, target = clean_line(raw_source), clean_line(raw_target)
                fault = self._cleaning.fault(source, target)
                if count:
                    self._read += 1
                    self._changed += fault is None and (source != raw_source or target != raw_target)
                if fault is None:
                    yield f"{files.source}:{number}", source, target
                elif count:
                    at_fault = files.target if fault == "encoding" and REPLACEMENT not in source else files.source
                    self._drop(fault, f"{at_fault}:{number}")
            encodings.check()
            self._pairs[files] = number

    def _drop(self, rule: str, where: str) -> None:
        self._dropped[rule] += 1
        if len(self._examples[rule]) < _EXAMPLES:
            self._examples[rule].append(where)
