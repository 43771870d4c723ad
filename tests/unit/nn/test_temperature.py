"""Temperatures that stay or that move by the same factor at each update."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from nmt.nn.temperature import AnnealedTemperature, Temperature


def test_it_divides_by_a_constant() -> None:
    module = AnnealedTemperature(Temperature(start=0.5))
    module.anneal(1000)
    assert module(torch.tensor([1.0, -3.0])).tolist() == [2.0, -6.0]


def test_it_moves_by_the_same_factor_and_stays_at_the_end() -> None:
    module, found = AnnealedTemperature(Temperature(start=1.0, end=0.01, from_update=50, until_update=150)), []
    for update in (1, 50, 100, 150, 5000):
        assert not module.anneal(update)
        found.append(module.temperature.item())
    assert found == pytest.approx([1.0, 1.0, 0.1, 0.01, 0.01])


def test_it_is_saved() -> None:
    assert list(AnnealedTemperature(Temperature()).state_dict()) == ["temperature"]


@pytest.mark.parametrize("half", [{"end": 0.1}, {"until_update": 10}])
def test_half_a_schedule_is_refused(half: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="needs both end and until_update"):
        Temperature.model_validate(half)


def test_it_cannot_arrive_before_it_leaves() -> None:
    with pytest.raises(ValidationError, match="until_update must be greater than from_update"):
        Temperature(end=0.1, from_update=10, until_update=10)
