"""Sum the statistics that parts of a model gather in an update over the processes, and store them."""

from __future__ import annotations

import torch
from torch import nn

from nmt.nn.norm.running import RunningStatistics
from nmt.training.distributed import World


class GatheredStatistics:
    """The gathered statistics of one model.

    Args:
        model: on its device.
        world: the processes, each of which has seen a part of the data.
    """

    def __init__(self, model: nn.Module, world: World) -> None:
        self._parts = [part for part in model.modules() if isinstance(part, RunningStatistics)]
        self._world = world

    def store(self, *, usable: bool) -> None:
        """Ends an update: stores its statistics in all processes, or discards them if they are not usable."""
        if not self._parts:
            return
        gathered = [part.take_sums() for part in self._parts]
        if not usable:
            return
        together = torch.cat(gathered)
        self._world.sum(together)
        for part, sums in zip(self._parts, torch.split(together, [len(sums) for sums in gathered]), strict=True):
            part.store(sums)
