"""A network that is one fixed function during a pass: weights computed once, dropout masks drawn once.

A fixed point exists only of a fixed function, so the masks must not change between the iterations of a solver (Bai et
al. 2019, section 3.3: variational dropout), and computing or converting the same weights at each would be waste.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from nmt.nn.dropout import Dropout
from nmt.nn.twin import twin
from nmt.nn.weight_norm import WeightNormLinear

ModuleT = TypeVar("ModuleT", bound=nn.Module)

MaskShape = Literal["sentence", "token"]
"""Whether all tokens of a sentence lose the same elements, or each its own."""


class HeldLinear(nn.Module):
    """y = Wx + b with tensors that were computed before; their gradients go back to what they were computed from."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., inputs]. Returns [..., outputs]."""
        return nn.functional.linear(x, self.weight, self.bias)


class HeldDropout(Dropout):
    """Dropout whose mask is drawn at the first call; [B, 1, D] for [B, T, D] if it is of the sentence."""

    fresh = False

    def __init__(self, p: float, shape: MaskShape) -> None:
        super().__init__(p)
        self.shape, self.mask = shape, torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        """x: always of the same shape."""
        if not self.mask.numel():
            of = x[:, :1] if self.shape == "sentence" and x.dim() == 3 else x
            self.mask = super().forward(torch.ones_like(of))
        return x * self.mask


def hold(module: ModuleT, mask_shape: MaskShape = "token") -> ModuleT:
    """The module as one fixed function; a twin that shares its parameters, to be thrown away after the pass.

    Under autocast the weights are converted here, once, since autocast itself remembers only what it makes of
    parameters. A module that is a fixed function already, as in translation, is returned itself.
    """

    def replacement(part: nn.Module) -> nn.Module:
        if isinstance(part, Dropout):
            return HeldDropout(part.p, mask_shape)
        assert isinstance(part, (nn.Linear, WeightNormLinear))
        return HeldLinear(_converted(part.weight), None if part.bias is None else _converted(part.bias))

    return twin(module, _changes_or_costs, replacement)


def _changes_or_costs(part: nn.Module) -> bool:
    """Whether a part draws anew at each call, or computes or converts its weights anew."""
    if isinstance(part, Dropout):
        return part.training and part.p > 0.0
    if isinstance(part, nn.Linear):
        return torch.is_autocast_enabled(part.weight.device.type)
    return isinstance(part, WeightNormLinear)


def _converted(tensor: Tensor) -> Tensor:
    """As autocast would."""
    kind = tensor.device.type
    return tensor.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else tensor
