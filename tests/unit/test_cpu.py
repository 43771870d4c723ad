"""What is set for the CPU has its effect."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from nmt.cpu import keep_freed_memory
torch.set_num_threads(1)
if sys.argv[1] == "keep" and not keep_freed_memory():
    sys.exit(7)
def work():
    for _ in range(10):
        torch.empty(12_000_000).fill_(1.0)
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def measured(program: str, how: str, lacking: str) -> int:
    """The number that a program prints; it ends with status 7 where the platform lacks what it measures."""
    clean = {name: value for name, value in os.environ.items() if not name.endswith("CACHE_CAPACITY")}
    done = subprocess.run([sys.executable, "-c", program, how], capture_output=True, text=True, check=False, env=clean)
    if done.returncode == 7:
        pytest.skip(lacking)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_repeated_allocation_stops_faulting() -> None:
    lacking = "the C library is not glibc"
    # Of ten allocations, one or two may still grow the heap, as small ones lie in between.
    assert measured(PROGRAM, "keep", lacking) < measured(PROGRAM, "leave", lacking) / 4


SHAPES = """
import sys, torch
from nmt.cpu import forget_old_kernels
torch.set_num_threads(1)
if sys.argv[1] == "forget":
    forget_old_kernels()
if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
    sys.exit(7)
weight = torch.randn(384, 128, dtype=torch.bfloat16, requires_grad=True)
for rows in range(1000, 1200):
    x = torch.ones(rows, 128, dtype=torch.bfloat16, requires_grad=True)
    torch.nn.functional.linear(x, weight).sum().backward()
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


def test_many_shapes_do_not_fill_the_memory() -> None:
    lacking = "oneDNN has no bf16 kernels for this processor"
    assert measured(SHAPES, "forget", lacking) < 0.6 * measured(SHAPES, "keep", lacking)
