"""Averaged weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nmt.errors import UserError
from nmt.models.weights import save_tensors
from nmt.training.checkpoint import average_weights


def test_parameters_are_averaged_and_constants_are_the_last_ones(tmp_path: Path) -> None:
    for update, (value, delta) in enumerate([(1.0, 8.0), (2.0, 4.0), (6.0, 1.0)]):
        tensors = {"weight": torch.full((2,), value), "limit.delta": torch.tensor(delta)}
        save_tensors(tmp_path / f"{update}", tensors, {})
    average = average_weights([tmp_path / f"{update}" for update in range(3)], {"weight"})
    assert average["weight"].tolist() == [3.0, 3.0]
    assert average["limit.delta"].item() == 1.0


def test_whole_numbers_must_agree(tmp_path: Path) -> None:
    """They choose the function, where a bound only moves."""
    for number, steps in enumerate([2, 2, 0]):
        save_tensors(tmp_path / f"{number}", {"weight": torch.ones(2), "steps": torch.tensor(steps)}, {})
    first, second, other = (tmp_path / f"{number}" for number in range(3))
    assert average_weights([first, second], {"weight"})["steps"].item() == 2
    with pytest.raises(UserError, match=r"expected steps as in .*, 2, got 0") as caught:
        average_weights([first, second, other], {"weight"})
    assert caught.value.where == str(other)
    assert caught.value.fix
