"""Exponential moving average of the weights (Polyak and Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor


class MovingAverage:
    """average <- d * average + (1 - d) * weights after each update n, with d = min(decay, (1 + n) / (10 + n)).

    The smaller d of the first updates quickly forgets the random initial weights.

    Args:
        weights: [P], one flat tensor; the initial value of the average.
        decay: below 1; 0.999 averages over roughly the last thousand updates.
    """

    def __init__(self, weights: Tensor, decay: float) -> None:
        self._weights, self._decay = weights, decay
        self.values = weights.clone()
        """[P], the average."""

    def update(self, number: int) -> None:
        """Adds the weights after update `number`, which counts from 1."""
        self.values.lerp_(self._weights, 1.0 - min(self._decay, (1 + number) / (10 + number)))

    @contextmanager
    def in_place_of_weights(self) -> Iterator[None]:
        """Makes the model compute with the average; restores its own weights afterwards."""
        own = self._weights.clone()
        self._weights.copy_(self.values)
        try:
            yield
        finally:
            self._weights.copy_(own)
