"""Layer normalisation of a residual connection's sum."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from nmt.nn import native

EPSILON = 1e-5
"""Added to the variance."""


def normalized_sum(x: Tensor, update: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """Layer normalisation of x + update, both [..., D]; weight and bias are [D], or both absent."""
    parameters = () if weight is None or bias is None else (weight, bias)
    if x.shape == update.shape and x.numel():
        functions = native.functions_for(x, update, *parameters)
        if functions is not None:
            y, size = torch.empty_like(x), x.shape[-1]
            functions.add_and_normalize(
                x.data_ptr(),
                update.data_ptr(),
                None if weight is None else weight.data_ptr(),
                None if bias is None else bias.data_ptr(),
                x.numel() // size,
                size,
                EPSILON,
                y.data_ptr(),
            )
            return y
    return layer_norm(x + update, x.shape[-1:], weight, bias, EPSILON)
