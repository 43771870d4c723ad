"""The cost of recurrent cells, and of norms within them, relative to the fused LSTM.

    python tests/benchmarks/cells.py [--width 256] [--rows 64] [--length 32] [--rounds 7]

Every cell with its default options, and the LSTM with every norm within cells. Training is the forward and backward
pass over whole sequences; decoding is one step of five hypotheses, in fp32 and with packed 8-bit weights. One thread.
The cells take turns; an entry is the median over rounds of its processor time over that of the plain LSTM in the same
round: 2.00 takes twice as long.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import get_args

import torch
from torch import Tensor

from nmt.models.quantization import packed, quantized
from nmt.nn.cells import LSTM, AnyCell, CellConfig, CellNormConfig
from nmt.nn.cells.norms import InputBatchNorm, Nothing
from nmt.nn.cells.options import CellOptions
from nmt.nn.initial import Uniform
from nmt.nn.kernels.int8_product import is_supported

HYPOTHESES = 5
STEPS = 20


def kinds(union: object) -> Sequence[type]:
    """The members of a discriminated union."""
    return get_args(get_args(union)[0])


def everything() -> dict[str, CellOptions]:
    """All cells, and the LSTM with all norms; the plain LSTM first."""
    cells: list[CellOptions] = [kind() for kind in kinds(CellConfig)]
    norms: list[CellNormConfig] = [kind() for kind in kinds(CellNormConfig)]
    named = {f"`{cell.kind}`": cell for cell in sorted(cells, key=lambda cell: not isinstance(cell, LSTM.Config))}
    named |= {f"`lstm`, norm `{norm.kind}`": LSTM.Config(norm=norm) for norm in norms if not isinstance(norm, Nothing)}
    named["`lstm`, norm `batch`, all sites"] = LSTM.Config(norm=InputBatchNorm.Config(sites=None))
    return named


def built(config: CellOptions, width: int) -> AnyCell:
    """A cell as wide as its input, with fresh weights."""
    torch.manual_seed(1)
    cell = config.build(width, width)
    cell.initialise(Uniform(0.1))
    return cell


def training(cell: AnyCell, x: Tensor) -> Callable[[], None]:
    """Forward and backward pass over whole sequences."""
    cell.train()

    def run() -> None:
        cell.zero_grad()
        cell(x).sum().backward()

    return run


def decoding(cell: AnyCell, x: Tensor) -> Callable[[], None]:
    """Some steps of a few rows."""
    cell.eval()

    @torch.inference_mode()
    def run() -> None:
        state = cell.empty(x, HYPOTHESES)
        for _ in range(STEPS):
            state = cell.step(x, state)

    return run


def ratios(runs: Sequence[Callable[[], None]], rounds: int) -> list[float]:
    """The median of each one's processor time over the first one's in the same round."""
    taken = []
    for number in range(rounds + 1):
        times = []
        for run in runs:
            start = time.process_time()
            run()
            times.append(time.process_time() - start)
        if number:  # the first round chooses kernels and takes memory
            taken.append(times)
    return [statistics.median(times[index] / times[0] for times in taken) for index in range(len(runs))]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    for name, default in (("width", 256), ("rows", 64), ("length", 32), ("rounds", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    configs, width = everything(), arguments.width
    sequences = torch.randn(arguments.rows, arguments.length, width)
    token = torch.randn(HYPOTHESES, width)
    cells = [built(config, width) for config in configs.values()]
    columns = {
        "parameters": [sum(p.numel() for p in cell.parameters()) / _size(cells[0]) for cell in cells],
        "training": ratios([training(cell, sequences) for cell in cells], arguments.rounds),
        "decoding, fp32": ratios([decoding(cell, token) for cell in cells], arguments.rounds),
    }
    if is_supported():
        small = [decoding(packed(quantized(cell.eval())), token) for cell in cells]
        columns["decoding, int8"] = ratios(small, arguments.rounds)
    print("| cell | " + " | ".join(columns) + " |\n|" + " --- |" * (1 + len(columns)))
    for index, name in enumerate(configs):
        print(f"| {name} | " + " | ".join(f"{values[index]:.2f}" for values in columns.values()) + " |")


def _size(cell: AnyCell) -> int:
    return sum(parameter.numel() for parameter in cell.parameters())


if __name__ == "__main__":
    main()
