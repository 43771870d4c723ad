"""The interface of a corpus to the rest of the toolkit: its one or two languages, its files, and its cleaning."""

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
from nmt.data.yardstick import Yardstick
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
    "Yardstick",
    "read_rows",
    "row_writer",
    "text_at",
    "unseen",
]

LanguageCode = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
"""A language as it appears in file names: en, de, pt-BR, zh_simplified."""


class CorpusOptions(Options, ABC):
    """Which corpus to use; `kind` selects one of the corpora in data_prep."""

    kind: str
    source: LanguageCode | None = None
    """Language to translate from; null for a language model, which reads the text of `target` alone."""
    target: LanguageCode
    """Language to translate into, or the language of a language model's text."""
    cleaning: Cleaning = Cleaning()
    """Which training pairs are kept."""

    @model_validator(mode="after")
    def _two_languages(self) -> Self:
        if self.source == self.target:
            raise ValueError(f"source and target must differ, both are {self.source}")
        return self

    @property
    def languages(self) -> tuple[str, ...]:
        """Source and target, or the only language for a language model: the sides of the text that `fetch` returns."""
        return (self.target,) if self.source is None else (self.source, self.target)

    @property
    def unit(self) -> Unit:
        """Unit in which the text is counted."""
        return "lines" if self.source is None else "pairs"

    @property
    def name(self) -> str:
        """Name of the folder under runs/ for runs on this corpus."""
        return "_".join((self.kind, *self.languages))

    @property
    def topics(self) -> Mapping[str, str]:
        """Topics that a model trained on this corpus can translate, each with a sentence to try; shown after a run."""
        return {}

    @property
    def named_texts(self) -> Sequence[NamedText]:
        """The files that the options name; empty if the corpus finds or generates its own."""
        return ()

    @property
    def held_out(self) -> int:
        """Pairs or lines held out of the training text for validation."""
        return 0

    @property
    def has_documents(self) -> bool:
        """Whether blank rows separate documents in the text that `fetch` returns."""
        return False

    @property
    def download(self) -> str:
        """How much `fetch` downloads if the files are missing, in words; empty if it never downloads."""
        return ""

    def yardsticks(self, test: Text) -> Sequence[Yardstick]:
        """Simple strategies for a test set, shown beside the model's scores; none for text that people wrote.

        Args:
            test: one of the test sets of `fetch`.
        """
        return ()

    @abstractmethod
    def fetch(self, directory: Path, progress: ShowProgress = unseen) -> RawCorpus:
        """Finds, downloads or generates the files; quick if they already exist intact. Without a source, one side.

        Args:
            directory: the only folder to write to, except for folders named in the corpus's own options.
            progress: called during long work.

        Raises:
            UserError: a file cannot be obtained.
        """
