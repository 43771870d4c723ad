"""Norms within cells whose training needs all positions of a sequence at once."""

from __future__ import annotations

from torch import Tensor

from nmt.nn.cells.norms.base import NormPast, SiteNorm


class WholeSequenceNorm(SiteNorm):
    """A norm with statistics over all positions in training, so only of the product with the input."""

    def step(self, x: Tensor, past: NormPast, mask: Tensor | None) -> tuple[Tensor, NormPast]:
        assert not self.training, "in training the statistics need whole sequences"
        return super().step(x, past, mask)
