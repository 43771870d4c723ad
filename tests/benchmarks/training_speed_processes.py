"""Starts the child processes of training_speed.py."""

from __future__ import annotations

import ctypes.util
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """Settings of a side."""

    processes: int
    threads: int
    tcmalloc: bool
    precision: str = "fp32"

    def __str__(self) -> str:
        """Return the settings in words."""
        allocator = "tcmalloc" if self.tcmalloc else "malloc"
        return f"{self.processes} × {self.threads} threads, {self.precision}, {allocator}"

    def environment(self) -> dict[str, str]:
        """Return the environment of the side's processes."""
        environment = os.environ | {"OMP_NUM_THREADS": str(self.threads), "CUDA_VISIBLE_DEVICES": ""}
        environment.pop("LD_PRELOAD", None)
        if self.tcmalloc:
            environment["LD_PRELOAD"] = str(ctypes.util.find_library("tcmalloc_minimal"))
        return environment


def free_port() -> int:
    """Return a free TCP port of this machine."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    """Start a process and capture its output."""
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a process and return its output; on failure, exit and show the output."""
    output, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{process.args!r}\nfailed:\n{output[-4000:]}")
    return output
