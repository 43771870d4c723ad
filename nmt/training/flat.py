"""A model's parameters, and their gradients, as one tensor each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nmt.models.weights import named_weights

_ALIGNMENT = 16  # floats: each parameter starts on a cache line


class FlatParameters:
    """Moves a model's parameters into one flat tensor, so that clipping, summing over processes and the optimiser's
    step are a few operations whatever the number of layers.

    The model keeps working: its parameters and their `.grad` become views.

    Args:
        model: already on its device; its parameters are float32.
        extra: floats behind the gradients that are summed over processes together with them.
    """

    def __init__(self, model: nn.Module, extra: int) -> None:
        parameters = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self._layout: dict[str, tuple[slice, torch.Size]] = {}
        end = 0
        for name, parameter in parameters.items():
            assert parameter.dtype == torch.float32, parameter.dtype
            self._layout[name] = slice(end, end + parameter.numel()), parameter.shape
            end += -(-parameter.numel() // _ALIGNMENT) * _ALIGNMENT
        device = next(iter(parameters.values())).device
        self.values = nn.Parameter(torch.zeros(end, device=device))
        """[P] all parameters; alignment gaps stay zero."""
        self.summed = torch.zeros(end + extra, device=device)
        """[P + extra] the gradients, then the extra floats."""
        self.others = {name: tensor for name, tensor in named_weights(model).items() if name not in parameters}
        """What belongs to the weights and is not trained: buffers, frozen parameters."""
        self.gradients = self.summed[:end]
        self.extra = self.summed[end:]
        self.values.grad = self.gradients
        values, gradients = self.named(self.values.data), self.named(self.gradients)
        for name, parameter in parameters.items():
            values[name].copy_(parameter.data)
            parameter.data = values[name]
            parameter.grad = gradients[name]

    def named(self, vector: Tensor) -> dict[str, Tensor]:
        """The parts of a tensor that is laid out as the values are, by parameter name: views of its memory.

        Args:
            vector: [P]: values, gradients, a moving average, a state of the optimiser.
        """
        return {name: vector[part].view(shape) for name, (part, shape) in self._layout.items()}

    def zero(self) -> None:
        """Clears the gradients and the extra floats."""
        self.summed.zero_()
