"""An exponential moving average of the weights (Polyak and Juditsky 1992), kept beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import Tensor


class MovingAverage:
    """average <- d * average + (1 - d) * weights after each update n, with d = min(decay, (1 + n) / (10 + n)).

    The smaller d of the first updates forgets the random start soon. Statistics of the training data, which belong to
    the weights that they were gathered with, are averaged with them.

    Args:
        weights: [P], one flat tensor; the average starts from them.
        statistics: by name, as from `running_statistics`.
        decay: below 1; 0.999 averages over about the last thousand updates.
    """

    def __init__(self, weights: Tensor, statistics: Mapping[str, Tensor], decay: float) -> None:
        self._own, self._decay = (weights, *statistics.values()), decay
        self.values = weights.clone()
        """[P], the average."""
        self.statistics = {name: tensor.clone() for name, tensor in statistics.items()}
        """Their averages by name."""

    def update(self, number: int) -> None:
        """Takes weights and statistics in as they are after update `number`, which counts from 1."""
        share = 1.0 - min(self._decay, (1 + number) / (10 + number))
        for average, own in zip(self._averages(), self._own, strict=True):
            average.lerp_(own, share)

    @contextmanager
    def in_place_of_weights(self) -> Iterator[None]:
        """Lets the model compute with the averages; afterwards it has its own weights and statistics again."""
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
