"""The interface of all norms."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Norm(nn.Module, ABC):
    """Brings activations to a common scale."""

    @abstractmethod
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Args:
            x: [..., D].
            mask: [...] bool, True on vectors that count in statistics; None: all.

        Returns:
            [..., D], undefined where the mask is False.
        """

    def of_sum(self, x: Tensor, update: Tensor, mask: Tensor | None) -> Tensor:
        """The norm of x + update, both [..., D]; a norm with a faster way overrides this."""
        normalized: Tensor = self(x + update, mask)
        return normalized


class Unchanged(Norm):
    """The identity, used where there is no norm."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x
