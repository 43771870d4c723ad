"""The user's own corpus: pairs of parallel files, plain or gzip, or files of tab-separated pairs."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nmt.data.corpus import CorpusOptions, NamedText, ParallelFiles, RawCorpus, ShowProgress, read_pairs, unseen
from nmt.data.duplicates import pair_digest
from nmt.data.order import derive_key
from nmt.digest import file_digest
from nmt.documents import KeyPath
from nmt.errors import UserError
from nmt.options import InputPath, Options, Seed, Size, renewed
from nmt.output import write_atomically
from nmt.text import clean_line, read_lines

_STAMP = "files.json"


class TextFiles(Options):
    """A pair of parallel files, or a file of tab-separated pairs."""

    source: InputPath | None = None
    """File in the source language, one sentence per line, plain or gzip."""
    target: InputPath | None = None
    """File in the target language, with the same number of lines."""
    tsv: InputPath | None = None
    """Instead of these two, a file with lines source<TAB>target, plain or gzip; further columns are ignored."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.source is None) != (self.target is None) or (self.tsv is None) == (self.source is None):
            raise ValueError("give both source and target, or tsv alone")
        return self

    @property
    def files(self) -> ParallelFiles:
        """The pair of files; only valid without `tsv`."""
        assert self.source is not None
        assert self.target is not None
        return ParallelFiles(self.source, self.target)

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files named here."""
        return tuple(path for path in (self.source, self.target, self.tsv) if path is not None)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The pairs of lines.

        Raises:
            UserError: a file is unreadable, the sides differ in length, or a TSV line has no tab.
        """
        if self.tsv is None:
            yield from read_pairs(self.files)
            return
        for number, line in enumerate(read_lines(self.tsv), start=1):
            columns = line.split("\t", 2)
            if len(columns) < 2:
                got = "a blank line" if not line.strip() else f"no tab in {line[:40]!r}"
                raise UserError(f"{self.tsv}:{number}", "source<TAB>target", got)
            yield columns[0], columns[1]


