"""Corpora that recipes can name. To add one, write a file here and add it to the union."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from data_prep.files import Files
from data_prep.multi30k import Multi30k
from data_prep.phrasebook import Phrasebook
from data_prep.pronouns import Pronouns
from data_prep.synthetic import SyntheticConfig
from data_prep.wmt14 import WMT14

__all__ = ["WMT14", "CorpusConfig", "Files", "Multi30k", "Phrasebook", "Pronouns", "SyntheticConfig"]

CorpusConfig = Annotated[
    Phrasebook | Pronouns | Multi30k | WMT14 | Files | SyntheticConfig, Field(discriminator="kind")
]
