"""The moving average by its formula, and that it leaves the weights alone."""

from __future__ import annotations

import pytest
import torch

from nmt.training.ema import MovingAverage


def test_it_is_the_decayed_sum() -> None:
    weights = torch.tensor([1.0])
    average = MovingAverage(weights, {}, decay=0.9)
    expected = 1.0
    for number in range(1, 200):
        weights.fill_(number)
        average.update(number)
        decay = min(0.9, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * number
        assert average.values.item() == pytest.approx(expected, rel=1e-5)
    assert average.values.item() == pytest.approx(199 - 9, abs=0.5)  # a ramp is followed 1 / (1 - 0.9) - 1 updates late


def test_weights_come_back_even_after_an_error() -> None:
    weights, means = torch.tensor([1.0, 2.0]), torch.tensor([5.0])
    average = MovingAverage(weights, {"mean": means}, decay=0.5)
    weights.copy_(torch.tensor([3.0, 4.0]))
    means.fill_(6.0)
    with pytest.raises(KeyboardInterrupt), average.in_place_of_weights():
        assert weights.tolist() == [1.0, 2.0]
        assert means.tolist() == [5.0]
        raise KeyboardInterrupt
    assert weights.tolist() == [3.0, 4.0]
    assert means.tolist() == [6.0]
    assert average.values.tolist() == [1.0, 2.0]


def test_statistics_are_averaged_as_the_weights_are() -> None:
    weights, means = torch.zeros(3), torch.zeros(3)
    average = MovingAverage(weights, {"mean": means}, decay=0.9)
    for number in range(1, 20):
        weights.fill_(number)
        means.fill_(number)
        average.update(number)
    assert torch.equal(average.statistics["mean"], average.values)
    assert average.values.any()
