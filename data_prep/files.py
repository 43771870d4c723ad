"""The user's own corpus: pairs of files, plain or gzip, or files of tab-separated pairs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from nmt.data.corpus import CorpusOptions, ParallelFiles, RawCorpus, ShowProgress, read_pairs, unseen
from nmt.data.order import Permutation, derive_key
from nmt.errors import UserError
from nmt.options import Count, InputPath, Options, Size
from nmt.text import file_digest, read_lines, write_atomically

_CHUNK_PAIRS = 1 << 14
_STAMP = "files.json"


class TextFiles(Options):
    """One pair of files, or one file of tab-separated pairs."""

    source: InputPath | None = None
    """File of the source language, one sentence a line, plain or gzip."""
    target: InputPath | None = None
    """File of the target language, as many lines."""
    tsv: InputPath | None = None
    """Instead of the two: a file of lines source<TAB>target, plain or gzip; further columns are ignored."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.source is None) != (self.target is None) or (self.tsv is None) == (self.source is None):
            raise ValueError("give both source and target, or tsv alone")
        return self

    @property
    def files(self) -> ParallelFiles:
        """The two files of one that is not a TSV."""
        assert self.source is not None
        assert self.target is not None
        return ParallelFiles(self.source, self.target)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that it names."""
        return tuple(path for path in (self.source, self.target, self.tsv) if path is not None)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The pairs of lines.

        Raises:
            UserError: unreadable; sides of different length; a line of the TSV without a tab.
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
    """Name of the corpus in the run folder: runs/<label>_<source>_<target>/."""
    training: tuple[TextFiles, ...] = Field(min_length=1)
    """Training pairs: `[{source: train.en.gz, target: train.de.gz}]` or `[{tsv: train.tsv}]`, one or more."""
    validation: TextFiles | None = None
    """Validation pairs; null holds `validation_pairs` out of the training pairs."""
    tests: dict[FileStem, TextFiles] = {}
    """Test sets to translate and score, by name."""
    validation_pairs: Size = 1000
    """How many pairs to hold out for validation, drawn by `seed`, when there is no `validation`."""
    seed: Count = 1
    """Decides which pairs are held out."""

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        if taken := {"train", "validation"} & set(self.tests):
            raise ValueError(f"a test set may not be called {' or '.join(sorted(taken))}")
        return self

    @property
    def name(self) -> str:
        """Name of the folder under runs/ that holds the runs on this corpus."""
        return f"{self.label}_{self.source}_{self.target}"

    def fetch(self, directory: Path, progress: ShowProgress = unseen) -> RawCorpus:
        """The files as they are; what is cut from them (TSV columns, held-out pairs) goes into `directory`.

        What was cut before is used again when the contents of all files are still the same.

        Raises:
            UserError: a file is unreadable or wrong, or has too few pairs to hold any out.
        """
        # A set is cut out only when it has to be; pairs of files are used where they lie.
        sets = {"validation": self.validation, **self.tests}
        cut = {name: files for name, files in sets.items() if files is not None and files.tsv is not None}
        training = self.training if self.validation is None or any(files.tsv for files in self.training) else ()
        self._cut(training, cut, directory)

        def place(name: str, files: TextFiles | None) -> ParallelFiles:
            if files is None or files.tsv is not None:
                return self._place(name, directory)
            return files.files

        return RawCorpus(
            training=(self._place("train", directory),) if training else tuple(place("", t) for t in self.training),
            validation=place("validation", self.validation),
            tests={name: place(name, files) for name, files in self.tests.items()},
        )

    def _place(self, name: str, directory: Path) -> ParallelFiles:
        return ParallelFiles(directory / f"{name}.{self.source}", directory / f"{name}.{self.target}")

    def _cut(self, training: tuple[TextFiles, ...], sets: dict[str, TextFiles], directory: Path) -> None:
        inputs = [path for files in (*training, *sets.values()) for path in files.paths]
        if not inputs:
            return
        stamp = {"corpus": self.model_dump(mode="json"), "inputs": {str(p): file_digest(p) for p in inputs}}
        names = [*(["train"] if training else []), *(["validation"] if self.validation is None else []), *sets]
        places = {name: self._place(name, directory) for name in names}
        if _read_stamp(directory) == {**stamp, "outputs": _digests(places)}:
            return
        for name, files in sets.items():
            _write_pairs(places[name], files.pairs())
        if training:
            everything = (pair for files in training for pair in files.pairs())
            if self.validation is None:
                self._hold_out(training, everything, places)
            else:
                _write_pairs(places["train"], everything)
        with write_atomically(directory / _STAMP) as handle:
            json.dump({**stamp, "outputs": _digests(places)}, handle, indent=2)

    def _hold_out(
        self, training: tuple[TextFiles, ...], pairs: Iterator[tuple[str, str]], places: dict[str, ParallelFiles]
    ) -> None:
        total = sum(1 for files in training for _ in files.pairs())
        if total < 2 * self.validation_pairs:
            raise UserError(
                "corpus.validation_pairs",
                f"at most {total // 2}, half of the {total} training pairs",
                str(self.validation_pairs),
                "Lower it, or name files for corpus.validation.",
            )
        ranks = Permutation(total, derive_key(self.seed))
        with _writer(places["train"]) as train, _writer(places["validation"]) as validation:
            for start in range(0, total, _CHUNK_PAIRS):
                chunk = ranks(start, start + _CHUNK_PAIRS).tolist()
                for rank, pair in zip(chunk, islice(pairs, len(chunk)), strict=True):
                    (validation if rank < self.validation_pairs else train)(*pair)


@contextmanager
def _writer(files: ParallelFiles) -> Iterator[Callable[[str, str], None]]:
    """A function that appends a pair to two files, which appear when the block ends."""
    with write_atomically(files.source) as sources, write_atomically(files.target) as targets:

        def write(source: str, target: str) -> None:
            sources.write(source + "\n")
            targets.write(target + "\n")

        yield write


def _write_pairs(files: ParallelFiles, pairs: Iterable[tuple[str, str]]) -> None:
    with _writer(files) as write:
        for source, target in pairs:
            write(source, target)


def _digests(places: dict[str, ParallelFiles]) -> dict[str, str]:
    paths = [path for files in places.values() for path in (files.source, files.target)]
    return {path.name: file_digest(path) for path in paths if path.exists()}


def _read_stamp(directory: Path) -> dict[str, Any]:
    try:
        stamp: dict[str, Any] = json.loads((directory / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or not ours: cut again
        return {}
    return stamp
