"""The user's own corpus: pairs of files, plain or gzip, files of tab-separated pairs, or text of one language."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nmt.data.context import checked_borders
from nmt.data.corpus import (
    CorpusOptions,
    MonolingualFile,
    NamedText,
    ParallelFiles,
    RawCorpus,
    ShowProgress,
    Text,
    read_rows,
    row_writer,
    text_at,
    unseen,
)
from nmt.data.duplicates import row_digest
from nmt.data.order import derive_key
from nmt.digest import file_digest
from nmt.documents import KeyPath
from nmt.errors import UserError
from nmt.options import InputPath, Options, Seed, Size, renewed
from nmt.output import write_atomically
from nmt.text import clean_line, is_blank, read_lines

_STAMP = "files.json"


class TextFiles(Options):
    """One pair of files, one file of tab-separated pairs, or one file of text for a language model."""

    source: InputPath | None = None
    """File in the source language, one sentence per line, plain or gzip."""
    target: InputPath | None = None
    """File in the target language, with the same number of lines."""
    tsv: InputPath | None = None
    """Instead of the two: a file of lines source<TAB>target, plain or gzip; further columns are ignored."""
    text: InputPath | None = None
    """For a language model: a file of its language, one sentence a line, plain or gzip."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = [form for form in (self.source or self.target, self.tsv, self.text) if form is not None]
        if len(forms) != 1 or (self.source is None) != (self.target is None):
            raise ValueError("give both source and target, or tsv alone, or for a language model text alone")
        return self

    def whole(self, sides: int) -> Text | None:
        """The files that have its text as it is to be read; None where that is columns of one.

        Args:
            sides: 2, or 1 for the text of the target language alone.
        """
        if self.source is not None and self.target is not None and sides == 2:
            return ParallelFiles(self.source, self.target)
        target = self.text or self.target
        return None if target is None else MonolingualFile(target)

    def paths(self, sides: int) -> tuple[Path, ...]:
        """The files that are read."""
        return (self.tsv,) if self.tsv is not None else (whole.sides if (whole := self.whole(sides)) else ())

    def rows(self, sides: int, *, documents: bool = False) -> Iterator[tuple[str, ...]]:
        """Its rows.

        Args:
            sides: as for `whole`.
            documents: blank rows separate documents.

        Raises:
            UserError: a file is unreadable, the sides differ in length or in their borders between documents, or a TSV
                line has no tab.
        """
        if (whole := self.whole(sides)) is not None:
            yield from checked_borders(read_rows(whole), whole) if documents else read_rows(whole)
            return
        assert self.tsv is not None
        for number, line in enumerate(read_lines(self.tsv), start=1):
            if documents and is_blank(line):
                yield ("",) * sides
                continue
            columns = line.split("\t", 2)
            if len(columns) < 2:
                got = "a blank line" if not line.strip() else f"no tab in {line[:40]!r}"
                raise UserError(f"{self.tsv}:{number}", "source<TAB>target", got)
            if documents and sides == 2 and any(map(is_blank, columns[:2])):
                expected = "text in both columns, or a blank line: blank lines separate documents"
                raise UserError(f"{self.tsv}:{number}", expected, f"one blank column in {line[:40]!r}")
            yield tuple(columns[:2][-sides:])


