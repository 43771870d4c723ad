"""Coordinates the processes of one training: the first prepares the data alone while the others wait.

Under torchrun all processes start at once, long before the data is ready, and synchronise through the store of
torchrun's agent. Processes that the first one starts itself find the data ready.
"""

from __future__ import annotations

import os
from datetime import timedelta

from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch exports it without saying so

from nmt.errors import UserError

_PATIENCE = timedelta(days=14)
_TRAIN, _NOTHING = "train", "nothing"


def rank() -> int:
    """Rank of this process in the training, from 0."""
    return int(os.environ.get("RANK", "0"))


def refuse_several(command: str) -> None:
    """Guards a command that only a single process may run.

    Raises:
        UserError: this is one of several processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        fix = f"Train first, with `torchrun … -m nmt train RECIPE`; then `nmt {command} RECIPE` does the rest."
        raise UserError(f"nmt {command}", "one process", f"{os.environ['WORLD_SIZE']}, started by torchrun", fix)


def announce(*, training: bool) -> None:
    """Announces to the waiting processes that the data is ready, or that there is nothing to train."""
    if store := _store():
        store.set(_key(), _TRAIN if training else _NOTHING)


def wait_for_the_first() -> bool:
    """Waits for the announcement; returns whether there is anything to train."""
    store = _store()
    return store is None or store.get(_key()).decode() == _TRAIN


def _store() -> TCPStore | None:
    """The store of torchrun's agent; None unless torchrun started several processes."""
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True" or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return None
    port = int(os.environ["MASTER_PORT"])
    return TCPStore(os.environ["MASTER_ADDR"], port, is_master=False, timeout=_PATIENCE)


def _key() -> str:
    """Key of the announcement, one per restart: old announcements stay in the store but are outdated."""
    return f"nmt/data/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
