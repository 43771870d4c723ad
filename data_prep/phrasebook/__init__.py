"""The embedded default corpus: English-German sentence pairs from a grammar that this package contains."""

from __future__ import annotations

from data_prep.phrasebook.corpus import Phrasebook

__all__ = ["Phrasebook"]
