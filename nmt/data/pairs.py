"""Text of a corpus: aligned lines of two files that translate each other, or the lines of one file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nmt.errors import UserError
from nmt.output import write_atomically
from nmt.text import read_lines


@dataclass(frozen=True)
class ParallelFiles:
    """Two files, plain or gzip; line n of one translates line n of the other."""

    source: Path
    target: Path

    @property
    def sides(self) -> tuple[Path, ...]:
        """Source and target."""
        return self.source, self.target


@dataclass(frozen=True)
class MonolingualFile:
    """One file of text in the target language, plain or gzip, for a language model."""

    target: Path

    @property
    def sides(self) -> tuple[Path, ...]:
        """The file."""
        return (self.target,)


Text = ParallelFiles | MonolingualFile
"""Text with one or two sides. A row is one line of each side."""


@dataclass(frozen=True)
class RawCorpus:
    """A corpus as found, before cleaning; all its text has the same sides."""

    training: tuple[Text, ...]
    validation: Text
    tests: Mapping[str, Text]
    """Test sets by name, such as test_2016_flickr, in the order in which they are reported."""
    documents: bool = False
    """Whether blank rows separate documents."""

    def of_target(self) -> RawCorpus:
        """The target side of the corpus alone."""
        return RawCorpus(
            training=tuple(MonolingualFile(text.target) for text in self.training),
            validation=MonolingualFile(self.validation.target),
            tests={name: MonolingualFile(text.target) for name, text in self.tests.items()},
            documents=self.documents,
        )


def text_at(directory: Path, name: str, languages: Sequence[str]) -> Text:
    """The files `<name>.<language>` of a folder, for one language or for source and target."""
    paths = [directory / f"{name}.{language}" for language in languages]
    return ParallelFiles(*paths) if len(paths) == 2 else MonolingualFile(*paths)


def read_rows(text: Text) -> Iterator[tuple[str, ...]]:
    """The rows of a text, with lines as `nmt.text.read_lines` returns them.

    Raises:
        UserError: a file is unreadable; or two sides differ in their number of lines, which is noticed only at the end
            of the shorter one.
    """
    if isinstance(text, MonolingualFile):
        return ((line,) for line in read_lines(text.target))
    return _in_pairs(text)


def read_pairs(text: Text) -> Iterator[tuple[str, str]]:
    """The rows as pairs of source and target; text of one language has empty sources.

    Raises:
        UserError: as in `read_rows`.
    """
    if isinstance(text, MonolingualFile):
        return (("", line) for line in read_lines(text.target))
    return _in_pairs(text)


@contextmanager
def row_writer(text: Text) -> Iterator[Callable[[Sequence[str]], None]]:
    """A function that appends a row to the files of a text; they appear at the end of the block."""
    with ExitStack() as stack:
        handles = [stack.enter_context(write_atomically(path)) for path in text.sides]

        def write(row: Sequence[str]) -> None:
            for handle, line in zip(handles, row, strict=True):
                handle.write(line + "\n")

        yield write


def _in_pairs(files: ParallelFiles) -> Iterator[tuple[str, str]]:
    sources, targets = read_lines(files.source), read_lines(files.target)
    pairs = 0
    for source in sources:
        target = next(targets, None)
        if target is None:
            raise _unequal(files, pairs, longer=files.source, lines=pairs + 1 + sum(1 for _ in sources))
        pairs += 1
        yield source, target
    if next(targets, None) is not None:
        raise _unequal(files, pairs, longer=files.target, lines=pairs + 1 + sum(1 for _ in targets))


def _unequal(files: ParallelFiles, pairs: int, longer: Path, lines: int) -> UserError:
    shorter = files.target if longer == files.source else files.source
    return UserError(
        f"{files.source} and {files.target}",
        "the same number of lines in both",
        f"{lines} lines in {longer} and {pairs} in {shorter}: line {pairs + 1} of {longer} has no partner",
        "Look for a lost or split line before it. Only a line feed ends a line (compare with wc -l).",
    )
