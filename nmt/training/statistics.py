"""Statistics reported by a model, as means over the micro-batches that have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

Totals = dict[str, tuple[float, int]]
"""By name: sum over micro-batches, and the number of micro-batches that had it."""


def numbers(statistics: Mapping[str, Tensor]) -> dict[str, float]:
    """The mean of each tensor, of any shape; computed together, to synchronise with the device only once."""
    if not statistics:
        return {}
    values = torch.stack([tensor.detach().float().mean() for tensor in statistics.values()])
    return dict(zip(statistics, values.tolist(), strict=True))


def add(totals: Totals, values: Mapping[str, float]) -> None:
    """Adds the values of one micro-batch."""
    for name, value in values.items():
        total, count = totals.get(name, (0.0, 0))
        totals[name] = total + value, count + 1


def means(parts: Iterable[Totals]) -> dict[str, float]:
    """Means over all micro-batches, summed in the given order; not finite if any value is not."""
    merged: Totals = {}
    for part in parts:
        for name, (total, count) in part.items():
            before, counted = merged.get(name, (0.0, 0))
            merged[name] = before + total, counted + count
    return {name: total / count for name, (total, count) in merged.items()}
