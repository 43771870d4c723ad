"""Trainings that are watched, stopped, or run in two processes."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from nmt.data.store import PairStore
from nmt.tokenizer.base import TokenizerPair
from nmt.training.distributed import World
from nmt.training.trainer import Trainer
from tests.forked import Forked
from tests.unit.training.driver import drive

ALONE = World(0, 1, torch.device("cpu"))
Prepared = tuple[Path, PairStore, TokenizerPair]


def logged(directory: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (directory / "log.jsonl").read_text().splitlines()]
    for record in records:
        for varying in ("tokens_per_second", "seconds_left"):
            record.pop(varying, None)
    return records


def start(directory: Path, *arguments: Any, **environment: str) -> Forked:
    return Forked(lambda: drive(directory, *arguments), environment)


def run_two_processes(directory: Path, *arguments: Any) -> None:
    """One training, to its end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
    ranks = [start(directory, *arguments, RANK=str(rank), **shared) for rank in (0, 1)]
    for rank in ranks:
        _, errors = rank.wait(timeout=300)
        assert rank.returncode == 0, errors


def interrupting(stopped: Trainer, stop_at: int) -> Callable[[Any, bool], bool]:
    plain = stopped._update
    return lambda indices, _: plain(indices, stopped.position.update + 1 == stop_at)
