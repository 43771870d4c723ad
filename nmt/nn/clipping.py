"""Bounds on the activations of a recurrent model, to make them fit into 8 and 16 bits (GNMT, section 6)."""

from __future__ import annotations

from typing import Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from nmt.nn.annealing import Annealed, check_period, share_done
from nmt.options import Count, Options, PositiveFloat, Size


class Clipping(Options):
    """Bounds for a model that will be quantised: delta for cell states and layer outputs, gamma for logits.

    Delta moves linearly from `start` to `end` between two updates; it is saved with the weights.
    """

    start: PositiveFloat = 8.0
    """Delta up to `from_update`."""
    end: PositiveFloat = 1.0
    """Delta from `until_update` on."""
    from_update: Count = 0
    """The update after which delta starts to move."""
    until_update: Size
    """The update at which delta reaches `end`; choose it well before the last update, so that the model can settle.
    If the best weights are from before, they keep the delta of their time."""
    logits: PositiveFloat = 25.0
    """Gamma: logits are clipped to between -gamma and gamma."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        check_period(self.from_update, self.until_update)
        return self


class AnnealedLimit(nn.Module, Annealed):
    """Clips to between -delta and delta; delta depends on the number of the update."""

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
        done = share_done(update, options.from_update, options.until_update)
        self.delta.fill_(options.start + done * (options.end - options.start))
        return False
