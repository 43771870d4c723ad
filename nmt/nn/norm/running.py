"""Statistics of the training data that a network gathers during training and uses afterwards.

Each update gathers sums over tokens. Like gradients, these are summed over all processes, so that all store the same
statistics; `nmt.training.gathered` does this. Nothing is sent during the forward and backward passes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class RunningStatistics(nn.Module, ABC):
    """A module with such statistics; they are persistent buffers, saved and averaged with the weights."""

    @abstractmethod
    def statistics(self) -> dict[str, Tensor]:
        """The stored statistics by their names in this module."""

    @abstractmethod
    def take_sums(self) -> Tensor:
        """The sums over all tokens read in training since the last call: [M] float64, zeros if there were none."""

    @abstractmethod
    def store(self, sums: Tensor) -> None:
        """Updates the statistics with sums [M] over everything that one update has read."""


def running_statistics(model: nn.Module) -> dict[str, Tensor]:
    """All stored statistics of a model by name, as in its `state_dict`. Shares the model's memory."""
    return {
        f"{path}.{name}" if path else name: tensor
        for path, part in model.named_modules()
        if isinstance(part, RunningStatistics)
        for name, tensor in part.statistics().items()
    }
