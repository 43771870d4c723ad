"""A model's parameters as one tensor, and their gradients as another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.models.weights import named_weights
from nmt.nn.annealing import carried
from nmt.nn.parameter_groups import ParameterGroup, parameter_groups

_ALIGNMENT = 16  # floats: each parameter starts on a cache line

Layout = Mapping[str, tuple[int, torch.Size]]
"""Start of each parameter in a flat tensor and its shape, by name."""


@dataclass(frozen=True)
class FlatGroup:
    """The parameters of one group: a slice of the flat tensor."""

    group: ParameterGroup
    parameter: nn.Parameter
    """[p], for the optimiser; its gradient is a slice of the flat gradients."""
    layout: Layout

    def named(self, vector: Tensor) -> dict[str, Tensor]:
        """The parts of a tensor with the layout of this group, as `FlatParameters.named`."""
        return _named(vector, self.layout)


class FlatParameters:
    """Moves a model's parameters into one flat tensor, which makes clipping, all-reduce and the optimiser's step a few
    operations, whatever the number of layers.

    The model keeps working: its parameters and their `.grad` become views. Groups are contiguous.

    Args:
        model: already on its device; its parameters are float32.
        extra: number of floats after the gradients, to be summed over processes together with them.
    """

    def __init__(self, model: nn.Module, extra: int) -> None:
        parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        group_of, layouts, end = parameter_groups(model), dict[ParameterGroup, dict[str, tuple[int, torch.Size]]](), 0
        for group in dict.fromkeys(group_of[name] for name in parameters):
            members = {name: parameter for name, parameter in parameters.items() if group_of[name] == group}
            layouts[group], end = _laid_out(members, end)
        self._layout = {name: part for layout in layouts.values() for name, part in layout.items()}
        device = next(iter(parameters.values())).device
        self.values = torch.zeros(end, device=device)
        """[P] all parameters; alignment gaps stay zero."""
        self.summed = torch.zeros(end + extra, device=device)
        """[P + extra] the gradients, then the extra floats."""
        untrained = {name: tensor for name, tensor in named_weights(model).items() if name not in parameters}
        self.others = untrained | carried(model)
        """Tensors that are not trained: buffers, frozen parameters, and what training carries from update to update."""
        self.gradients = self.summed[:end]
        self.extra = self.summed[end:]
        self.groups = tuple(self._group(group, layout) for group, layout in layouts.items())
        """In the order of their first parameters."""
        values, gradients = self.named(self.values), self.named(self.gradients)
        for name, parameter in parameters.items():
            values[name].copy_(parameter.data)
            parameter.data = values[name]
            parameter.grad = gradients[name]

    def _group(self, group: ParameterGroup, layout: Layout) -> FlatGroup:
        start = min(first for first, _ in layout.values())
        end = max(first + _aligned(shape.numel()) for first, shape in layout.values())
        parameter = nn.Parameter(self.values[start:end])
        parameter.grad = self.gradients[start:end]
        return FlatGroup(group, parameter, {name: (first - start, shape) for name, (first, shape) in layout.items()})

    def named(self, vector: Tensor) -> dict[str, Tensor]:
        """The parts of a tensor with the layout of the values, by parameter name, as views.

        Args:
            vector: [P]: values, gradients or a moving average.
        """
        return _named(vector, self._layout)

    def zero(self) -> None:
        """Sets the gradients and the extra floats to zero."""
        self.summed.zero_()


def _laid_out(parameters: Mapping[str, nn.Parameter], start: int) -> tuple[dict[str, tuple[int, torch.Size]], int]:
    """The layout of the parameters, the first one starting at `start`, and the end of the last one."""
    layout, end = dict[str, tuple[int, torch.Size]](), start
    for name, parameter in parameters.items():
        assert parameter.dtype == torch.float32, parameter.dtype
        layout[name] = end, parameter.shape
        end += _aligned(parameter.numel())
    return layout, end


def _aligned(numbers: int) -> int:
    return -(-numbers // _ALIGNMENT) * _ALIGNMENT


def _named(vector: Tensor, layout: Layout) -> dict[str, Tensor]:
    return {name: vector[start : start + shape.numel()].view(shape) for name, (start, shape) in layout.items()}
