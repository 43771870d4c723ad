"""Linear layers whose weight is a direction times a length per output (Salimans & Kingma 2016, equation 2)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nmt.nn.linear.folding import Foldable


class WeightNormLinear(Foldable):
    """y = Wx + b with W = g v / |v|, the norm over the inputs of each output; initially g = |v|, so W = v.

    Args:
        inputs: width of x.
        outputs: width of y.
        std: standard deviation of v's normal initialisation.
        bias: whether there is a bias b; it starts at zero.
    """

    def __init__(self, inputs: int, outputs: int, std: float, *, bias: bool = True) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.empty(outputs, inputs))
        nn.init.normal_(self.direction, std=std)
        self.magnitude = nn.Parameter(self.direction.detach().norm(dim=1))
        self.bias: nn.Parameter | None = nn.Parameter(torch.zeros(outputs)) if bias else None

    @property
    def weight(self) -> Tensor:
        """[outputs, inputs]: W."""
        return torch._weight_norm(self.direction, self.magnitude[:, None], 0)

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., inputs]. Returns [..., outputs]."""
        return nn.functional.linear(x, self.weight, self.bias)

    def folded(self) -> nn.Linear:
        outputs, inputs = self.direction.shape
        linear = nn.Linear(inputs, outputs, bias=self.bias is not None, device="meta")
        linear.weight = nn.Parameter(self.weight.detach())
        linear.register_parameter("bias", self.bias)
        return linear.train(self.training)


def variance_preserving(inputs: int, outputs: int, dropout: float = 0.0) -> WeightNormLinear:
    """A linear layer that preserves the variance of an input with dropout at this rate (Gehring et al. 2017)."""
    return WeightNormLinear(inputs, outputs, math.sqrt((1 - dropout) / inputs))


def use_weight_norm(module: nn.Module, std: float) -> None:
    """Replaces every linear layer within the module by a `WeightNormLinear` with fresh weights, in place."""
    for name, part in module.named_children():
        if isinstance(part, nn.Linear):
            normed = WeightNormLinear(part.in_features, part.out_features, std, bias=part.bias is not None)
            setattr(module, name, normed)
        else:
            use_weight_norm(part, std)
