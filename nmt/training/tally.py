"""Sums over the sentences of an update, or of the updates between two log lines."""

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
    """Of what is minimised."""
    likelihood: float = 0.0
    """Negative log-likelihood of the references, unsmoothed."""
    tokens: int = 0
    """Target tokens."""
    units: int = 0
    """What loss and gradient are averaged over: target tokens, or sentences."""
    figures: dict[str, float] = {}
    """Further sums of the objective, by name; averaged over the units too."""

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
        """Each of the objective's own figures per unit."""
        return {name: total / max(self.units, 1) for name, total in self.figures.items()}


class TallyTensor:
    """The tally of an update while its micro-batches are computed, as a tensor that processes can add up.

    Args:
        values: [size] float32 zeros, changed in place.
        figures: names of the objective's further sums.
    """

    def __init__(self, values: Tensor, figures: Sequence[str] = ()) -> None:
        assert values.shape == (self.size(figures),), values.shape
        self._values, self._figures = values, figures

    @staticmethod
    def size(figures: Sequence[str] = ()) -> int:
        """Floats that a tally with these figures has."""
        return 4 + len(figures)

    @torch.no_grad()
    def add(self, loss: Tensor, likelihood: Tensor, tokens: int, units: int, figures: Sequence[float] = ()) -> None:
        """Counts one micro-batch more; nothing waits for the device.

        Args:
            loss: scalar, as the fields of `Tally` are.
            likelihood: scalar.
            tokens: of the targets.
            units: of the average.
            figures: in the order of their names.
        """
        assert len(figures) == len(self._figures), figures
        counted: tuple[Tensor | float, ...] = (loss, likelihood, tokens, units, *figures)
        for slot, value in enumerate(counted):
            self._values[slot] += value

    def read(self) -> Tally:
        """What has been counted, after the processes have added it up."""
        loss, likelihood, tokens, units, *figures = self._values.tolist()
        return Tally(
            loss=loss,
            likelihood=likelihood,
            tokens=int(tokens),
            units=int(units),
            figures=dict(zip(self._figures, figures, strict=True)),
        )
