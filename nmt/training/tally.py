"""Sums over the sentences of one update or of several."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor


class Tally(BaseModel):
    """Sums over sentences; logarithms are natural."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    loss: float = 0.0
    """Sum of the minimised loss."""
    likelihood: float = 0.0
    """Negative log-likelihood of the references, unsmoothed."""
    tokens: int = 0
    """Target tokens."""
    units: int = 0
    """Number of units that loss and gradient are averaged over: target tokens or sentences."""
    figures: dict[str, float] = {}
    """Additional sums of the objective, by name; also averaged over the units."""

    def __add__(self, other: Tally) -> Tally:
        names = dict.fromkeys((*self.figures, *other.figures))
        return Tally(
            loss=self.loss + other.loss,
            likelihood=self.likelihood + other.likelihood,
            tokens=self.tokens + other.tokens,
            units=self.units + other.units,
            figures={name: self.figures.get(name, 0.0) + other.figures.get(name, 0.0) for name in names},
        )

    def mean_loss(self) -> float:
        """Loss per unit."""
        return self.loss / max(self.units, 1)

    def perplexity(self) -> float:
        """Perplexity of the references, per target token."""
        return math.exp(min(self.likelihood / max(self.tokens, 1), 100.0))

    def mean_figures(self) -> dict[str, float]:
        """The additional sums of the objective, per unit."""
        return {name: total / max(self.units, 1) for name, total in self.figures.items()}


class TallyTensor:
    """The tally of an update in progress, as a tensor that can be summed over processes.

    Args:
        values: [size] float32 zeros, changed in place.
        figures: names of the objective's additional sums.
    """

    def __init__(self, values: Tensor, figures: Sequence[str] = ()) -> None:
        assert values.shape == (self.size(figures),), values.shape
        self._values, self._figures = values, figures

    @staticmethod
    def size(figures: Sequence[str] = ()) -> int:
        """Number of floats in a tally with these figures."""
        return 4 + len(figures)

    @torch.no_grad()
    def add(self, loss: Tensor, likelihood: Tensor, tokens: int, units: int, figures: Sequence[float] = ()) -> None:
        """Adds one micro-batch, without synchronising with the device.

        Args:
            loss: scalar; this and the rest as the fields of `Tally`.
            likelihood: scalar.
            tokens: number of target tokens.
            units: number of units.
            figures: additional sums, in the order of their names.
        """
        assert len(figures) == len(self._figures), figures
        counted: tuple[Tensor | float, ...] = (loss, likelihood, tokens, units, *figures)
        for slot, value in enumerate(counted):
            self._values[slot] += value

    def read(self) -> Tally:
        """The tally, after summation over the processes."""
        loss, likelihood, tokens, units, *figures = self._values.tolist()
        return Tally(
            loss=loss,
            likelihood=likelihood,
            tokens=int(tokens),
            units=int(units),
            figures=dict(zip(self._figures, figures, strict=True)),
        )
