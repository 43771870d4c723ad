"""Linear layers that compute their weight from other parameters, and their replacement by plain ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

from torch import nn

from nmt.nn.twin import twin

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class Foldable(nn.Module, ABC):
    """A linear layer whose weight is computed from its parameters."""

    @abstractmethod
    def folded(self) -> nn.Linear:
        """The plain linear layer with the present weight; without values if the parameters are on the meta device."""


def fold(module: ModuleT) -> ModuleT:
    """The module with every `Foldable` layer replaced by a plain linear layer.

    A copy that shares all other tensors with the module, which stays as it is; the module itself if there is nothing to
    fold. It is for inference: further training of the module does not change the folded weights.
    """

    def folded(part: nn.Module) -> nn.Module:
        assert isinstance(part, Foldable)
        return part.folded()

    return twin(module, lambda part: isinstance(part, Foldable), folded)
