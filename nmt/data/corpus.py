"""What every corpus is to the rest of the toolkit: two languages, files, and how to clean them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from nmt.data.clean import Cleaning
from nmt.data.pairs import ParallelFiles, RawCorpus, read_pairs
from nmt.data.progress import ShowProgress, unseen
from nmt.options import Options

__all__ = [
    "Cleaning",
    "CorpusOptions",
    "LanguageCode",
    "ParallelFiles",
    "RawCorpus",
    "ShowProgress",
    "read_pairs",
    "unseen",
]

LanguageCode = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
"""A language as it appears in file names: en, de, pt-BR, zh_simplified."""


class CorpusOptions(Options, ABC):
    """Which corpus to use; `kind` says which of the corpora in data_prep."""

    kind: str
    source: LanguageCode
    """Language to translate from."""
    target: LanguageCode
    """Language to translate into."""
    cleaning: Cleaning = Cleaning()
    """Which training pairs are kept."""

    @model_validator(mode="after")
    def _two_languages(self) -> Self:
        if self.source == self.target:
            raise ValueError(f"source and target must differ, both are {self.source}")
        return self

    @property
    def name(self) -> str:
        """Name of the folder under runs/ that holds the runs on this corpus."""
        return f"{self.kind}_{self.source}_{self.target}"

    @abstractmethod
    def fetch(self, directory: Path, progress: ShowProgress = unseen) -> RawCorpus:
        """Finds, downloads or makes the files; quick when they are there and whole.

        Args:
            directory: the only folder that this may write to, but for those that the corpus's own options name.
            progress: is told of long work.

        Raises:
            UserError: a file cannot be had.
        """
