"""Optimisers over flat parameters."""

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
    """The optimiser."""

    @abstractmethod
    def build(self, groups: Sequence[FlatGroup]) -> Optimizer:
        """The optimiser for these parameters; its learning rates are zero until `set_learning_rate`."""

    def rate(self, update: int, scheduled: float) -> float:
        """The learning rate of this update, given the rate of the schedule."""
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
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), as fairseq's adam with weight decay."""

    kind: Literal["adamw"] = "adamw"
    betas: tuple[Probability, Probability] = (0.9, 0.98)
    """Decay of the running means of the gradient and of its square."""
    epsilon: PositiveFloat = 1e-8
    """Added to the root of the second mean."""
    weight_decay: NonNegativeFloat = 1e-4
    """Fraction subtracted from each weight in an update, per unit of learning rate."""

    def build(self, groups: Sequence[FlatGroup]) -> Optimizer:
        return torch.optim.AdamW(
            _for_torch(groups), lr=0.0, betas=self.betas, eps=self.epsilon, weight_decay=self.weight_decay, fused=True
        )


class SGD(OptimizerOptions):
    """Stochastic gradient descent, optionally with Polyak's momentum."""

    kind: Literal["sgd"] = "sgd"
    momentum: Probability = 0.0
    """Momentum: fraction of the last step that is added to the next."""

    def build(self, groups: Sequence[FlatGroup]) -> Optimizer:
        return torch.optim.SGD(_for_torch(groups), lr=0.0, momentum=self.momentum, fused=True)


class NAG(OptimizerOptions):
    """Nesterov's accelerated gradient (Sutskever et al. 2013), used to train ConvS2S; fairseq's nag."""

    kind: Literal["nag"] = "nag"
    momentum: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """Momentum: fraction of the last step that is added to the next."""

    def build(self, groups: Sequence[FlatGroup]) -> Optimizer:
        return torch.optim.SGD(_for_torch(groups), lr=0.0, momentum=self.momentum, nesterov=True, fused=True)


class AdamThenSGD(OptimizerOptions):
    """Adam for the first updates, then SGD, as GNMT was trained (Wu et al. 2016, section on training).

    Adam has its own constant learning rate; the schedule applies from the first update of SGD on.
    """

    kind: Literal["adam_then_sgd"] = "adam_then_sgd"
    adam_updates: Size = 60_000
    """Number of updates with Adam."""
    adam_learning_rate: PositiveFloat = 2e-4
    """Adam's constant learning rate."""
    betas: tuple[Probability, Probability] = (0.9, 0.999)
    """Decay of Adam's running means of the gradient and of its square."""
    epsilon: PositiveFloat = 1e-8
    """Added to the root of the second mean."""

    def build(self, groups: Sequence[FlatGroup]) -> Optimizer:
        return TwoPhases(_for_torch(groups), self.adam_updates, self.betas, self.epsilon)

    def rate(self, update: int, scheduled: float) -> float:
        return self.adam_learning_rate if update <= self.adam_updates else scheduled


OptimizerConfig = Annotated[Adam | AdamW | SGD | NAG | AdamThenSGD, Field(discriminator="kind")]
"""Every optimiser; add new ones here."""

_FACTOR = "learning_rate_factor"


def _for_torch(groups: Sequence[FlatGroup]) -> list[dict[str, Any]]:
    """Parameter groups in the format of torch's optimisers; settings that a group omits are the optimiser's."""
    return [
        {"params": [flat.parameter], _FACTOR: flat.group.learning_rate_factor}
        | ({} if flat.group.weight_decay else {"weight_decay": 0.0})
        for flat in groups
    ]


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Sets the learning rate of each group: the rate times the factor of the group."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group[_FACTOR]
