"""Uniform initial weights, in a range that the model gives to its parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Uniform:
    """Ranges, each from minus the number to the number, from which parts draw their random initial values.

    Parts draw their own weights, so one with a special start (an orthogonal matrix, the bias of a gate) keeps it.
    """

    weights: float
    """Range of matrix elements."""
    biases: float = 0.0
    """Range of the noise added to a part's initial biases; 0 adds none."""

    @torch.no_grad()
    def draw(self, weight: Tensor) -> None:
        """Draws a matrix, in place."""
        weight.uniform_(-self.weights, self.weights)

    @torch.no_grad()
    def shift(self, bias: Tensor) -> None:
        """Adds random numbers to a bias, in place."""
        if self.biases > 0.0:
            bias.add_(torch.empty_like(bias).uniform_(-self.biases, self.biases))

    def draw_linear(self, *layers: nn.Linear) -> None:
        """Draws layers whose biases start around 0."""
        for layer in layers:
            self.draw(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
                self.shift(layer.bias)


def linear_layers(module: nn.Module) -> Iterator[nn.Linear]:
    """All linear layers of a module, itself included."""
    return (part for part in module.modules() if isinstance(part, nn.Linear))
