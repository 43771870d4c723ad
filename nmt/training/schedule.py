"""Learning-rate schedules as functions of the update number, which counts from 1."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from nmt.conflict import Conflict
from nmt.options import Count, NonNegativeFloat, Options, PositiveFloat, Size


class ScheduleOptions(Options, ABC):
    """The learning-rate schedule."""

    @abstractmethod
    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        """The learning rate of an update.

        Args:
            update: its number, from 1.
            updates: total number of updates.
            reductions: how often validations have lowered the rate.
        """

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        """What these options say against a training of so many updates; it does no harm but is hardly meant."""
        return ()

    listens: ClassVar[bool] = False
    """Whether validations change the rate, so that their timing affects the weights."""

    def reduces(self, stale: int, reductions: int) -> bool:
        """Whether a validation lowers the rate.

        Args:
            stale: validations since the one with the lowest loss, or since the last reduction; 0 if it is this one.
            reductions: number of reductions so far.
        """
        return False

    def ended(self, reductions: int) -> bool:
        """Whether the rate is so low that training ends."""
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
    """Linear warm-up, then proportional to 1/sqrt(update) (Vaswani et al. 2017, equation 3, given by its peak)."""

    kind: Literal["inverse_sqrt"] = "inverse_sqrt"
    learning_rate: PositiveFloat = 5e-4
    """Peak rate, reached at the end of the warm-up."""
    warmup_updates: Size = 4000
    """Number of warm-up updates."""

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        return _endless(self.warmup_updates, updates)

    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        warmup = self.warmup_updates
        return self.learning_rate * min(update / warmup, math.sqrt(warmup / update))


class Noam(ScheduleOptions):
    """factor * D^-0.5 * min(n^-0.5, n * warmup^-1.5), exactly as equation 3 of Vaswani et al. 2017."""

    kind: Literal["noam"] = "noam"
    factor: PositiveFloat = 1.0
    """Scales the whole curve."""
    model_dim: Size = 512
    """D in the equation."""
    warmup_updates: Size = 4000
    """Number of warm-up updates."""

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        return _endless(self.warmup_updates, updates)

    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        scale = self.factor / math.sqrt(self.model_dim)
        return scale * min(1 / math.sqrt(update), update / math.sqrt(self.warmup_updates) ** 3)


class Constant(ScheduleOptions):
    """Linear warm-up, then constant."""

    kind: Literal["constant"] = "constant"
    learning_rate: PositiveFloat = 5e-4
    """Rate after the warm-up."""
    warmup_updates: Count = 0
    """Number of warm-up updates."""

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        return _endless(self.warmup_updates, updates)

    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        return self.learning_rate * min(1.0, update / max(self.warmup_updates, 1))


class Annealed(ScheduleOptions, ABC):
    """Linear warm-up, then down to a final rate at the last update, along a curve given by the subclass."""

    learning_rate: PositiveFloat = 5e-4
    """Peak rate, reached at the end of the warm-up."""
    final_learning_rate: NonNegativeFloat = 0.0
    """Rate of the last update."""
    warmup_updates: Count = 1000
    """Number of warm-up updates."""

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        return _endless(self.warmup_updates, updates)

    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        if update < self.warmup_updates:
            return self.learning_rate * update / self.warmup_updates
        done = (update - self.warmup_updates) / max(updates - self.warmup_updates, 1)
        return self.final_learning_rate + (self.learning_rate - self.final_learning_rate) * self.remaining(min(done, 1))

    @abstractmethod
    def remaining(self, done: float) -> float:
        """Fraction of the way from peak to final rate that remains after a fraction of the updates; 1 at 0, 0 at 1."""


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
    """Constant, then halved at regular intervals, as for SGD in GNMT (Wu et al. 2016, section on training)."""

    kind: Literal["halving"] = "halving"
    learning_rate: PositiveFloat = 0.5
    """Rate before the first halving."""
    hold_updates: Count = 1_200_000
    """Updates before the first halving, counted from the start of training."""
    halve_every: Size = 200_000
    """Updates between halvings, after the first."""

    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        halvings = max(update - self.hold_updates + self.halve_every - 1, 0) // self.halve_every
        return self.learning_rate * 0.5**halvings


class Plateau(ScheduleOptions):
    """Constant until the validation loss stops falling, then reduced; training ends when the rate is too low.

    As for ConvS2S (Gehring et al. 2017, section 4.2): 0.25, then divided by 10 after each epoch, until below 1e-4.
    """

    listens: ClassVar[bool] = True

    kind: Literal["plateau"] = "plateau"
    learning_rate: PositiveFloat = 0.25
    """Initial rate."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Factor by which the rate is multiplied."""
    patience: Size = 1
    """Lower the rate after this many consecutive validations without a lower loss."""
    keep_falling: bool = True
    """After the first reduction, lower the rate at every validation, as published; false: wait for the next plateau."""
    final_learning_rate: NonNegativeFloat = 1e-4
    """Training ends when the rate falls below this; 0 for never."""
    warmup_updates: Count = 0
    """Number of linear warm-up updates."""

    def conflicts(self, updates: int) -> Iterable[Conflict]:
        return _endless(self.warmup_updates, updates)

    def rate(self, update: int, updates: int, reductions: int = 0) -> float:
        return self.learning_rate * self.factor**reductions * min(1.0, update / max(self.warmup_updates, 1))

    def reduces(self, stale: int, reductions: int) -> bool:
        return stale >= self.patience or (self.keep_falling and reductions > 0)

    def ended(self, reductions: int) -> bool:
        # 1 % tolerance, because 0.1 * 0.1 * 0.1 is not exactly 0.001
        return self.learning_rate * self.factor**reductions < 0.99 * self.final_learning_rate


Schedule = Annotated[
    InverseSquareRoot | Noam | Constant | Cosine | Linear | Halving | Plateau, Field(discriminator="kind")
]
"""Every schedule; add new ones here."""
