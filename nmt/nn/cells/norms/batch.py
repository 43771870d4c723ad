"""Batch normalisation of a cell's input (Laurent et al. 2015), and the options of the recurrent form beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import nn

from nmt.nn.cells.norms.base import CellNormOptions, Site, chosen_sites
from nmt.nn.cells.norms.step_batch import StepBatchNorm
from nmt.nn.cells.norms.whole import WholeSequenceNorm
from nmt.nn.norm.batch import BatchNorm
from nmt.options import PositiveFloat

_MOST_STEPS = 10_000


class InputBatchNorm(WholeSequenceNorm, BatchNorm):
    """Batch normalisation of the product with the input, with statistics over the real tokens at all positions.

    If it is the only norm of the cell, as by default, the product with the previous output is not normalised, as
    Laurent et al. published: that did not help.
    """

    class Config(CellNormOptions, BatchNorm.Config):
        """Batch normalisation, each feature by its mean and variance over the batch's sentences; by stored ones in
        inference. By default of the product with the input only; with `hh` or `c` among the sites it is recurrent
        batch normalisation, with statistics for each time step. Not for decoders.
        """

        causal: ClassVar[bool] = False

        sites: Annotated[tuple[Site, ...], Field(min_length=1)] | None = ("ih",)
        """What to normalise: `ih` the product with the input, `hh` the product with the previous output, `c` the memory
        of an LSTM in its output. Null for all sites that the cell has, as published for the recurrent form."""
        ih_statistics: Literal["pooled", "per_step"] | None = None
        """Statistics of the product with the input: pooled over all positions, or for each time step. Null for what is
        published: pooled if nothing else is normalised, otherwise per step. Those of `hh` and `c` are always per
        step."""
        initial_gain: PositiveFloat = 0.1
        """Initial gain of all norms of the recurrent form; with 1, tanh saturates and gradients vanish. The norm of the
        input alone starts at 1."""
        most_steps: Annotated[int, Field(gt=0, le=_MOST_STEPS)] = 50
        """Number of time steps with stored statistics of their own; later steps share the last. The model directory
        grows with it: 50 steps exceed most sentences."""
        least_rows: Annotated[int, Field(ge=2)] = 16
        """A time step that fewer sentences reach is normalised by statistics pooled over all steps up to it, since
        statistics of so few are too noisy."""

        def sites_of(self, offered: Sequence[Site]) -> Sequence[Site]:
            return chosen_sites(self.sites, offered)

        def build(self, dim: int) -> InputBatchNorm:
            """A norm of vectors of `dim` values with pooled statistics."""
            return InputBatchNorm(self, dim)

        def build_at(self, site: Site, dim: int) -> InputBatchNorm | StepBatchNorm:
            recurrent = self.sites != ("ih",)
            statistics = self.ih_statistics or ("per_step" if recurrent else "pooled")
            norm = self.build(dim) if site == "ih" and statistics == "pooled" else self._step_norm(dim)
            if recurrent:
                nn.init.constant_(norm.weight, self.initial_gain)
            return norm

        def _step_norm(self, dim: int) -> StepBatchNorm:
            return StepBatchNorm(
                dim,
                momentum=self.momentum,
                epsilon=self.epsilon,
                most_steps=self.most_steps,
                least_rows=self.least_rows,
            )
