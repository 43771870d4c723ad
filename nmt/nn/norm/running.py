"""Statistics of the training data that a network gathers as it trains, and computes with afterwards.

What is gathered in an update is a sum over tokens. So that all processes of a training store the same, their sums are
added up, as gradients are; `nmt.training.gathered` does it. Nothing is sent while the network computes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class RunningStatistics(nn.Module, ABC):
    """A part with such statistics; they are persistent buffers, saved and averaged with the weights."""

    @abstractmethod
    def statistics(self) -> dict[str, Tensor]:
        """The stored statistics by their names in this module."""

    @abstractmethod
    def take_sums(self) -> Tensor:
        """The sums over what was read in training since this was last called: [M] float64, zeros if nothing was."""

    @abstractmethod
    def store(self, sums: Tensor) -> None:
        """Lets the statistics take in sums [M] over all that one update has read, in whatever parts it was read."""


def running_statistics(model: nn.Module) -> dict[str, Tensor]:
    """All stored statistics of a model by name, as in its `state_dict`. Shares the model's memory."""
    return {
        f"{path}.{name}" if path else name: tensor
        for path, part in model.named_modules()
        if isinstance(part, RunningStatistics)
        for name, tensor in part.statistics().items()
    }
