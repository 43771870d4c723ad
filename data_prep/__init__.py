"""Corpora that recipes can name. A new one is a file here and its line in the union."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from data_prep.files import Files
from data_prep.multi30k import Multi30k
from data_prep.phrasebook import Phrasebook

__all__ = ["CorpusConfig", "Files", "Multi30k", "Phrasebook"]

CorpusConfig = Annotated[Phrasebook | Multi30k | Files, Field(discriminator="kind")]
