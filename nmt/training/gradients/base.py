"""The interface of rules for gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from nmt.options import Options


class GradientOptions(Options, ABC):
    """How the sum of an update's gradients becomes the gradient that the optimiser takes."""

    @abstractmethod
    def apply(self, gradients: Tensor, scale: float, key: int) -> Tensor:
        """Changes the gradients in place, and equally in all processes.

        Args:
            gradients: [P] float32, all parameters', summed over micro-batches and processes.
            scale: one over the units that they are summed over.
            key: all random draws are functions of it.

        Returns:
            Scalar: the norm of the mean gradient as it was. Not finite if any gradient is not.
        """
