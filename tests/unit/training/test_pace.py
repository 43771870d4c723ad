"""The expected end of a training covers its validations."""

from __future__ import annotations

import time

import pytest

from nmt.training.pace import Pace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """One time, which a test moves on."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_what_is_left_is_updates_and_validations(clock: list[float]) -> None:
    """An update of 2 s and a validation of 30 s: 100 updates with a validation after each 25."""
    watch = Pace(0, 100, 25)
    assert watch.seconds_left() is None
    for update in range(1, 26):
        clock[0] += 2.0
        watch.updated(update)
    assert watch.seconds_left() == pytest.approx(75 * 2)  # nobody knows yet what a validation takes
    clock[0] += 30.0
    watch.validated()
    assert watch.seconds_left() == pytest.approx(75 * 2 + 3 * 30)
    for update in range(26, 51):
        clock[0] += 2.0
        watch.updated(update)
    assert watch.seconds_left(validating=True) == pytest.approx(50 * 2 + 3 * 30)
    clock[0] += 10.0  # of the validation
    assert watch.seconds_left(validating=True) == pytest.approx(50 * 2 + 3 * 30 - 10)


def test_time_spent_otherwise_does_not_count(clock: list[float]) -> None:
    watch = Pace(10, 20, 100)
    clock[0] += 50.0
    watch.skip_time()
    clock[0] += 1.0
    watch.updated(11)
    assert watch.seconds_left() == pytest.approx(9)
