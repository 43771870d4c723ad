"""Uniform initial weights, of the range that a model gives to its parts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Uniform:
    """Ranges, each from minus the number to the number. A part draws what it leaves to chance from them.

    A part that has a start of its own (an orthogonal matrix, the bias of a gate) keeps to it: nobody else draws its
    weights.
    """

    weights: float
    """Of matrices."""
    biases: float = 0.0
    """Of what is added to what a part starts its biases from; 0 adds nothing."""

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
