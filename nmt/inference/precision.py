"""The precision in which a model translates."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from nmt.errors import UserError
from nmt.inference.options import Precision
from nmt.models.quantization import dequantized, is_quantized, packed, quantized
from nmt.nn.kernels.int8_product import has_wide_accumulation, is_supported
from nmt.nn.linear.folding import fold

ModelT = TypeVar("ModelT", bound=nn.Module)


def fastest_precision(model: nn.Module) -> Precision:
    """The precision with which this machine translates fastest, without a noticeable loss of quality.

    bf16 on a GPU that supports it; int8 on a CPU that multiplies bytes into 32 bits (AMX, AVX512-VNNI, AVX-VNNI), and
    for a quantised model on any x86-64. Otherwise fp32: emulated bf16 is slower, and int8 would be limited to 7 bits.
    """
    if _on_gpu(model):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if is_quantized(model):
        return "int8" if is_supported() else "fp32"
    return "int8" if is_supported() and has_wide_accumulation() else "fp32"


def with_precision(model: ModelT, precision: Precision) -> ModelT:
    """The model in this precision, with computed weights folded in; a copy if its weights change.

    "bf16" converts the weights once. (Autocast would convert them again at every step of the search,
    which costs more than the products save.) The search's own sums stay in fp32.
    "int8" quantises the weights if necessary, and packs them for this CPU.
    "auto" is the precision of the stored weights: fp32, or int8 for a quantised model if the device supports it.

    Raises:
        UserError: int8 was requested on a GPU, or on a CPU without the instructions.
    """
    folded = fold(model)
    small = is_quantized(folded)
    if precision == "auto":
        precision = "int8" if small and is_supported() and not _on_gpu(folded) else "fp32"
    if precision == "int8":
        _check_int8(folded)
        return packed(folded if small else quantized(folded))
    if small:
        folded = dequantized(folded)
    if precision == "bf16":
        return copy.deepcopy(folded).to(torch.bfloat16)
    return folded


def _check_int8(model: nn.Module) -> None:
    if _on_gpu(model):
        raise UserError("precision", "auto, bf16 or fp32 on a GPU", "int8", "int8 runs on CPUs only: use device cpu.")
    if not is_supported():
        raise UserError("precision", "auto or fp32 on this CPU", "int8", "int8 needs an x86-64 CPU.")


def _on_gpu(model: nn.Module) -> bool:
    return next(model.parameters()).device.type != "cpu"
