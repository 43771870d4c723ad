"""Search: finds a model's best translations, or draws random ones, using its step."""

from __future__ import annotations

from nmt.search.options import BeamSearch, Sampling, SearchConfig

__all__ = ["BeamSearch", "Sampling", "SearchConfig"]
