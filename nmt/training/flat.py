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
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        starts, end = [], 0
        for parameter in parameters:
            assert parameter.dtype == torch.float32, parameter.dtype
            starts.append(end)
            end += -(-parameter.numel() // _ALIGNMENT) * _ALIGNMENT
        device = parameters[0].device
        self.values = nn.Parameter(torch.zeros(end, device=device))
        """[P] all parameters; alignment gaps stay zero."""
        self.summed = torch.zeros(end + extra, device=device)
        """[P + extra] the gradients, then the extra floats."""
        trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.others = {name: tensor for name, tensor in named_weights(model).items() if name not in trained}
        """What belongs to the weights and is not trained: buffers, frozen parameters."""
        self.gradients = self.summed[:end]
        self.extra = self.summed[end:]
        self.values.grad = self.gradients
        for parameter, start in zip(parameters, starts, strict=True):
            part = slice(start, start + parameter.numel())
            view = self.values.data[part].view(parameter.shape)
            view.copy_(parameter.data)
            parameter.data = view
            parameter.grad = self.gradients[part].view(parameter.shape)

    def zero(self) -> None:
        """Clears the gradients and the extra floats."""
        self.summed.zero_()

    def clip(self, scale: float, longest: float) -> Tensor:
        """Multiplies the gradients by `scale`, then shortens them to the norm `longest` (0: any length).

        Returns:
            Scalar: the norm before it was shortened. Not finite if any gradient is not.
        """
        norm: Tensor = torch.linalg.vector_norm(self.gradients) * scale
        if longest > 0:
            self.gradients.mul_(scale * (longest / (norm + 1e-6)).clamp_max(1.0))
        else:
            self.gradients.mul_(scale)
        return norm
