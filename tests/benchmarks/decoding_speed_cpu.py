"""Instruction sets of the CPU, and those that each side of decoding_speed.py reports to use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from decoding_speed_data import ROOT  # beside this file

FLAGS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


def compute_types(precision: str) -> list[str]:
    """CTranslate2's names of its compute types on this CPU; fp32 if it has no bf16."""
    import ctranslate2

    wanted = {"int8": ("int8_float32", "int8_bfloat16"), "bf16": ("bfloat16",), "fp32": ("float32",)}[precision]
    known = ctranslate2.get_supported_compute_types("cpu")
    return [name for name in wanted if name in known] or ["float32"]


def cpu_flags() -> list[str]:
    """The relevant instruction sets, by Linux's names."""
    line = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(encoding="ascii"), flags=re.MULTILINE)
    there = set(line[1].split()) if line else set()
    return [flag for flag in FLAGS if flag in there]


def what_is_used(ours: Path, peer: Path) -> list[str]:
    """Reports of each side's libraries about themselves while translating in int8.

    Args:
        ours: the model directory.
        peer: the exported model.
    """
    import torch

    here = Path(__file__).resolve().parent
    environment = {**os.environ, "ONEDNN_VERBOSE": "1", "CT2_VERBOSE": "1", "PYTHONPATH": str(ROOT)}
    patterns = {
        "ours": (ours, r"cpu,isa:(.*)|matmul,([\w:]+),undef,src:[us]8"),
        "peer": (
            peer,
            r"cpu,isa:(.*)|(Selected ISA: .*|Use Intel MKL: .*|GEMM_S8 backend: .*)|(gemm_api),,undef,src_u8",
        ),
    }
    lines = [f"torch: loops for {torch.backends.cpu.get_cpu_capability()}"]
    for side, (directory, pattern) in patterns.items():
        command = [sys.executable, str(here / f"decoding_speed_{side}.py"), str(directory), "int8"]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found = ("".join(groups) for groups in re.findall(pattern, told.stdout + told.stderr))
        lines.append(f"{side}: {'; '.join(dict.fromkeys(found))}")
    return lines
