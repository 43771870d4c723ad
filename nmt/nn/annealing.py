"""Parts of a model whose own constants change in the course of training."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import nn


class Annealed(ABC):
    """A module that is told the number of each update, wherever in the model it sits.

    The constants are buffers, so that they are saved with the weights.
    """

    @abstractmethod
    def anneal(self, update: int) -> bool:
        """Sets the constants for an update of the weights, counted from 1, before it is made.

        Returns:
            Whether the model has become another function, as at the end of a pretraining: validations of before do not
            compare with later ones.
        """


def anneal(model: nn.Module, update: int) -> bool:
    """Tells all annealed parts of a model, itself included; returns whether it has become another function."""
    changed = [part.anneal(update) for part in model.modules() if isinstance(part, Annealed)]
    return any(changed)
