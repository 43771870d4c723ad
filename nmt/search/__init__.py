"""Search: from a model's step to its best translations."""

from __future__ import annotations

from nmt.search.base import Hypothesis, StepModel
from nmt.search.beam import BeamSearch, beam_search

SearchConfig = BeamSearch
"""Every search there is: a new one joins as `Annotated[BeamSearch | Other, Field(discriminator="kind")]`."""

__all__ = ["BeamSearch", "Hypothesis", "SearchConfig", "StepModel", "beam_search"]
