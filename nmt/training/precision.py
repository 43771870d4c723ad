"""Number format of the matrix products in training."""

from __future__ import annotations

from typing import Literal

import torch

TrainingPrecision = Literal["auto", "fp32", "bf16"]


def resolve_precision(precision: TrainingPrecision, device: torch.device) -> str:
    """Either fp32 or bf16; `auto` means bf16 if the device multiplies it faster than fp32."""
    if precision == "auto":
        return "bf16" if multiplies_bf16(device) else "fp32"
    return precision


def multiplies_bf16(device: torch.device) -> bool:
    """Whether the device has instructions for bf16 products; otherwise they are emulated and slow."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    features = torch.cpu.get_capabilities()
    return any(features.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))
