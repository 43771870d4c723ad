"""Parts of a model whose constants change in the course of training."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import nn


class Annealed(ABC):
    """A module, anywhere in the model, that adjusts its constants at each update.

    The constants are buffers, so they are saved with the weights.
    """

    @abstractmethod
    def anneal(self, update: int) -> bool:
        """Sets the constants for an update of the weights, counted from 1, just before that update.

        Returns:
            Whether the model is now a different function, as at the end of pretraining: earlier validation scores are
            then not comparable with later ones.
        """


def anneal(model: nn.Module, update: int) -> bool:
    """Anneals all parts of a model, itself included; returns whether it is now a different function."""
    changed = [part.anneal(update) for part in model.modules() if isinstance(part, Annealed)]
    return any(changed)
