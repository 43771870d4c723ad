"""Parameters that are trained with another learning rate than the rest, or without weight decay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class ParameterGroup:
    """How some parameters are trained."""

    name: str
    learning_rate_factor: float = 1.0
    """What the learning rate of an update is multiplied by."""
    weight_decay: bool = True
    """Whether the optimiser's weight decay applies, where it has any."""


REST = ParameterGroup("rest")
"""Of all parameters that no module has put into another group."""


class Grouped(ABC):
    """A module some of whose parameters are in a group of their own, wherever in the model it sits."""

    @abstractmethod
    def parameter_group(self, name: str) -> ParameterGroup | None:
        """The group of one of the module's parameters; None: it is not for this module to say.

        Args:
            name: within the module, as `named_parameters` has it.
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
