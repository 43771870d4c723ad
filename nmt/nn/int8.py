"""Linear layers and embeddings with 8-bit weights and one scale per row (GNMT, section 6).

They come in two forms: the stored one, whose weights can be saved and which computes by the plain definition, and one
packed for this CPU, which is used for translation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nmt.nn.kernels.int8_product import Int8Product, plain_product, quantize_rows


class Int8Linear(nn.Module):
    """y = Wx + b with W ~ q * scale; x is quantised too, row by row.

    Args:
        weight: [outputs, inputs] int8.
        row_scale: [outputs] float32.
        bias: [outputs].
    """

    weight: Tensor
    row_scale: Tensor

    def __init__(self, weight: Tensor, row_scale: Tensor, bias: nn.Parameter | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.register_buffer("weight", weight)
        self.register_buffer("row_scale", row_scale)
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., inputs]. Returns [..., outputs]."""
        rows = x.reshape(-1, self.in_features)
        return plain_product(rows, self.weight, self.row_scale, self.bias).view(*x.shape[:-1], self.out_features)

    def packed(self) -> PackedLinear:
        """The same layer in the form that this CPU computes fastest."""
        return PackedLinear(Int8Product(self.weight, self.row_scale), self.in_features, self.bias)

    def dequantized(self) -> nn.Linear:
        """The same weights in floating point."""
        linear = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device="meta")
        linear.weight = nn.Parameter(self.weight * self.row_scale[:, None], requires_grad=False)
        linear.register_parameter("bias", self.bias)
        return linear


class PackedLinear(nn.Module):
    """An `Int8Linear` for inference on this CPU; its weights cannot be saved."""

    def __init__(self, product: Int8Product, inputs: int, bias: nn.Parameter | None) -> None:
        super().__init__()
        self.product, self.bias = product, bias
        self.out_features, self.in_features = product.outputs, inputs

    def __call__(self, x: Tensor) -> Tensor:
        """As `forward`, without nn.Module's hook handling, which takes as long as a small product."""
        return self.forward(x)

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., inputs]. Returns [..., outputs]."""
        if x.dim() == 2:
            return self.product(x, self.bias)
        return self.product(x.reshape(-1, self.in_features), self.bias).view(*x.shape[:-1], self.out_features)


class Int8Embedding(nn.Module):
    """A `TokenEmbedding` with 8-bit weights.

    Args:
        weight: [vocabulary, D] int8.
        row_scale: [vocabulary] float32.
        scale: factor of each vector.
    """

    weight: Tensor
    row_scale: Tensor

    def __init__(self, weight: Tensor, row_scale: Tensor, scale: float) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("row_scale", row_scale)
        self.scale = scale

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: [...] int64. Returns [..., D] float32."""
        return self.weight[tokens] * (self.row_scale[tokens] * self.scale)[..., None]

    def dequantized(self) -> Tensor:
        """[vocabulary, D] float32."""
        return self.weight * self.row_scale[:, None]


def quantized_weight(weight: Tensor) -> tuple[Tensor, Tensor]:
    """The weight [outputs, inputs] as int8, and its scales [outputs]; on the meta device for a weight there."""
    if weight.is_meta:
        return torch.empty_like(weight, dtype=torch.int8), torch.empty_like(weight[:, 0], dtype=torch.float32)
    q, scale = quantize_rows(weight.detach())
    return q, scale.squeeze(-1)
