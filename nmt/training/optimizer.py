"""Optimisers, over one flat parameter."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch.optim import Optimizer

from nmt.options import NonNegativeFloat, Options, PositiveFloat, Probability


class Adam(Options):
    """Adam (Kingma and Ba 2015)."""

    kind: Literal["adam"] = "adam"
    betas: tuple[Probability, Probability] = (0.9, 0.98)
    """Decay of the running means of the gradient and of its square."""
    epsilon: PositiveFloat = 1e-8
    """Added to the root of the second mean."""

    def build(self, parameter: torch.nn.Parameter) -> Optimizer:
        """The optimiser of this parameter; the trainer sets its learning rate at every update."""
        return torch.optim.Adam([parameter], lr=0.0, betas=self.betas, eps=self.epsilon, fused=True)


class AdamW(Options):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019); what fairseq's adam with weight decay does."""

    kind: Literal["adamw"] = "adamw"
    betas: tuple[Probability, Probability] = (0.9, 0.98)
    """Decay of the running means of the gradient and of its square."""
    epsilon: PositiveFloat = 1e-8
    """Added to the root of the second mean."""
    weight_decay: NonNegativeFloat = 1e-4
    """Share of each weight that an update takes away, per unit of learning rate."""

    def build(self, parameter: torch.nn.Parameter) -> Optimizer:
        """The optimiser of this parameter; the trainer sets its learning rate at every update."""
        return torch.optim.AdamW(
            [parameter], lr=0.0, betas=self.betas, eps=self.epsilon, weight_decay=self.weight_decay, fused=True
        )


OptimizerConfig = Annotated[Adam | AdamW, Field(discriminator="kind")]
"""Every optimiser there is; a new one joins here."""
