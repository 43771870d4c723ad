"""Batch normalisation of a cell's input (Laurent et al. 2015), over whole sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from nmt.nn.cells.norms.base import CellNormOptions, NormPast, Site, SiteNorm
from nmt.nn.norm.batch import BatchNorm


class InputBatchNorm(SiteNorm, BatchNorm):
    """Batch normalisation of the product with the input, with statistics over the real tokens at all positions.

    The product with the previous output is not normalised, as published: that did not help. The statistics need all
    positions, so training reads whole sequences.
    """

    class Config(CellNormOptions, BatchNorm.Config):
        """Batch normalisation of the product with the input: each feature by its mean and variance over the batch's
        tokens; by stored ones in inference. Not for decoders.
        """

        causal: ClassVar[bool] = False

        def sites_of(self, offered: Sequence[Site]) -> Sequence[Site]:
            return ("ih",)

        def build(self, dim: int) -> InputBatchNorm:
            """A norm of vectors of `dim` values."""
            return InputBatchNorm(self, dim)

    def step(self, x: Tensor, past: NormPast, mask: Tensor | None) -> tuple[Tensor, NormPast]:
        assert not self.training, "in training the statistics need whole sequences"
        return super().step(x, past, mask)
