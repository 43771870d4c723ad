"""What a model reports of itself, as means over the micro-batches that have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

Totals = dict[str, tuple[float, int]]
"""By name: sum over micro-batches, and how many of them had it."""


def numbers(statistics: Mapping[str, Tensor]) -> dict[str, float]:
    """The mean of each tensor, whatever its shape; together, for one wait for the device."""
    if not statistics:
        return {}
    values = torch.stack([tensor.detach().float().mean() for tensor in statistics.values()])
    return dict(zip(statistics, values.tolist(), strict=True))


def add(totals: Totals, values: Mapping[str, float]) -> None:
    """Counts one micro-batch more."""
    for name, value in values.items():
        total, count = totals.get(name, (0.0, 0))
        totals[name] = total + value, count + 1


def means(parts: Iterable[Totals]) -> dict[str, float]:
    """Over all of them, added up in the order in which they come; not finite where one value was not."""
    merged: Totals = {}
    for part in parts:
        for name, (total, count) in part.items():
            before, counted = merged.get(name, (0.0, 0))
            merged[name] = before + total, counted + count
    return {name: total / count for name, (total, count) in merged.items()}
