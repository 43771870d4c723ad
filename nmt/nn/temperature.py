"""The temperature of a softmax, constant or changing in the course of training."""

from __future__ import annotations

from typing import Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from nmt.nn.annealing import Annealed, check_period, share_done
from nmt.options import Count, Options, PositiveFloat, Size


class Temperature(Options):
    """The temperature of a softmax: constant, or moving from `start` to `end` by the same factor at each update.

    It is saved with the weights.
    """

    start: PositiveFloat = 1.0
    """Temperature up to `from_update`. Scores are divided by it, so a lower one makes the largest weight larger."""
    end: PositiveFloat | None = None
    """Temperature from `until_update` on; null for a constant one."""
    from_update: Count = 0
    """The update after which the temperature starts to move; once it is low, hardly anything new is learned."""
    until_update: Size | None = None
    """The update at which the temperature reaches `end`; choose it well before the last update, so that the model can
    settle. If the best weights are from before, they keep the temperature of their time."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.end is None) != (self.until_update is None):
            missing = "until_update" if self.until_update is None else "end"
            raise ValueError(f"a changing temperature needs both end and until_update, but {missing} is missing")
        if self.until_update is not None:
            check_period(self.from_update, self.until_update)
        return self


class AnnealedTemperature(nn.Module, Annealed):
    """Divides by the temperature, which depends on the number of the update."""

    temperature: Tensor

    def __init__(self, options: Temperature) -> None:
        super().__init__()
        self.options = options
        self.register_buffer("temperature", torch.tensor(options.start))

    def forward(self, scores: Tensor) -> Tensor:
        """scores: [...]. Returns [...]."""
        return scores / self.temperature

    def anneal(self, update: int) -> bool:
        options = self.options
        if options.end is not None and options.until_update is not None:
            done = share_done(update, options.from_update, options.until_update)
            self.temperature.fill_(options.start * (options.end / options.start) ** done)
        return False
