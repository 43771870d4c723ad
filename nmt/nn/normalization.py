"""Layer normalisation of a residual sum."""

from __future__ import annotations

from torch import Tensor, nn

from nmt.nn import native


def normalized_sum(x: Tensor, update: Tensor, norm: nn.LayerNorm | None = None) -> Tensor:
    """Layer normalisation of x + update, both [..., D]; without a `norm`, with weights of one and no biases."""
    weight, bias, epsilon = (None, None, 1e-5) if norm is None else (norm.weight, norm.bias, norm.eps)
    parameters = () if weight is None or bias is None else (weight, bias)
    if x.shape == update.shape and x.numel() and native.applies(x, update, *parameters):
        return native.add_and_normalize(x, update, weight, bias, epsilon)
    return nn.functional.layer_norm(x + update, x.shape[-1:], weight, bias, epsilon)
