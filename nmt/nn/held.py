"""A network held fixed during a pass: weights are computed once and dropout masks drawn once.

Only a fixed function has a fixed point, so dropout masks must not change between the iterations of a solver (Bai et al.
2019, section 3.3: variational dropout). Computing or converting the same weights in every iteration would be a waste.
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
"""Whether all tokens of a sentence share one dropout mask, or each token has its own."""


class HeldLinear(nn.Module):
    """y = Wx + b with a weight and bias computed earlier; gradients flow back to what they were computed from."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., inputs]. Returns [..., outputs]."""
        return nn.functional.linear(x, self.weight, self.bias)


class HeldDropout(Dropout):
    """Dropout whose mask is drawn at the first call; for [B, T, D] a sentence's mask is [B, 1, D]."""

    fresh = False

    def __init__(self, p: float, shape: MaskShape) -> None:
        super().__init__(p)
        self.shape, self.mask = shape, torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        """x: of the same shape in every call."""
        if not self.mask.numel():
            of = x[:, :1] if self.shape == "sentence" and x.dim() == 3 else x
            self.mask = super().forward(torch.ones_like(of))
        return x * self.mask


def hold(module: ModuleT, mask_shape: MaskShape = "token") -> ModuleT:
    """The module as one fixed function: a twin that shares its parameters, to be discarded after the pass.

    Under autocast the weights are converted here, once, since autocast itself caches conversions of parameters only. A
    module that is a fixed function already, as in translation, is returned itself.
    """

    def replacement(part: nn.Module) -> nn.Module:
        if isinstance(part, Dropout):
            return HeldDropout(part.p, mask_shape)
        assert isinstance(part, (nn.Linear, WeightNormLinear))
        return HeldLinear(_converted(part.weight), None if part.bias is None else _converted(part.bias))

    return twin(module, _changes_or_costs, replacement)


def _changes_or_costs(part: nn.Module) -> bool:
    """Whether a part would draw a new mask, or compute or convert its weights, at each call."""
    if isinstance(part, Dropout):
        return part.training and part.p > 0.0
    if isinstance(part, nn.Linear):
        return torch.is_autocast_enabled(part.weight.device.type)
    return isinstance(part, WeightNormLinear)


def _converted(tensor: Tensor) -> Tensor:
    """The tensor in the dtype that autocast would give it."""
    kind = tensor.device.type
    return tensor.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else tensor
