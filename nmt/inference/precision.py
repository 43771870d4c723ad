"""Which numbers a model computes with when it translates."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from nmt.errors import UserError
from nmt.inference.options import Precision
from nmt.models.quantization import dequantized, is_quantized, packed, quantized
from nmt.nn.kernels.int8_product import has_wide_accumulation, is_supported
from nmt.nn.weight_norm import fold_weight_norm

ModelT = TypeVar("ModelT", bound=nn.Module)


def fastest_precision(model: nn.Module) -> Precision:
    """What this machine translates fastest with, without a loss that counts.

    On a GPU bf16, if it has that. On a CPU that multiplies bytes into 32 bits (AMX, AVX512-VNNI, AVX-VNNI) int8; a
    quantised model is computed in int8 on any x86-64. Else fp32: emulated bf16 is slower, and int8 has to make do with
    7 bits.
    """
    if _on_gpu(model):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if is_quantized(model):
        return "int8" if is_supported() else "fp32"
    return "int8" if is_supported() and has_wide_accumulation() else "fp32"


def with_precision(model: ModelT, precision: Precision) -> ModelT:
    """The model in this precision, without weight norm; a copy where its weights change.

    "bf16" converts the weights once. (Autocast would convert them again at every step of the search,
    which costs more than the products save.) The search's own sums stay in fp32.
    "int8" quantises weights that are not yet, and lays them out for this CPU.
    "auto" is the precision of the weights as they are: fp32, or int8 for a quantised model, where that can be.

    Raises:
        UserError: int8 on a GPU, or on a CPU without the instructions.
    """
    folded = fold_weight_norm(model)
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
        raise UserError("precision", "auto, bf16 or fp32 on a GPU", "int8", "int8 is for CPUs: choose the device cpu.")
    if not is_supported():
        raise UserError("precision", "auto or fp32 on this CPU", "int8", "int8 needs the instructions of an x86-64.")


def _on_gpu(model: nn.Module) -> bool:
    return next(model.parameters()).device.type != "cpu"
