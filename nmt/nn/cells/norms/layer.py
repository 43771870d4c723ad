"""Layer normalisation within cells (Ba, Kiros and Hinton 2016, section 3.1 and supplement)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from nmt.nn.cells.norms.base import CellNormOptions, Site, SiteNorm, chosen_sites
from nmt.nn.norm.layer import LayerNorm


class SiteLayerNorm(SiteNorm, LayerNorm):
    """Layer normalisation of a step's vector, by its own mean and variance."""

    class Config(CellNormOptions):
        """Layer normalisation: the vector of each step by its own mean and variance."""

        kind: Literal["layer"] = "layer"
        sites: Annotated[tuple[Site, ...], Field(min_length=1)] | None = None
        """What to normalise: `ih` the product with the input, `hh` the product with the previous output, `c` the memory
        of an LSTM in its output. Null for all sites that the cell has, as published for the LSTM and the GRU."""

        def sites_of(self, offered: Sequence[Site]) -> Sequence[Site]:
            return chosen_sites(self.sites, offered)

        def build(self, dim: int) -> SiteLayerNorm:
            """A norm of vectors of `dim` values."""
            return SiteLayerNorm(dim)
