"""Search: from a model's step to its best translations."""

from __future__ import annotations

from nmt.search.options import BeamSearch, SearchConfig

__all__ = ["BeamSearch", "SearchConfig"]
