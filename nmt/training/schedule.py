"""Learning-rate schedules: small functions of the update number, which counts from 1."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from nmt.conflict import Conflict
from nmt.options import Count, NonNegativeFloat, Options, PositiveFloat, Size


class ScheduleOptions(Options, ABC):
    """How the learning rate changes."""

    @abstractmethod
    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        """Learning rate.

        Args:
            update: this one's number, from 1.
            updates: how many there are in all.
            reductions: how often validations have called for a lower rate.
        """

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        """What these options say against a training of so many updates; it does no harm but is hardly meant."""
        return ()

    listens: ClassVar[bool] = False
    """Whether validations change the rate, so that when they come shapes the weights."""

    def reduces(self, stale: int, reductions: int) -> bool:
        """Whether a validation calls for a lower rate.

        Args:
            stale: validations since the one with the lowest loss, or since the last reduction; 0 if it is this one.
            reductions: how many there have been.
        """
        return False

    def ended(self, reductions: int) -> bool:
        """Whether the rate is so low that training has come to its end."""
        return False


def _endless(warmup: int, updates: int) -> Iterable[Conflict]:
    """What a warm-up says against a training that ends within it."""
    if warmup >= updates:
        yield Conflict(
            keys=(("training", "schedule", "warmup_updates"),),
            expected=f"fewer updates than the whole training has, {updates:,}",
            got=f"{warmup:,}",
            fix="The learning rate would never reach its peak: a tenth to a half of the updates is usual.",
        )


class InverseSquareRoot(ScheduleOptions):
    """Linear warm-up, then proportional to 1/sqrt(update) (Vaswani et al. 2017, equation 3, by its peak)."""

    kind: Literal["inverse_sqrt"] = "inverse_sqrt"
    learning_rate: PositiveFloat = 5e-4
    """The peak, reached at the end of the warm-up."""
    warmup_updates: Size = 4000
    """Updates until the peak."""

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        return _endless(self.warmup_updates, updates)

    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        warmup = self.warmup_updates
        return self.learning_rate * min(update / warmup, math.sqrt(warmup / update))


class Noam(ScheduleOptions):
    """factor * D^-0.5 * min(n^-0.5, n * warmup^-1.5), exactly as Vaswani et al. 2017, equation 3, writes it."""

    kind: Literal["noam"] = "noam"
    factor: PositiveFloat = 1.0
    """Scales the whole curve."""
    model_dim: Size = 512
    """D of the equation."""
    warmup_updates: Size = 4000
    """Updates until the peak."""

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        return _endless(self.warmup_updates, updates)

    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        scale = self.factor / math.sqrt(self.model_dim)
        return scale * min(1 / math.sqrt(update), update / math.sqrt(self.warmup_updates) ** 3)


class Constant(ScheduleOptions):
    """Linear warm-up, then constant."""

    kind: Literal["constant"] = "constant"
    learning_rate: PositiveFloat = 5e-4
    """After the warm-up."""
    warmup_updates: Count = 0
    """Updates until it is reached."""

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        return _endless(self.warmup_updates, updates)

    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        return self.learning_rate * min(1.0, update / max(self.warmup_updates, 1))


class Annealed(ScheduleOptions, ABC):
    """Linear warm-up, then down to a final rate that the last update reaches; how, a subclass says."""

    learning_rate: PositiveFloat = 5e-4
    """The peak, reached at the end of the warm-up."""
    final_learning_rate: NonNegativeFloat = 0.0
    """Reached at the last update."""
    warmup_updates: Count = 1000
    """Updates until the peak."""

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        return _endless(self.warmup_updates, updates)

    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
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


class Halving(ScheduleOptions):
    """Constant, then halved again and again, as SGD's rate for GNMT (Wu et al. 2016, section on training)."""

    kind: Literal["halving"] = "halving"
    learning_rate: PositiveFloat = 0.5
    """Before the first halving."""
    hold_updates: Count = 1_200_000
    """Updates before the first halving, counted from the start of training."""
    halve_every: Size = 200_000
    """Updates between halvings; the first comes right after those above."""

    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        halvings = max(update - self.hold_updates + self.halve_every - 1, 0) // self.halve_every
        return self.learning_rate * 0.5**halvings


class Plateau(ScheduleOptions):
    """Constant until the validation loss stops falling, then lower; ends training when the rate is too low.

    As ConvS2S was trained (Gehring et al. 2017, section 4.2): 0.25, then a tenth after each epoch, until under 1e-4.
    """

    listens: ClassVar[bool] = True

    kind: Literal["plateau"] = "plateau"
    learning_rate: PositiveFloat = 0.25
    """At first."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """What the rate is multiplied with."""
    patience: Size = 1
    """Validations in a row without a lower loss that lower the rate."""
    keep_falling: bool = True
    """Lower the rate at every validation after the first time, as published; false: wait for the next plateau."""
    final_learning_rate: NonNegativeFloat = 1e-4
    """Training ends when the rate is under this; 0 for never."""
    warmup_updates: Count = 0
    """Updates of linear warm-up."""

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        return _endless(self.warmup_updates, updates)

    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        return self.learning_rate * self.factor**reductions * min(1.0, update / max(self.warmup_updates, 1))

    def reduces(self, stale: int, reductions: int) -> bool:
        return stale >= self.patience or (self.keep_falling and reductions > 0)

    def ended(self, reductions: int) -> bool:
        # a hundredth of slack: 0.1 * 0.1 * 0.1 is not 0.001
        return self.learning_rate * self.factor**reductions < 0.99 * self.final_learning_rate


Schedule = Annotated[
    InverseSquareRoot | Noam | Constant | Cosine | Linear | Halving | Plateau, Field(discriminator="kind")
]
"""Every schedule there is; a new one joins here."""
