"""Start and connect the processes that train one model together."""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch exports it without saying so

from nmt.errors import UserError
from nmt.processes import nmt_command

T = TypeVar("T")

_PARENT = "NMT_PARENT"
"""Environment variable with the process id of rank 0, for the ranks that it started."""
_JOINED = "nmt/joined"
"""Key of the number of started ranks that have joined."""


@dataclass(frozen=True)
class World:
    """The processes of one training, each with its rank; a single process communicates nothing."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and reports."""
        return self.rank == 0

    def sum(self, tensor: Tensor) -> None:
        """Sums a tensor over the processes, in place."""
        if self.size > 1:
            with _others_alive():
                dist.all_reduce(tensor)

    def broadcast(self, tensor: Tensor) -> None:
        """Copies the first process's tensor to all others, in place."""
        if self.size > 1:
            with _others_alive():
                dist.broadcast(tensor, 0)

    def gather(self, items: Sequence[T]) -> list[T]:
        """The items of all processes, previously divided by `share`, in their original order."""
        if self.size == 1:
            return list(items)
        parts: list[Sequence[T]] = [[] for _ in range(self.size)]
        with _others_alive():
            dist.all_gather_object(parts, items)
        total = sum(map(len, parts))
        return [parts[index % self.size][index // self.size] for index in range(total)]

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's share: every size-th item, starting at its rank."""
        return items[self.rank :: self.size]


@contextmanager
def _others_alive() -> Iterator[None]:
    """Explains the error of a process that waits for another one that has died."""
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            "training",
            "all its processes to keep running",
            f"one that ended ({str(error).splitlines()[0][:100]})",
            "See its output above, unless it was killed, for example for lack of memory. Run the same command again to "
            "resume from the last checkpoint.",
        ) from error


@contextmanager
def join_world(device: str) -> Iterator[World]:
    """The processes given by RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun sets them; else only this one.

    Args:
        device: "cpu", "cuda", or "auto" for CUDA if available.
    """
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    cuda = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("training.device", "a CUDA device for `cuda`", "none", "Set training.device=cpu.")
    local = int(os.environ.get("LOCAL_RANK", "0"))
    world = World(rank, size, torch.device("cuda", local) if cuda else torch.device("cpu"))
    if cuda:
        torch.cuda.set_device(world.device)
    if size == 1:
        yield world
        return
    if not cuda:
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    _die_with_parent()
    # Imported now, because torch's optimisers import it later: its functions would then take the process group as their
    # default and keep it, with its threads, after it is destroyed; a thread that frees a tensor at exit can abort.
    importlib.import_module("torch.distributed.nn")
    dist.init_process_group("nccl" if cuda else "gloo", rank=rank, world_size=size, store=_own_store(rank))
    try:
        yield world
    finally:
        dist.destroy_process_group()


def _own_store(rank: int) -> TCPStore | None:
    """The store through which processes started by `started_processes` meet; None under torchrun."""
    if _PARENT not in os.environ:
        return None
    store = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
    if rank > 0:
        store.add(_JOINED, 1)
    return store


def process_count(requested: int, micro_batches: int, device: str) -> int:
    """Number of processes that train on this machine.

    Args:
        requested: number in the recipe; 0 for one on a GPU, else one per CPU core, but a divisor of `micro_batches`.
        micro_batches: number of parts of an update's batch.
        device: as for `join_world`.
    """
    if requested == 0:
        if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
            return 1
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(n for n in range(1, min(cores, micro_batches) + 1) if micro_batches % n == 0)
    if device != "cpu" and 0 < torch.cuda.device_count() < requested:
        raise UserError("training.processes", f"at most {torch.cuda.device_count()}, one for each GPU", str(requested))
    if micro_batches % requested:
        raise UserError(
            "training.processes",
            f"a divisor of training.micro_batches ({micro_batches})",
            str(requested),
            f"Set training.micro_batches to a multiple of {requested}.",
        )
    return requested


@contextmanager
def started_processes(count: int, arguments: Sequence[str]) -> Iterator[None]:
    """Makes this process rank 0 of `count` on this machine and starts the others as `nmt ARGUMENTS`.

    Does nothing if `count` is 1 or torchrun has already started the processes. Each has one thread: a second thread
    slows down the small operations of a small model, a second process does not.
    """
    if count == 1 or "RANK" in os.environ:
        yield
        return
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    shared = {
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        _PARENT: str(os.getpid()),
    }
    before = dict(os.environ)
    children: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(1, count):
            environment = {**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            children.append(subprocess.Popen(nmt_command(arguments), env=environment, stdin=subprocess.DEVNULL))
        _wait_until_joined(store, children)
        os.environ.update(shared | {"RANK": "0", "LOCAL_RANK": "0"})
        yield
        for child in children:
            child.wait()
    finally:
        os.environ.clear()
        os.environ.update(before)
        for child in children:
            _end(child)


def _wait_until_joined(store: TCPStore, children: Sequence[subprocess.Popen[bytes]]) -> None:
    """Waits for all ranks, and notices if one dies before it joins; torch itself would wait half an hour."""
    while store.add(_JOINED, 0) < len(children):
        for child in children:
            if child.poll() is not None:
                got = f"one that ended with status {child.returncode} before it began"
                raise UserError("training", "all its processes to start", got, "See its output above.")
        time.sleep(0.02)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=10)  # it may hang, waiting for a dead process
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _die_with_parent() -> None:
    """Makes a rank started by rank 0 end with it, even if rank 0 is killed (Linux)."""
    parent = int(os.environ.get(_PARENT, "0"))
    if parent in (0, os.getpid()) or not sys.platform.startswith("linux"):
        return
    set_death_signal = 1  # PR_SET_PDEATHSIG
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
