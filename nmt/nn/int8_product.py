"""The kernel of 8-bit matrix products: which of those that torch carries is used, and why.

A product takes fp32 rows and gives fp32 rows. Each row of x is quantised with its own scale, at the moment, so that a
row's result depends on nothing but that row; accumulation is in int32; each output has its own scale too.

Microseconds of one product, one thread, torch 2.13, AMD EPYC (Zen 5), by `tests/benchmarks/int8_products.py`; the
columns for int8 leave out quantising and scaling, the last column is those two as done here:

MEASURED_TABLE
"""

from __future__ import annotations

import platform
from functools import cache

import torch
from torch import Tensor

LEVELS = 127
"""Largest magnitude of an 8-bit number; -128 is not used, so that negation stays exact."""
_TINY = 1e-30
"""Stands in for the largest magnitude of a row of zeros, which stays one."""


def quantize_rows(x: Tensor, levels: int = LEVELS) -> tuple[Tensor, Tensor]:
    """Symmetric 8-bit numbers with one scale per row (GNMT, section 6, equations 10 and 11): x ~ q * scale.

    Args:
        x: [..., inputs] float.
        levels: largest magnitude of q.

    Returns:
        q [..., inputs] int8, rounded to the nearest, half to even; scale [..., 1] float32. Both are without a meaning
        for a row that is not finite, but its q * scale is not finite either.
    """
    x = x.float()
    largest = x.abs().amax(-1, keepdim=True).clamp_min_(_TINY)
    q = (x * (levels / largest)).round_().to(torch.int8)
    return q, largest.mul_(1 / levels)


def is_supported() -> bool:
    """Whether this machine has the kernel; on other processors oneDNN takes a plain loop, a thousand times slower."""
    return platform.machine().lower() in ("x86_64", "amd64") and torch._C._has_mkldnn


@cache
def activation_levels() -> int:
    """Largest magnitude of a quantised activation on this CPU: 127, or 63 where products would overflow.

    Without VNNI or AMX instructions the kernels add two products of a byte each up to 16 bits, which overflow from
    2 * 128 * 128 on, silently. One bit less keeps them exact.
    """
    return LEVELS if has_wide_accumulation() else 63


@cache
def has_wide_accumulation() -> bool:
    """Whether oneDNN multiplies bytes into 32 bits at once here (AMX, AVX512-VNNI, AVX-VNNI)."""
    # Asked by a product that overflows if it is not so, since the limit that a user may set (ONEDNN_MAX_CPU_ISA)
    # counts too and torch does not tell it.
    weight = torch.full((16, 64), 127, dtype=torch.int8)
    x = torch.full((4, 64), 255, dtype=torch.uint8)
    found = _onednn(x, _pack(weight), torch.ones(16), offset=128)
    return bool((found == 127 * 127 * 64).all())


class Int8Product:
    """x W', for a W of int8 rows with a scale each, laid out as this machine's kernel wants it.

    The plain weights are not kept.

    Args:
        weight: [outputs, inputs] int8, no -128.
        scale: [outputs] float32.
    """

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        self.outputs = len(weight)
        self.scale = scale.contiguous()
        self.levels = activation_levels()
        self.packed = _pack(weight)

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """x: [rows, inputs] float32. Returns [rows, outputs] float32: x W' + bias."""
        q, scale = quantize_rows(x, self.levels)
        if self.levels == LEVELS:  # flipping the sign bit takes a quarter of the time of adding 128 as another type
            unsigned = q.bitwise_xor_(-128).view(torch.uint8)
        else:
            unsigned = q.add_(self.levels + 1).view(torch.uint8)
        product = _onednn(unsigned, self.packed, self.scale, self.levels + 1)
        return product.mul_(scale) if bias is None else torch.addcmul(bias, product, scale)


def plain_product(x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """The same product in integers, by the definition: what the fast one is tested against, and any device has.

    Args:
        x: [rows, inputs].
        weight: [outputs, inputs] int8.
        scale: [outputs] float32.
        bias: [outputs].
    """
    q, row_scale = quantize_rows(x)
    # exact: a float64 holds every sum of up to 2^39 products of bytes
    product = (q.double() @ weight.double().T).to(row_scale.dtype) * scale * row_scale
    return product if bias is None else product + bias


def _pack(weight: Tensor) -> Tensor:
    packed: Tensor = torch.ops.onednn.qlinear_prepack(weight.contiguous(), None)
    return packed


def _onednn(x: Tensor, packed: Tensor, scale: Tensor, offset: int) -> Tensor:
    """(x - offset) W' * scale for bytes x [rows, inputs]; float32."""
    zeros = torch.zeros(len(scale), dtype=torch.int64)
    product: Tensor = torch.ops.onednn.qlinear_pointwise(
        x, 1.0, offset, packed, scale, zeros, None, 1.0, 0, torch.float32, "none", [], ""
    )
    return product
