"""What every corpus is to the rest of the toolkit: two languages or one, files, and how to clean them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from nmt.data.clean import Cleaning, Unit
from nmt.data.pairs import MonolingualFile, ParallelFiles, RawCorpus, Text, read_rows, row_writer, text_at
from nmt.data.progress import ShowProgress, unseen
from nmt.data.survey import NamedText
from nmt.options import Options

__all__ = [
    "Cleaning",
    "CorpusOptions",
    "LanguageCode",
    "MonolingualFile",
    "NamedText",
    "ParallelFiles",
    "RawCorpus",
    "ShowProgress",
    "Text",
    "read_rows",
    "row_writer",
    "text_at",
    "unseen",
]

LanguageCode = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
"""A language as it appears in file names: en, de, pt-BR, zh_simplified."""


class CorpusOptions(Options, ABC):
    """Which corpus to use; `kind` says which of the corpora in data_prep."""

    kind: str
    source: LanguageCode | None = None
    """Language to translate from; null for a language model, which reads the text of `target` alone."""
    target: LanguageCode
    """Language to translate into, or of a language model's text."""
    cleaning: Cleaning = Cleaning()
    """Which training pairs are kept."""

    @model_validator(mode="after")
    def _two_languages(self) -> Self:
        if self.source == self.target:
            raise ValueError(f"source and target must differ, both are {self.source}")
        return self

    @property
    def languages(self) -> tuple[str, ...]:
        """Source and target, or the one language of text for a language model: the sides of what `fetch` finds."""
        return (self.target,) if self.source is None else (self.source, self.target)

    @property
    def unit(self) -> Unit:
        """What its text is counted in."""
        return "lines" if self.source is None else "pairs"

    @property
    def name(self) -> str:
        """Name of the folder under runs/ that holds the runs on this corpus."""
        return "_".join((self.kind, *self.languages))

    @property
    def topics(self) -> Mapping[str, str]:
        """What a model trained on it can be asked, by topic, each with a sentence to try; shown when a run ends."""
        return {}

    @property
    def named_texts(self) -> Sequence[NamedText]:
        """The files that the options name; none where the corpus finds or makes its own."""
        return ()

    @property
    def held_out(self) -> int:
        """Pairs, or lines, that are taken out of the training text for validation."""
        return 0

    @property
    def download(self) -> str:
        """How much `fetch` downloads where the files are not there yet, for a person; empty: nothing ever."""
        return ""

    @abstractmethod
    def fetch(self, directory: Path, progress: ShowProgress = unseen) -> RawCorpus:
        """Finds, downloads or makes the files, of one side where there is no source; quick when they are there and
        whole.

        Args:
            directory: the only folder that this may write to, but for those that the corpus's own options name.
            progress: is told of long work.

        Raises:
            UserError: a file cannot be had.
        """
