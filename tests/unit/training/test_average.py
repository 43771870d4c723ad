"""Averaged weights."""

from __future__ import annotations

from pathlib import Path

import torch

from nmt.models.weights import save_tensors
from nmt.training.checkpoint import average_weights


def test_parameters_are_averaged_and_constants_are_the_last_ones(tmp_path: Path) -> None:
    for update, (value, delta) in enumerate([(1.0, 8.0), (2.0, 4.0), (6.0, 1.0)]):
        tensors = {"weight": torch.full((2,), value), "limit.delta": torch.tensor(delta)}
        save_tensors(tmp_path / f"{update}", tensors, {})
    average = average_weights([tmp_path / f"{update}" for update in range(3)], {"weight"})
    assert average["weight"].tolist() == [3.0, 3.0]
    assert average["limit.delta"].item() == 1.0