FileStem = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Files(CorpusOptions):
    """The user's own files."""

    kind: Literal["files"] = "files"
    label: FileStem = "files"
    """Name of the corpus in the path of the run folder: runs/<label>_<source>_<target>/."""
    training: tuple[TextFiles, ...] = Field(min_length=1)
    """Training pairs: `[{source: train.en.gz, target: train.de.gz}]` or `[{tsv: train.tsv}]`, one or more."""
    validation: TextFiles | None = None
    """Validation pairs; null holds out `validation_pairs` of the training pairs."""
    tests: dict[FileStem, TextFiles] = {}
    """Test sets to translate and score, by name."""
    validation_pairs: Size = 1000
    """Number of pairs held out for validation, chosen by `seed`, if `validation` is null."""
    seed: Seed = 1
    """Random seed that decides which pairs are held out."""

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        if taken := {"train", "validation"} & set(self.tests):
            raise ValueError(f"a test set may not be named {' or '.join(sorted(taken))}")
        return self

    @property
    def name(self) -> str:
        """Folder under runs/ for the runs on this corpus."""
        return f"{self.label}_{self.source}_{self.target}"

    @property
    def held_out(self) -> int:
        """`validation_pairs` if there is no validation set, else 0."""
        return self.validation_pairs if self.validation is None else 0

    @property
    def named_texts(self) -> Sequence[NamedText]:
        """Training, validation and test text, as named in the recipe."""
        sets: dict[KeyPath, TextFiles] = {("training", number): files for number, files in enumerate(self.training)}
        if self.validation is not None:
            sets[("validation",)] = self.validation
        sets |= {("tests", name): files for name, files in self.tests.items()}
        return [NamedText(key, files.paths, files.pairs, key[0] == "training") for key, files in sets.items()]

    def fetch(self, directory: Path, progress: ShowProgress = unseen) -> RawCorpus:
        """The files as they are; text extracted from them (TSV columns, held-out pairs) goes into `directory`.

        Earlier extracts are reused if the contents of all files are unchanged.

        Raises:
            UserError: a file is unreadable or malformed, or has too few pairs to hold any out.
        """
        # Pairs of files are used in place; a set is extracted only if it has to be.
        sets = {"validation": self.validation, **self.tests}
        tables = {name: files for name, files in sets.items() if files is not None and files.tsv is not None}
        training = self.training if self.validation is None or any(files.tsv for files in self.training) else ()
        self._extract(training, tables, directory)

        def final(name: str, files: TextFiles | None) -> ParallelFiles:
            if files is None or files.tsv is not None:
                return self._extracted(name, directory)
            return files.files

        return RawCorpus(
            training=(self._extracted("train", directory),) if training else tuple(final("", t) for t in self.training),
            validation=final("validation", self.validation),
            tests={name: final(name, files) for name, files in self.tests.items()},
        )

    def _extracted(self, name: str, directory: Path) -> ParallelFiles:
        return ParallelFiles(directory / f"{name}.{self.source}", directory / f"{name}.{self.target}")

    def _extract(self, training: tuple[TextFiles, ...], sets: dict[str, TextFiles], directory: Path) -> None:
        inputs = [path for files in (*training, *sets.values()) for path in files.paths]
        if not inputs:
            return
        stamp = {"corpus": self.model_dump(mode="json"), "inputs": {str(p): file_digest(p) for p in inputs}}
        names = [*(["train"] if training else []), *(["validation"] if self.validation is None else []), *sets]
        outputs = {name: self._extracted(name, directory) for name in names}
        known = _read_stamp(directory)
        known["corpus"] = renewed(Files, known.get("corpus"))  # an older version's options
        if known == {**stamp, "outputs": _digests(outputs)}:
            return
        for name, files in sets.items():
            _write_pairs(outputs[name], files.pairs())
        if training:
            if self.validation is None:
                self._hold_out(training, outputs)
            else:
                _write_pairs(outputs["train"], _pairs(training))
        with write_atomically(directory / _STAMP) as handle:
            json.dump({**stamp, "outputs": _digests(outputs)}, handle, indent=2)

    def _hold_out(self, training: tuple[TextFiles, ...], outputs: dict[str, ParallelFiles]) -> None:
        """Moves some pairs to the validation set and leaves every copy of them out of training.

        The choice depends on the seed and the text of a pair, not on its position in the files; pairs that cleaning
        would drop are never chosen.
        """
        waiting = self._choose(training)
        chosen = frozenset(waiting)
        with _writer(outputs["train"]) as train, _writer(outputs["validation"]) as validation:
            for source, target in _pairs(training):
                number = self._number(source, target)
                if number not in chosen:
                    train(source, target)
                elif number in waiting:
                    waiting.remove(number)
                    validation(source, target)

    def _choose(self, training: tuple[TextFiles, ...]) -> set[int]:
        """The numbers (see `_number`) of the pairs to hold out: the smallest ones."""
        most, total = self.validation_pairs, 0
        taken: set[int] = set()
        negatives: list[int] = []  # a heap of the negated numbers, so the largest number comes first
        for source, target in _pairs(training):
            if self.cleaning.fault(clean_line(source), clean_line(target)) is not None:
                continue
            total += 1
            number = self._number(source, target)
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
                f"at most {min(total // 2, len(taken))}: half of the {total} training pairs that pass the cleaning, "
                "and no more than there are distinct pairs",
                str(most),
                "Lower it, or name files for corpus.validation.",
            )
        return taken

    def _number(self, source: str, target: str) -> int:
        """A pseudorandom number that depends on the seed and the text of the pair."""
        return int.from_bytes(pair_digest(clean_line(source), clean_line(target), self._key))

    @cached_property
    def _key(self) -> bytes:
        return derive_key(self.seed).to_bytes(8, "little")


def _pairs(training: tuple[TextFiles, ...]) -> Iterator[tuple[str, str]]:
    return (pair for files in training for pair in files.pairs())


@contextmanager
def _writer(files: ParallelFiles) -> Iterator[Callable[[str, str], None]]:
    """A function that writes a pair to two files, which appear when the block ends."""
    with write_atomically(files.source) as sources, write_atomically(files.target) as targets:

        def write(source: str, target: str) -> None:
            sources.write(source + "\n")
            targets.write(target + "\n")

        yield write


def _write_pairs(files: ParallelFiles, pairs: Iterable[tuple[str, str]]) -> None:
    with _writer(files) as write:
        for source, target in pairs:
            write(source, target)


def _digests(outputs: dict[str, ParallelFiles]) -> dict[str, str]:
    paths = [path for files in outputs.values() for path in (files.source, files.target)]
    return {path.name: file_digest(path) for path in paths if path.exists()}


def _read_stamp(directory: Path) -> dict[str, Any]:
    try:
        stamp: dict[str, Any] = json.loads((directory / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or not ours: extract again
        return {}
    return stamp
