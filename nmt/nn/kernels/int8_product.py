"""8-bit matrix products: which kernel is used, and why.

A product maps fp32 rows to fp32 rows. Each row of x is quantised on the fly with its own scale, so a row's result
depends on that row alone; accumulation is in int32; each output has its own scale too.

Microseconds per product of fp32 rows, or of bytes for the 8-bit kernels; the last column is all that `Int8Product`
does. One thread, torch 2.13, AMD EPYC (Zen 5: AVX512-VNNI, no AMX), by `tests/benchmarks/int8_products.py`. `qlinear`
is `onednn.qlinear_pointwise` with unsigned bytes.

    rows x inputs x outputs   fp32 MKL  fp32 oneDNN     bf16  _int_mm  qlinear  linear_dynamic   here
      5 x  512 x   512              61           47       28       15       21              24      9
     40 x  512 x  2048           1,087          489      252      136      123             130    103
    160 x  512 x  1536           2,737        1,193      599      306      304             330    302
    160 x 2048 x   512           3,700        1,645      805      445      401             486    414
    160 x 1024 x  4096          15,731        6,749    3,429    1,676    1,540           1,566  1,561
     40 x  512 x 32000          18,103        9,562    4,926    3,167    2,112           2,152  1,981
    160 x  512 x 32000          62,556       27,139   13,961    7,770    6,750           6,857  6,527
    160 x 1024 x  4096, by the instructions that oneDNN may use (ONEDNN_MAX_CPU_ISA):
      AVX512_CORE_VNNI          14,625        6,744   18,366    1,668    1,568           1,581  1,527
      AVX512_CORE               14,077        6,186   17,298    2,943    2,840           2,862  2,934
      AVX2                      13,921       11,675   50,749    5,929    6,142           6,167  6,313

- `quantized::linear_dynamic` is ruled out: it uses one activation scale for all rows of a call.
- Signed activations are ruled out without AMX: `qlinear` is then a plain loop, 20 ms for the first product above.
- `_int_mm` returns int32, which needs one more pass for scaling than `qlinear`'s output; on another machine, with AMX,
  it was slower: 128 x 512 x 2048 in 652 us with scaling, against 340 (fp32 1,867, bf16 453, dynamic 237).
- Without VNNI, bytes of full range overflow 16 bits in all of these kernels: see `activation_levels`.
- Our own kernel (`nmt/nn/native/product.c`) includes quantising and scaling. Without it, `here` took up to twice as
  long as `qlinear` for few rows (35 us against 18 for the first product) and 6 to 37 % longer for more.
"""

from __future__ import annotations

import os
import platform
from functools import cache

import torch
from torch import Tensor

from nmt.cpu import forget_old_kernels
from nmt.nn import native

LEVELS = 127
"""Largest magnitude of an 8-bit number; -128 is not used, to keep negation exact."""
_TINY = torch.tensor(1e-37)
"""Added to every scale, to avoid division by zero in rows of zeros."""


def quantize_rows(x: Tensor, levels: int = LEVELS) -> tuple[Tensor, Tensor]:
    """Symmetric 8-bit numbers with one scale per row (GNMT, section 6, equations 10 and 11): x ~ q * scale.

    Args:
        x: [..., inputs] float.
        levels: largest magnitude of q.

    Returns:
        q [..., inputs] int8, rounded to nearest, half to even; scale [..., 1] float32. Both are undefined for a row
        that is not finite, but its q * scale is not finite either.
    """
    x = x.float()
    scale = torch.add(_TINY, x.abs().amax(-1, keepdim=True), alpha=1 / levels)
    return (x / scale).round_().to(torch.int8), scale


def is_supported() -> bool:
    """Whether this machine has the kernel; on other processors oneDNN uses a plain loop, a thousand times slower."""
    return platform.machine().lower() in ("x86_64", "amd64") and torch._C._has_mkldnn


@cache
def activation_levels() -> int:
    """Largest magnitude of a quantised activation on this CPU: 127, or 63 where products would overflow.

    Without VNNI or AMX instructions the kernels add two byte products in 16 bits, which silently overflow from
    2 * 128 * 128 on. One bit less keeps them exact.
    """
    return LEVELS if has_wide_accumulation() else 63