FileStem = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Files(CorpusOptions):
    """The user's own files."""

    kind: Literal["files"] = "files"
    label: FileStem = "files"
    """Name of the corpus in the run folder: runs/<label>_<source>_<target>/, or runs/<label>_<target>/ of one
    language."""
    training: tuple[TextFiles, ...] = Field(min_length=1)
    """Training text, one or more: pairs, `[{source: train.en.gz, target: train.de.gz}]` or `[{tsv: train.tsv}]`, or
    for a language model lines, `[{text: train.de.gz}]`. Of pairs a language model reads the target."""
    validation: TextFiles | None = None
    """Validation text, likewise; null holds `validation_pairs` out of the training text."""
    tests: dict[FileStem, TextFiles] = {}
    """Test sets to translate and score, or to measure a language model on, by name."""
    validation_pairs: Size = 1000
    """How many pairs, or a language model's lines, to hold out for validation, drawn by `seed`, when there is no
    `validation`."""
    seed: Seed = 1
    """Decides which pairs or lines are held out."""
    documents: Literal["none", "blank_lines"] = "none"
    """Borders between documents in all the files. none: there are none. blank_lines: an empty line, in source and
    target alike, separates documents; `data.context` document then trains on sentences with those before them. Lines of
    the test sets stay as they are, empty ones included."""

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        if taken := {"train", "validation"} & set(self.tests):
            raise ValueError(f"a test set may not be named {' or '.join(sorted(taken))}")
        return self

    @model_validator(mode="after")
    def _pairs_have_sources(self) -> Self:
        texts = [*self.training, *([self.validation] if self.validation else []), *self.tests.values()]
        if self.source is not None and any(files.text for files in texts):
            raise ValueError(
                f"text is for a language model, but source is {self.source}: give pairs, or leave source out"
            )
        return self

    @model_validator(mode="after")
    def _whole_documents_stay(self) -> Self:
        if self.documents == "blank_lines" and self.validation is None:
            raise ValueError(
                "documents: blank_lines needs files for validation, because sentences drawn out of documents would "
                "leave gaps in them: set aside some documents and name their files in validation"
            )
        return self

    @property
    def name(self) -> str:
        """Name of the folder under runs/ that holds the runs on this corpus."""
        return "_".join((self.label, *self.languages))

    @property
    def held_out(self) -> int:
        """`validation_pairs` if there is no validation set, else 0."""
        return self.validation_pairs if self.validation is None else 0

    @property
    def has_documents(self) -> bool:
        """Whether `documents` says that blank lines separate documents."""
        return self.documents == "blank_lines"

    @property
    def named_texts(self) -> Sequence[NamedText]:
        """Training, validation and test text, as named in the recipe."""
        sets: dict[KeyPath, TextFiles] = {("training", number): files for number, files in enumerate(self.training)}
        if self.validation is not None:
            sets[("validation",)] = self.validation
        sets |= {("tests", name): files for name, files in self.tests.items()}
        return [
            NamedText(
                key,
                files.paths(self._sides),
                partial(files.rows, self._sides, documents=self.has_documents),
                key[0] == "training",
            )
            for key, files in sets.items()
        ]

    def fetch(self, directory: Path, progress: ShowProgress = unseen) -> RawCorpus:
        """The files as they are; text extracted from them (TSV columns, held-out pairs) goes into `directory`.

        Earlier extracts are reused if the contents of all files are unchanged.

        Raises:
            UserError: a file is unreadable or wrong, or has too few rows to hold any out.
        """
        # A set is cut out only when it has to be; whole files are used where they lie.
        sets = {"validation": self.validation, **self.tests}
        tables = {name: files for name, files in sets.items() if files is not None and files.tsv is not None}
        training = self.training if self.validation is None or any(files.tsv for files in self.training) else ()
        self._extract(training, tables, directory)

        def final(name: str, files: TextFiles | None) -> Text:
            whole = None if files is None else files.whole(self._sides)
            return text_at(directory, name, self.languages) if whole is None else whole

        joined = (text_at(directory, "train", self.languages),)
        return RawCorpus(
            training=joined if training else tuple(final("", files) for files in self.training),
            validation=final("validation", self.validation),
            tests={name: final(name, files) for name, files in self.tests.items()},
            documents=self.has_documents,
        )

    @property
    def _sides(self) -> int:
        return len(self.languages)

    def _extract(self, training: tuple[TextFiles, ...], sets: dict[str, TextFiles], directory: Path) -> None:
        inputs = [path for files in (*training, *sets.values()) for path in files.paths(self._sides)]
        if not inputs:
            return
        stamp = {"corpus": self.model_dump(mode="json"), "inputs": {str(p): file_digest(p) for p in inputs}}
        names = [*(["train"] if training else []), *(["validation"] if self.validation is None else []), *sets]
        outputs = {name: text_at(directory, name, self.languages) for name in names}
        known = _read_stamp(directory)
        known["corpus"] = renewed(Files, known.get("corpus"))  # an older version's options
        if known == {**stamp, "outputs": _digests(outputs)}:
            return
        for name, files in sets.items():
            _write_rows(outputs[name], files.rows(self._sides, documents=self.has_documents))
        if training:
            if self.validation is None:
                self._hold_out(training, outputs)
            else:
                _write_rows(outputs["train"], self._rows(training))
        with write_atomically(directory / _STAMP) as handle:
            json.dump({**stamp, "outputs": _digests(outputs)}, handle, indent=2)

    def _hold_out(self, training: tuple[TextFiles, ...], outputs: dict[str, Text]) -> None:
        """Moves some rows to the validation set, and leaves every copy of them out of training.

        Which, the seed and their text decide and not where they stand; rows that cleaning would drop are not taken.
        """
        waiting = self._choose(training)
        chosen = frozenset(waiting)
        with row_writer(outputs["train"]) as train, row_writer(outputs["validation"]) as validation:
            for row in self._rows(training):
                number = self._number(row)
                if number not in chosen:
                    train(row)
                elif number in waiting:
                    waiting.remove(number)
                    validation(row)

    def _choose(self, training: tuple[TextFiles, ...]) -> set[int]:
        """The numbers of the rows to hold out: the smallest ones."""
        most, total = self.validation_pairs, 0
        taken: set[int] = set()
        negatives: list[int] = []  # a heap of them, the largest number first
        for row in self._rows(training):
            if self.cleaning.fault(*map(clean_line, row)) is not None:
                continue
            total += 1
            number = self._number(row)
            if number in taken:
                continue
            if len(taken) < most:
                heapq.heappush(negatives, -number)
            elif number < -negatives[0]:
                taken.remove(-heapq.heapreplace(negatives, -number))
            else:
                continue
            taken.add(number)
        if total < 2 * most or len(taken) < most:
            raise UserError(
                "corpus.validation_pairs",
                f"at most {min(total // 2, len(taken))}: half of the {total} training {self.unit} that pass the "
                "cleaning, and no more than there are different ones",
                str(most),
                "Lower it, or name files for corpus.validation.",
            )
        return taken

    def _number(self, row: tuple[str, ...]) -> int:
        """Drawn for a row by the seed and its text."""
        return int.from_bytes(row_digest(*map(clean_line, row), key=self._key))

    def _rows(self, training: tuple[TextFiles, ...]) -> Iterator[tuple[str, ...]]:
        border = [("",) * self._sides] if self.has_documents else []  # a file ends its last document
        of_files = (files.rows(self._sides, documents=self.has_documents) for files in training)
        return (row for rows in of_files for row in chain(rows, border))

    @cached_property
    def _key(self) -> bytes:
        return derive_key(self.seed).to_bytes(8, "little")


def _write_rows(text: Text, rows: Iterable[tuple[str, ...]]) -> None:
    with row_writer(text) as write:
        for row in rows:
            write(row)


def _digests(outputs: dict[str, Text]) -> dict[str, str]:
    paths = [path for text in outputs.values() for path in text.sides]
    return {path.name: file_digest(path) for path in paths if path.exists()}


def _read_stamp(directory: Path) -> dict[str, Any]:
    try:
        stamp: dict[str, Any] = json.loads((directory / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or not ours: extract again
        return {}
    return stamp
