"""Gradient clipping by the norm over all parameters (Pascanu et al. 2013)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from nmt.options import NonNegativeFloat
from nmt.training.gradients.base import GradientOptions


class Clip(GradientOptions):
    """The mean gradient, scaled down if its norm exceeds a limit."""

    kind: Literal["clip"] = "clip"
    norm: NonNegativeFloat = 0.0
    """Largest norm of the gradient over all parameters; 0 for no limit."""

    def apply(self, gradients: Tensor, scale: float, key: int) -> Tensor:
        found: Tensor = torch.linalg.vector_norm(gradients) * scale
        if self.norm > 0:
            gradients.mul_(scale * (self.norm / (found + 1e-6)).clamp_max(1.0))
        else:
            gradients.mul_(scale)
        return found
