"""Statistics that parts of a model gather in an update, added up over the processes and stored."""

from __future__ import annotations

import torch
from torch import nn

from nmt.nn.norm.running import RunningStatistics
from nmt.training.distributed import World


class GatheredStatistics:
    """Those of one model.

    Args:
        model: on its device.
        world: whose processes have read a part each.
    """

    def __init__(self, model: nn.Module, world: World) -> None:
        self._parts = [part for part in model.modules() if isinstance(part, RunningStatistics)]
        self._world = world

    def store(self, *, usable: bool) -> None:
        """Ends an update: what it has gathered is stored in all processes, or forgotten if it is not usable."""
        if not self._parts:
            return
        gathered = [part.take_sums() for part in self._parts]
        if not usable:
            return
        together = torch.cat(gathered)
        self._world.sum(together)
        for part, sums in zip(self._parts, torch.split(together, [len(sums) for sums in gathered]), strict=True):
            part.store(sums)
