"""Search: from a model's step to its best translations, or to random ones."""

from __future__ import annotations

from nmt.search.options import BeamSearch, Sampling, SearchConfig

__all__ = ["BeamSearch", "Sampling", "SearchConfig"]
