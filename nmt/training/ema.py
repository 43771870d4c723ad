"""Exponential moving average of the weights (Polyak and Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import Tensor


class MovingAverage:
    """average <- d * average + (1 - d) * weights after each update n, with d = min(decay, (1 + n) / (10 + n)).

    The smaller d of the first updates quickly forgets the random initial weights. Running statistics of the training
    data are averaged too, since they belong to the weights that they were gathered with.

    Args:
        weights: [P], one flat tensor; the initial value of the average.
        statistics: by name, as returned by `running_statistics`.
        decay: below 1; 0.999 averages over roughly the last thousand updates.
    """

    def __init__(self, weights: Tensor, statistics: Mapping[str, Tensor], decay: float) -> None:
        self._own, self._decay = (weights, *statistics.values()), decay
        self.values = weights.clone()
        """[P], the average."""
        self.statistics = {name: tensor.clone() for name, tensor in statistics.items()}
        """Averages of the statistics, by name."""

    def update(self, number: int) -> None:
        """Adds the weights and statistics after update `number`, which counts from 1."""
        share = 1.0 - min(self._decay, (1 + number) / (10 + number))
        for average, own in zip(self._averages(), self._own, strict=True):
            average.lerp_(own, share)

    @contextmanager
    def in_place_of_weights(self) -> Iterator[None]:
        """Makes the model compute with the averages; restores its own weights and statistics afterwards."""
        kept = [own.clone() for own in self._own]
        self._put(self._averages())
        try:
            yield
        finally:
            self._put(kept)

    def _averages(self) -> Sequence[Tensor]:
        return (self.values, *self.statistics.values())

    def _put(self, values: Sequence[Tensor]) -> None:
        for own, value in zip(self._own, values, strict=True):
            own.copy_(value)
