"""Bounds on what a recurrent model computes, so that its numbers fit 8 and 16 bits (GNMT, section 6)."""

from __future__ import annotations

from typing import Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from nmt.nn.annealing import Annealed
from nmt.options import Count, Options, PositiveFloat, Size


class Clipping(Options):
    """Bounds of a model that is to be quantised: delta on cell states and layer outputs, gamma on logits.

    Delta goes from `start` to `end` in a straight line between two updates; it is part of the weights.
    """

    start: PositiveFloat = 8.0
    """Delta until `from_update`."""
    end: PositiveFloat = 1.0
    """Delta from `until_update` on."""
    from_update: Count = 0
    """The update after which delta starts to move."""
    until_update: Size
    """The update from which delta stands at `end`; well before the last one, so that the model settles. Weights of
    before, should they be the best ones, keep the delta that they had."""
    logits: PositiveFloat = 25.0
    """Gamma: logits are clipped to between -gamma and gamma."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.from_update >= self.until_update:
            raise ValueError(
                f"until_update must come after from_update, but {self.until_update} does not after {self.from_update}"
            )
        return self


class AnnealedLimit(nn.Module, Annealed):
    """Clips to between -delta and delta, which the number of the update moves along."""

    delta: Tensor

    def __init__(self, options: Clipping) -> None:
        super().__init__()
        self.options = options
        self.register_buffer("delta", torch.tensor(options.start))

    def forward(self, x: Tensor) -> Tensor:
        """x: [...]. Returns [...]."""
        return x.clamp(-self.delta, self.delta)

    def anneal(self, update: int) -> bool:
        options = self.options
        done = (update - options.from_update) / (options.until_update - options.from_update)
        done = min(max(done, 0.0), 1.0)
        self.delta.fill_(options.start + done * (options.end - options.start))
        return False
