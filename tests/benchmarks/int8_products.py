"""Microseconds per matrix product for each kernel in torch, one thread.

Prints the table in nmt/nn/kernels/int8_product.py.

    python tests/benchmarks/int8_products.py [SHAPE ...] [--instructions default AVX512_CORE_VNNI AVX512_CORE AVX2]

A SHAPE is ROWSxINPUTSxOUTPUTS. Each of --instructions is measured in a separate process, whose oneDNN may use only
these (ONEDNN_MAX_CPU_ISA; it does not limit kernels outside oneDNN). Kernels take turns, shape by shape; a figure is
the minimum over several turns, in processor time, because disturbances can only add time.

- fp32, bf16: `linear`; fp32 is MKL's, "fp32 oneDNN" the same product by oneDNN.
- _int_mm: `torch._int_mm`, bytes to int32, weights as a transposed view.
- u8, s8: `onednn.qlinear_pointwise` of packed weights with unsigned and signed activations, to fp32.
- dynamic: `quantized::linear_dynamic` with the onednn engine. It uses one activation scale for all rows, so a
  sentence's translation would depend on its batch. It includes quantisation, as no other column of torch's does.
- ours: everything that translation needs, `Int8Product` from fp32 rows to fp32 rows.

A dash marks a kernel that does not run, or would take longer than a second.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from compare_backends import processor_name  # beside this file

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nmt.nn.kernels.int8_product import Int8Product, activation_levels, has_wide_accumulation, quantize_rows

SHAPES = ("5x512x512", "40x512x2048", "160x512x1536", "160x2048x512", "160x1024x4096", "40x512x32000", "160x512x32000")
INSTRUCTIONS = ("default", "AVX512_CORE_VNNI", "AVX512_CORE", "AVX2")
LIMIT = "ONEDNN_MAX_CPU_ISA"
COLUMNS = ("fp32", "fp32 oneDNN", "bf16", "_int_mm", "u8", "s8", "dynamic", "ours")
TURNS = 9
TURN_SECONDS = 0.02
"""Minimum time for which a turn repeats a product."""
SLOW = 1.0
"""Seconds above which a product is not measured: without AMX, signed activations use a plain loop."""

Product = Callable[[], object]


def products(rows: int, inputs: int, outputs: int) -> dict[str, Product]:
    """The kernels, by column."""
    torch.manual_seed(1)
    x, weight = torch.randn(rows, inputs), torch.randn(outputs, inputs) / inputs**0.5
    q_weight, scale = quantize_rows(weight)
    scale = scale.squeeze(1).contiguous()
    q, _ = quantize_rows(x, activation_levels())
    packed = torch.ops.onednn.qlinear_prepack(q_weight, None)
    zeros = torch.zeros(outputs, dtype=torch.int64)
    x_bf16, weight_bf16, unsigned = x.bfloat16(), weight.bfloat16(), (q.short() + 128).to(torch.uint8)

    def onednn(activations: torch.Tensor, zero: int) -> Product:
        # after the weight: its scales and zero points, bias, output scale, zero point and type, post-operation
        rest: tuple[Any, ...] = (packed, scale, zeros, None, 1.0, 0, torch.float32, "none", [], "")
        return lambda: torch.ops.onednn.qlinear_pointwise(activations, 1.0, zero, *rest)

    torch.backends.quantized.engine = "onednn"
    warnings.simplefilter("ignore", UserWarning)  # quantised tensors are deprecated
    dynamic = torch.ops.quantized.linear_prepack(torch.quantize_per_channel(weight, scale, zeros, 0, torch.qint8), None)
    ours = Int8Product(q_weight, scale)
    signed = {"s8": onednn(q, 0)} if rows * seconds(onednn(q[:1], 0), 1) < SLOW else {}
    return signed | {
        "fp32": lambda: torch.nn.functional.linear(x, weight),
        "fp32 oneDNN": lambda: torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], ""),
        "bf16": lambda: torch.nn.functional.linear(x_bf16, weight_bf16),
        "_int_mm": lambda: torch._int_mm(q, q_weight.T),
        "u8": onednn(unsigned, 128),
        "dynamic": lambda: torch.ops.quantized.linear_dynamic(x, dynamic),
        "ours": lambda: ours(x),
    }


def measured(shape: str) -> dict[str, float]:
    """Microseconds by column, without kernels that do not run."""
    repeats, best = {}, {}
    kernels = products(*map(int, shape.split("x")))
    for name, product in kernels.items():
        try:
            best[name] = min(seconds(product, 1) for _ in range(2))
        except RuntimeError:
            continue
        repeats[name] = max(1, round(TURN_SECONDS / best[name]))
    for _ in range(TURNS):
        for name, count in repeats.items():
            best[name] = min(best[name], seconds(kernels[name], count))
    return {name: 1e6 * value for name, value in best.items()}


def seconds(product: Product, count: int) -> float:
    """Mean time per product over `count` repetitions."""
    start = time.process_time()
    for _ in range(count):
        product()
    return (time.process_time() - start) / count


def measure_here(shapes: Sequence[str]) -> None:
    """Measures with this process's instructions; prints a line of JSON about them, then one for each shape."""
    torch.set_num_threads(1)
    print(json.dumps({"wide": has_wide_accumulation(), "amx": torch.cpu._is_amx_tile_supported()}), flush=True)
    for shape in shapes:
        with torch.inference_mode():
            print(json.dumps(measured(shape)), flush=True)


def main() -> None:
    """Reads the arguments, measures, and prints a table for each set of instructions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", default=SHAPES, metavar="SHAPE")
    parser.add_argument("--instructions", nargs="+", default=INSTRUCTIONS)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        measure_here(arguments.shapes)
        return
    print(f"Microseconds, one thread, torch {torch.__version__}, {processor_name()}.")
    for instructions in arguments.instructions:
        environment = {name: value for name, value in os.environ.items() if name != LIMIT} | {"OMP_NUM_THREADS": "1"}
        if instructions != "default":
            environment[LIMIT] = instructions
        command = [sys.executable, __file__, *arguments.shapes, "--here"]
        output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
        facts, *results = map(json.loads, output.splitlines())
        levels = "127 levels" if facts["wide"] else "63 levels"
        print(f"\n{instructions}{' (AMX)' if facts['amx'] else ''}: {levels}\n")
        print(f"| rows x inputs x outputs | {' | '.join(COLUMNS)} |\n|{' --- |' * (len(COLUMNS) + 1)}")
        for shape, result in zip(arguments.shapes, results, strict=True):
            cells = [f"{result[name]:,.0f}" if name in result else "–" for name in COLUMNS]
            print(f"| {shape.replace('x', ' x ')} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
