"""The scan of a constant diagonal recurrence by each form.

    python tests/benchmarks/diagonal_scan.py [--states 64] [--rounds 7]

For batches of 4,096 positions, and one long sequence, of complex states: milliseconds of processor time of one thread
for all states by the plain loop, in turn in place, in chunks and by doubling; and for states and gradients by the plain
loop with autograd and by `diagonal_scan`, which chooses the form. The forms take turns; entries are medians of rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from nmt.nn import diagonal_scan as forms
from nmt.nn.diagonal_scan import diagonal_scan, plain_diagonal_scan

SHAPES = ((128, 32), (32, 128), (8, 512), (4, 1024), (1, 4096), (1, 8192))


def medians(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Milliseconds of processor time of each, in turns."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            start = time.process_time()
            run()
            if number:  # the first round chooses kernels and takes memory
                taken[name].append(1000 * (time.process_time() - start))
    return {name: statistics.median(times) for name, times in taken.items()}


def scans(sequences: int, length: int, states: int) -> dict[str, Callable[[], object]]:
    """Each form on the same numbers."""
    decay = torch.polar(torch.empty(states).uniform_(0.9, 0.999), torch.empty(states).uniform_(-1.0, 1.0))
    update = torch.randn(sequences, length, states, dtype=torch.complex64)
    size = max(1, round(length**0.5))

    def with_gradients(form: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], object]:
        inputs = decay.clone().requires_grad_(), update.clone().requires_grad_()
        return lambda: torch.autograd.grad(form(*inputs), inputs, update)

    return {
        "loop": lambda: plain_diagonal_scan(decay, update),
        "in turn": lambda: forms._in_turn(decay, update),
        "chunks": lambda: forms._chunked(decay, update, size),
        "doubling": lambda: forms._doubling(decay, update),
        "loop, gradients": with_gradients(plain_diagonal_scan),
        "`diagonal_scan`, gradients": with_gradients(diagonal_scan),
    }


def print_row(*cells: object) -> None:
    """A row of a Markdown table."""
    print("| " + " | ".join(f"{cell:.1f}" if isinstance(cell, float) else f"{cell}" for cell in cells) + " |")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    for name, default in (("states", 64), ("rounds", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    for index, (sequences, length) in enumerate(SHAPES):
        found = medians(scans(sequences, length, arguments.states), arguments.rounds)
        if not index:
            print_row("sequences × positions", *found)
            print_row(*["---"] * (1 + len(found)))
        print_row(f"{sequences} × {length:,}", *found.values())


if __name__ == "__main__":
    main()
