"""Optimisers, over one flat parameter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch.optim import Optimizer

from nmt.options import NonNegativeFloat, Options, PositiveFloat, Probability, Size
from nmt.training.flat import FlatGroup
from nmt.training.two_phases import TwoPhases


class OptimizerOptions(Options, ABC):
    """How gradients become updates."""

    @abstractmethod
    def build(self, groups: Sequence[FlatGroup]) -> Optimizer:
        """The optimiser of these parameters; its learning rates are zero until `set_learning_rate`."""

    def rate(self, update: int, scheduled: float) -> float:
        """The learning rate of this update, given the schedule's."""
        return scheduled


class Adam(OptimizerOptions):
    """Adam (Kingma and Ba 2015)."""

    kind: Literal["adam"] = "adam"
    betas: tuple[Probability, Probability] = (0.9, 0.98)
    """Decay of the running means of the gradient and of its square."""
    epsilon: PositiveFloat = 1e-8
    """Added to the root of the second mean."""

    def build(self, groups: Sequence[FlatGroup]) -> Optimizer:
        return torch.optim.Adam(_for_torch(groups), lr=0.0, betas=self.betas, eps=self.epsilon, fused=True)


class AdamW(OptimizerOptions):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019); what fairseq's adam with weight decay does."""

    kind: Literal["adamw"] = "adamw"
    betas: tuple[Probability, Probability] = (0.9, 0.98)
    """Decay of the running means of the gradient and of its square."""
    epsilon: PositiveFloat = 1e-8
    """Added to the root of the second mean."""
    weight_decay: NonNegativeFloat = 1e-4
    """Share of each weight that an update takes away, per unit of learning rate."""

    def build(self, groups: Sequence[FlatGroup]) -> Optimizer:
        return torch.optim.AdamW(
            _for_torch(groups), lr=0.0, betas=self.betas, eps=self.epsilon, weight_decay=self.weight_decay, fused=True
        )


class SGD(OptimizerOptions):
    """Stochastic gradient descent, with Polyak's momentum if wanted."""

    kind: Literal["sgd"] = "sgd"
    momentum: Probability = 0.0
    """Share of the last step that the next one repeats."""

    def build(self, groups: Sequence[FlatGroup]) -> Optimizer:
        return torch.optim.SGD(_for_torch(groups), lr=0.0, momentum=self.momentum, fused=True)


class NAG(OptimizerOptions):
    """Nesterov's accelerated gradient (Sutskever et al. 2013), with which ConvS2S was trained; fairseq's nag."""

    kind: Literal["nag"] = "nag"
    momentum: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """Share of the last step that the next one repeats."""

    def build(self, groups: Sequence[FlatGroup]) -> Optimizer:
        return torch.optim.SGD(_for_torch(groups), lr=0.0, momentum=self.momentum, nesterov=True, fused=True)


class AdamThenSGD(OptimizerOptions):
    """Adam for the first updates, then SGD, as GNMT was trained (Wu et al. 2016, section on training).

    Adam has a rate of its own here; the schedule's holds from the first update of SGD on.
    """

    kind: Literal["adam_then_sgd"] = "adam_then_sgd"
    adam_updates: Size = 60_000
    """Updates by Adam."""
    adam_learning_rate: PositiveFloat = 2e-4
    """Adam's learning rate, the same in all its updates."""
    betas: tuple[Probability, Probability] = (0.9, 0.999)
    """Decay of Adam's running means of the gradient and of its square."""
    epsilon: PositiveFloat = 1e-8
    """Added to the root of the second mean."""

    def build(self, groups: Sequence[FlatGroup]) -> Optimizer:
        return TwoPhases(_for_torch(groups), self.adam_updates, self.betas, self.epsilon)

    def rate(self, update: int, scheduled: float) -> float:
        return self.adam_learning_rate if update <= self.adam_updates else scheduled


OptimizerConfig = Annotated[Adam | AdamW | SGD | NAG | AdamThenSGD, Field(discriminator="kind")]
"""Every optimiser there is; a new one joins here."""

_FACTOR = "learning_rate_factor"


def _for_torch(groups: Sequence[FlatGroup]) -> list[dict[str, Any]]:
    """Groups as torch's optimisers take them; what one does not say is as the optimiser has it."""
    return [
        {"params": [flat.parameter], _FACTOR: flat.group.learning_rate_factor}
        | ({} if flat.group.weight_decay else {"weight_decay": 0.0})
        for flat in groups
    ]


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Lets each group have its own share of a rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group[_FACTOR]
