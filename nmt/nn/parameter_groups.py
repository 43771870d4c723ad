"""Parameters trained with a different learning rate from the rest, or without weight decay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class ParameterGroup:
    """Training settings of some parameters."""

    name: str
    learning_rate_factor: float = 1.0
    """Factor of the learning rate."""
    weight_decay: bool = True
    """Whether the optimiser's weight decay, if any, applies."""


REST = ParameterGroup("rest")
"""The group of all parameters that no module has put into another one."""


class Grouped(ABC):
    """A module, anywhere in the model, that puts some of its parameters into groups of their own."""

    @abstractmethod
    def parameter_group(self, name: str) -> ParameterGroup | None:
        """The group of one of the module's parameters; None leaves the choice to others.

        Args:
            name: the parameter's name within the module, as in `named_parameters`.
        """


def parameter_groups(model: nn.Module) -> dict[str, ParameterGroup]:
    """The group of each parameter of a model, by name; where modules disagree, the innermost decides."""
    chosen: dict[nn.Parameter, ParameterGroup] = {}
    for module in model.modules():  # from the outside in
        if isinstance(module, Grouped):
            found = {parameter: module.parameter_group(name) for name, parameter in module.named_parameters()}
            chosen |= {parameter: group for parameter, group in found.items() if group}
    groups = {name: chosen.get(parameter, REST) for name, parameter in model.named_parameters()}
    assert len({group.name for group in groups.values()}) == len(set(groups.values())), "two groups of one name"
    return groups
