"""The common part of all synthetic corpora: options, files, disjoint sets, and strategies to compare a model with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Self

from pydantic import Field, model_validator

from data_prep.generated import generate_files, source_digest
from nmt.data.corpus import Cleaning, CorpusOptions, LanguageCode, RawCorpus, ShowProgress, Text, text_at, unseen
from nmt.data.yardstick import Yardstick, guess_by_position, right_guess
from nmt.options import PositiveFloat, Seed, Size
from nmt.text import read_lines

BLANK, MARKER = "_", "?"
"""Symbols of several tasks: the filler between symbols, and the sign that an answer is due."""
ACCEPT, REJECT = "accept", "reject"
"""Answers of tasks that ask whether the input belongs to a language."""

_ATTEMPTS = 20
"""Draws of an example until one is accepted that a held-out set has."""

Distribution = Mapping[str, float]
"""Probabilities by token."""


class KeepEverything(Cleaning):
    """Which training pairs are kept: by default all of them, whatever their length and also if they repeat."""

    max_words: Size | None = None
    """Drop a pair with more blank-separated words than this on either side; null: no limit."""
    max_characters: Size | None = None
    """Drop a pair with more characters than this on either side; null: no limit."""
    max_length_ratio: Annotated[PositiveFloat, Field(ge=1.0)] | None = None
    """Drop a pair if one side has more than this many times the characters of the other; null: no limit."""
    deduplicate: bool = False
    """Drop a pair that repeats an earlier one on both sides. By default repeats stay, since the training set is a
    sample."""


@dataclass(frozen=True)
class Example:
    """A line of input and its answer, as tokens."""

    source: Sequence[str]
    answer: Sequence[str]


class SyntheticText(CorpusOptions):
    """Made text of one or two sides. It consists of symbols separated by blanks: use the tokenizer `symbols`.

    The same options give the same files on every machine. Validation and test sets do not depend on `pairs`.
    """

    pairs: Annotated[int, Field(ge=1, le=10_000_000)] = 20_000
    """Number of training examples."""
    validation_pairs: Annotated[int, Field(ge=1, le=1_000_000)] = 500
    """Number of validation examples."""
    test_pairs: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Number of examples of each test set."""
    seed: Seed = 1
    """Seed of the generator."""
    cleaning: KeepEverything = KeepEverything()
    """Which training pairs are kept; by default all."""

    @property
    def test_sets(self) -> tuple[str, ...]:
        """Names of the test sets."""
        return ("test",)

    def test_size(self, split: str) -> int:
        """Number of examples of a test set."""
        return self.test_pairs

    @abstractmethod
    def row(self, random: Random, split: str, number: int) -> tuple[str, ...]:
        """Draws an example: one line for each side.

        Args:
            random: the source of randomness.
            split: `training`, `validation` or one of `test_sets`.
            number: its number in the split, from 0, for sets whose classes are balanced.
        """

    def fetch(self, directory: Path, progress: ShowProgress = unseen) -> RawCorpus:
        """Writes `<split>.<source>` and `<split>.<target>`, unless they exist intact."""
        splits = (*self.test_sets, "validation", "training")
        made_by = {
            "generator": source_digest(Path(__file__).parent),
            **self.model_dump(mode="json", exclude={"cleaning", "source", "target"}),
        }
        generate_files(directory, made_by, splits, self.languages, self._splits)
        files = {split: text_at(directory, split, self.languages) for split in splits}
        tests = {name: files[name] for name in self.test_sets}
        return RawCorpus(training=(files["training"],), validation=files["validation"], tests=tests)

    def _splits(self) -> Mapping[str, Iterable[tuple[str, ...]]]:
        splits, held = dict[str, Iterable[tuple[str, ...]]](), set[str]()
        sizes = {**{name: self.test_size(name) for name in self.test_sets}, "validation": self.validation_pairs}
        for split, size in sizes.items():
            rows = list(self._drawn(split, size, frozenset(held)))
            held.update(row[0] for row in rows)
            splits[split] = rows
        return {**splits, "training": self._drawn("training", self.pairs, held)}

    def _drawn(self, split: str, size: int, held: Container[str]) -> Iterator[tuple[str, ...]]:
        """Rows of one split, drawn again while another split has their first side."""
        random = Random(f"{self.kind} {split} {self.seed}")
        for number in range(size):
            row = self.row(random, split, number)
            for _ in range(_ATTEMPTS):
                if row[0] not in held:
                    break
                row = self.row(random, split, number)
            yield row


class Synthetic(SyntheticText):
    """A made task. Inputs and answers consist of symbols separated by blanks: use the tokenizer `symbols`.

    The same options give the same files on every machine. Inputs of the validation and test sets do not occur in
    training, as far as the task has enough different ones. Validation and test sets do not depend on `pairs`.
    """

    source: LanguageCode | None = "input"
    """Name of the inputs, as the language to translate from."""
    target: LanguageCode = "answer"
    """Name of the answers, as the language to translate into."""

    @model_validator(mode="after")
    def _has_inputs(self) -> Self:
        if self.source is None:
            raise ValueError(
                f"{self.kind} consists of inputs and answers, which a language model cannot read: leave `source` out, "
                "and choose a translation model"
            )
        return self

    @abstractmethod
    def example(self, random: Random, split: str, number: int) -> Example:
        """Draws an example.

        Args:
            random: the source of randomness.
            split: `training`, `validation` or one of `test_sets`.
            number: its number in the split, from 0, for tasks whose classes are balanced.
        """

    @abstractmethod
    def blind(self) -> Sequence[Distribution]:
        """The exact distribution of each token of an answer, for who does not read the input."""

    def yardsticks(self, test: Text) -> Sequence[Yardstick]:
        """The best strategy that does not read the input, and the optimum."""
        answers, blind = list(read_lines(test.target)), self.blind()
        return (
            Yardstick("trivial: input not read", tuple(guess_by_position(blind, answer) for answer in answers)),
            Yardstick("optimum", tuple(map(right_guess, answers))),
        )

    def row(self, random: Random, split: str, number: int) -> tuple[str, ...]:
        """Input and answer of an example."""
        example = self.example(random, split, number)
        return " ".join(example.source), " ".join(example.answer)


def accepted(number: int) -> bool:
    """Whether the example of this number is an accepted one: one of each two is, without a regular pattern."""
    return number.bit_count() % 2 == 0


def verdict(is_accepted: bool) -> tuple[str]:
    """The answer to a question of membership."""
    return (ACCEPT if is_accepted else REJECT,)


def uniform(tokens: Iterable[str]) -> Distribution:
    """Each token with the same probability."""
    listed = list(tokens)
    return dict.fromkeys(listed, 1 / len(listed))


def numerals(count: int, start: int = 0) -> tuple[str, ...]:
    """`count` numbers as tokens."""
    return tuple(map(str, range(start, start + count)))


EITHER = uniform((ACCEPT, REJECT))
"""The distribution of a balanced question of membership."""
