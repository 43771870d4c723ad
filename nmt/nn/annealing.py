"""Parts of a model whose constants change in the course of training."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


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

    def carried(self) -> dict[str, Tensor]:
        """Tensors by name that `anneal` reads and sets in place, but the trained model does not need.

        Checkpoints of a training contain them, for exact resumption; models do not.
        """
        return {}


def check_period(from_update: int, until_update: int) -> None:
    """Checks that a change ends after it begins.

    Raises:
        ValueError: it does not.
    """
    if from_update >= until_update:
        raise ValueError(f"until_update must be greater than from_update, but {until_update} <= {from_update}")


def share_done(update: int, first: int, last: int) -> float:
    """How much of a change between two updates is done, from 0 to 1."""
    return min(max((update - first) / (last - first), 0.0), 1.0)


def anneal(model: nn.Module, update: int) -> bool:
    """Anneals all parts of a model, itself included; returns whether it is now a different function."""
    changed = [part.anneal(update) for part in model.modules() if isinstance(part, Annealed)]
    return any(changed)


def carried(model: nn.Module) -> dict[str, Tensor]:
    """The tensors that training carries from update to update, by name. Shares the model's memory."""
    return {
        f"{path}.{name}" if path else name: tensor
        for path, part in model.named_modules()
        if isinstance(part, Annealed)
        for name, tensor in part.carried().items()
    }
