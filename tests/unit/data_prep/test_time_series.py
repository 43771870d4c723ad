"""Time series: the process, its levels, and forecasts with known errors."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist, fmean, pvariance
from typing import Any

import pytest
from pydantic import ValidationError

from data_prep.synthetic import TimeSeries
from nmt.data.corpus import Yardstick
from nmt.text import read_lines

SMALL: dict[str, Any] = {"pairs": 20, "validation_pairs": 5, "test_pairs": 200}


def measured(series: TimeSeries, folder: Path) -> dict[str, float]:
    """Nats per token of each yardstick on the test set, without the end of the series."""
    test = series.fetch(folder).tests["test"]

    def loss(yardstick: Yardstick) -> float:
        return -fmean(fmean(guess.log_probabilities[:-1]) for guess in yardstick.guesses)

    return {yardstick.name.partition(":")[0]: loss(yardstick) for yardstick in series.yardsticks(test)}


def test_its_values_have_the_variance_and_the_levels_of_the_process(tmp_path: Path) -> None:
    """An autoregressive process of order 1 has the variance 1 / (1 - weight^2)."""
    series = TimeSeries(autoregressive=(0.6,), moving_average=(), levels=60, **SMALL)
    lines = list(read_lines(series.fetch(tmp_path).tests["test"].target))
    assert len(lines) == 200
    levels = [int(token) for line in lines for token in line.split()]
    assert len(levels) == 200 * 64
    assert fmean(levels) == pytest.approx(29.5, abs=0.4)
    assert pvariance(levels) == pytest.approx(10**2, rel=0.04)  # 60 levels are six standard deviations
    following = [(a, b) for line in lines for a, b in zip(line.split(), line.split()[1:], strict=False)]
    covariance = fmean((int(a) - 29.5) * (int(b) - 29.5) for a, b in following)
    assert covariance / pvariance(levels) == pytest.approx(0.6, abs=0.03)


def test_with_fine_levels_a_forecast_misses_only_the_shock(tmp_path: Path) -> None:
    """Its loss is then the entropy of a shock, that of a guess without the past the entropy of a value."""
    series = TimeSeries(autoregressive=(0.6,), moving_average=(), levels=200, **SMALL)
    width = 6 * NormalDist(0.0, math.sqrt(1 / (1 - 0.36))).stdev / 200
    entropy = 0.5 * math.log(2 * math.pi * math.e)
    found = measured(series, tmp_path)
    first = 0.5 * math.log(1 / 0.64) / 64  # the first value has no past
    assert found["linear forecast with the true parameters"] == pytest.approx(
        entropy - math.log(width) + first, abs=0.02
    )
    assert found["trivial"] == pytest.approx(entropy + 0.5 * math.log(1 / 0.64) - math.log(width), abs=0.02)


def test_a_moving_average_is_forecast_from_all_of_the_past(tmp_path: Path) -> None:
    """x_t = e_t + 0.9 e_(t-1): the shocks are found from the past, which leaves an error of variance 1, not 1.81."""
    found = measured(TimeSeries(autoregressive=(), moving_average=(0.9,), levels=200, **SMALL), tmp_path)
    gain = found["trivial"] - found["linear forecast with the true parameters"]
    assert gain == pytest.approx(0.5 * math.log(1.81), abs=0.04)


def test_the_same_options_give_the_same_files(tmp_path: Path) -> None:
    one, other = (TimeSeries(**SMALL).fetch(tmp_path / name) for name in ("one", "other"))
    assert one.training[0].target.read_text() == other.training[0].target.read_text()
    assert (
        one.validation.target.read_text()
        != TimeSeries(**SMALL, seed=2).fetch(tmp_path / "third").validation.target.read_text()
    )


def test_a_process_that_is_not_stationary_and_a_source_are_refused() -> None:
    with pytest.raises(ValidationError, match="must be stationary"):
        TimeSeries(autoregressive=(1.0,))
    with pytest.raises(ValidationError, match="source"):
        TimeSeries.model_validate({"source": "en"})
