"""The interface of gradient transformations."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from nmt.options import Options


class GradientOptions(Options, ABC):
    """Turns the sum of an update's gradients into the gradient for the optimiser."""

    @abstractmethod
    def apply(self, gradients: Tensor, scale: float, key: int) -> Tensor:
        """Changes the gradients in place, identically in all processes.

        Args:
            gradients: [P] float32, of all parameters, summed over micro-batches and processes.
            scale: one over the number of units in the sum.
            key: determines all random draws.

        Returns:
            Scalar: the norm of the mean gradient before the change. Not finite if any gradient is not.
        """
