"""The annealed bound."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from nmt.nn.clipping import AnnealedLimit, Clipping


@pytest.mark.parametrize(("update", "delta"), [(1, 8.0), (100, 8.0), (200, 4.5), (300, 1.0), (5000, 1.0)])
def test_delta_goes_down_in_a_straight_line(update: int, delta: float) -> None:
    limit = AnnealedLimit(Clipping(start=8.0, end=1.0, from_update=100, until_update=300))
    limit.anneal(update)
    assert limit.delta.item() == delta


def test_delta_is_saved() -> None:
    limit = AnnealedLimit(Clipping(until_update=10))
    limit.anneal(5)
    other = AnnealedLimit(Clipping(until_update=10))
    other.load_state_dict(limit.state_dict())
    assert other.delta.item() == limit.delta.item() == 4.5


def test_delta_cannot_arrive_before_it_leaves() -> None:
    with pytest.raises(ValidationError, match="until_update must be greater than"):
        Clipping(from_update=5000, until_update=2000)
