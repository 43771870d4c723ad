"""Learning-rate schedules: small functions of the update number, which counts from 1."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from nmt.options import Count, NonNegativeFloat, Options, PositiveFloat, Size


class InverseSquareRoot(Options):
    """Linear warm-up, then proportional to 1/sqrt(update) (Vaswani et al. 2017, equation 3, by its peak)."""

    kind: Literal["inverse_sqrt"] = "inverse_sqrt"
    learning_rate: PositiveFloat = 5e-4
    """The peak, reached at the end of the warm-up."""
    warmup_updates: Size = 4000
    """Updates until the peak."""

    def rate(self, update: int, updates: int) -> float:
        """Learning rate of this update, of so many in all."""
        warmup = self.warmup_updates
        return self.learning_rate * min(update / warmup, math.sqrt(warmup / update))


class Noam(Options):
    """factor * D^-0.5 * min(n^-0.5, n * warmup^-1.5), exactly as Vaswani et al. 2017, equation 3, writes it."""

    kind: Literal["noam"] = "noam"
    factor: PositiveFloat = 1.0
    """Scales the whole curve."""
    model_dim: Size = 512
    """D of the equation."""
    warmup_updates: Size = 4000
    """Updates until the peak."""

    def rate(self, update: int, updates: int) -> float:
        """Learning rate of this update, of so many in all."""
        scale = self.factor / math.sqrt(self.model_dim)
        return scale * min(1 / math.sqrt(update), update / math.sqrt(self.warmup_updates) ** 3)


class Constant(Options):
    """Linear warm-up, then constant."""

    kind: Literal["constant"] = "constant"
    learning_rate: PositiveFloat = 5e-4
    """After the warm-up."""
    warmup_updates: Count = 0
    """Updates until it is reached."""

    def rate(self, update: int, updates: int) -> float:
        """Learning rate of this update, of so many in all."""
        return self.learning_rate * min(1.0, update / max(self.warmup_updates, 1))


class Annealed(Options, ABC):
    """Linear warm-up, then down to a final rate that the last update reaches; how, a subclass says."""

    learning_rate: PositiveFloat = 5e-4
    """The peak, reached at the end of the warm-up."""
    final_learning_rate: NonNegativeFloat = 0.0
    """Reached at the last update."""
    warmup_updates: Count = 1000
    """Updates until the peak."""

    def rate(self, update: int, updates: int) -> float:
        """Learning rate of this update, of so many in all."""
        if update < self.warmup_updates:
            return self.learning_rate * update / self.warmup_updates
        done = (update - self.warmup_updates) / max(updates - self.warmup_updates, 1)
        return self.final_learning_rate + (self.learning_rate - self.final_learning_rate) * self.remaining(min(done, 1))

    @abstractmethod
    def remaining(self, done: float) -> float:
        """Share of the way from peak to final rate that is left after a share of the updates; 1 at 0, 0 at 1."""


class Cosine(Annealed):
    """Linear warm-up, then half a cosine down to the final rate (Loshchilov and Hutter 2017, without restarts)."""

    kind: Literal["cosine"] = "cosine"

    def remaining(self, done: float) -> float:
        """Half a cosine."""
        return 0.5 * (1 + math.cos(math.pi * done))


class Linear(Annealed):
    """Linear warm-up, then linearly down to the final rate."""

    kind: Literal["linear"] = "linear"

    def remaining(self, done: float) -> float:
        """A straight line."""
        return 1 - done


Schedule = Annotated[InverseSquareRoot | Noam | Constant | Cosine | Linear, Field(discriminator="kind")]
"""Every schedule there is; a new one joins here."""