@cache
def has_wide_accumulation() -> bool:
    """Whether oneDNN multiplies bytes directly into 32 bits here (AMX, AVX512-VNNI, AVX-VNNI)."""
    # Found out by a product that would overflow otherwise: a user's limit (ONEDNN_MAX_CPU_ISA) counts too, and torch
    # does not report it. This may be the first product of the process.
    forget_old_kernels()
    weight = torch.full((16, 64), 127, dtype=torch.int8)
    x = torch.full((4, 64), 255, dtype=torch.uint8)
    found = _onednn(x, _pack(weight), torch.ones(16), offset=128)
    return bool((found == 127 * 127 * 64).all())


class Int8Product:
    """x W', where W has int8 rows with one scale each, in the layout of this machine's kernel.

    The plain weights are not kept.

    Args:
        weight: [outputs, inputs] int8, no -128.
        scale: [outputs] float32.
    """

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        self.outputs = len(weight)
        self.scale = scale.contiguous()
        self.levels = activation_levels()
        self.own = _OwnPacked(weight, scale) if _own_is_best(weight) else None
        self.packed = None if self.own is not None else _pack(weight)

    def __call__(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """x: [rows, inputs] float32. Returns [rows, outputs] float32: x W' + bias."""
        if self.own is not None:
            return self.own(x.contiguous(), bias)
        assert self.packed is not None
        q, scale = quantize_rows(x, self.levels)
        # rounding to signed bytes and shifting them takes a quarter of the time of converting to unsigned bytes
        unsigned = q.view(torch.uint8).add_(self.levels + 1)
        product = _onednn(unsigned, self.packed, self.scale, self.levels + 1)
        return product.mul_(scale) if bias is None else torch.addcmul(bias, product, scale)


class _OwnPacked:
    """8-bit weights [outputs, inputs] with one scale per output, in the layout of `multiply` of product.c.

    They are stored in panels of 64 outputs, four inputs of an output side by side, padded with zeros.
    """

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        functions = native.library()
        assert functions is not None
        self.outputs, self.inputs = weight.shape
        panels, fours = -(-self.outputs // 64), -(-self.inputs // 4)
        weight, scale = weight.contiguous(), scale.contiguous()
        packed = torch.empty((panels, fours, 64, 4), dtype=torch.int8)
        offset = torch.empty(panels * 64, dtype=torch.int32)  # compensates for the unsigned bytes of x
        functions.pack(weight.data_ptr(), self.outputs, self.inputs, packed.data_ptr(), offset.data_ptr())
        self._kept = (packed, offset, scale)
        self._addresses = tuple(tensor.data_ptr() for tensor in self._kept)

    def __call__(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """x [rows, inputs], quantised row by row with 127 levels, times the weights, plus bias: [rows, outputs]."""
        rows = x.shape[0]
        y = torch.empty((rows, self.outputs))
        address = None if bias is None else bias.data_ptr()
        functions = native.library()
        assert functions is not None
        failed = functions.multiply(
            x.data_ptr(), rows, self.inputs, *self._addresses, address, self.outputs, y.data_ptr()
        )
        native.check(failed)
        return y


def plain_product(x: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """The product in integers, by the definition: the reference for tests of `Int8Product`, on any device.

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


def _own_is_best(weight: Tensor) -> bool:
    """Whether to use our kernel for this weight.

    This depends on the weight alone, so a row's result does not depend on the number of rows.
    """
    if not (native.has_product() and has_wide_accumulation()):
        return False
    return weight.numel() < _LARGE or not _has_amx()


_LARGE = 2**18
"""Number of weight values from which AMX instructions outweigh the cost of calling oneDNN."""


def _has_amx() -> bool:
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL").upper()
    return torch.cpu._is_amx_tile_supported() and (limit in ("ALL", "DEFAULT") or "AMX" in limit)


def _pack(weight: Tensor) -> Tensor:
    packed: Tensor = torch.ops.onednn.qlinear_prepack(weight.contiguous(), None)
    return packed


def _onednn(x: Tensor, packed: Tensor, scale: Tensor, offset: int) -> Tensor:
    """(x - offset) W' * scale for bytes x [rows, inputs]; float32."""
    product: Tensor = torch.ops.onednn.qlinear_pointwise(
        x, 1.0, offset, packed, scale, None, None, 1.0, 0, torch.float32, "none", [], ""
    )
    return product
