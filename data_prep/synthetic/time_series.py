"""Quantised time series of an autoregressive moving-average process, for language models."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from random import Random
from statistics import NormalDist
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from data_prep.synthetic.base import Distribution, SyntheticText, numerals
from nmt.data.corpus import LanguageCode, Text
from nmt.data.yardstick import Guess, Yardstick, guess_by_position
from nmt.text import read_lines

Vector = npt.NDArray[np.float64]

_RANGE = 3.0
"""Standard deviations of the process, to both sides, that the levels divide."""
_LONGEST_MEMORY = 500
"""Steps within which a process has to forget a shock."""
_FORGOTTEN = 1e-6
"""A shock is forgotten when its effect is never again above this."""


class TimeSeries(SyntheticText):
    """A time series, one number a token, to be predicted by a language model from what came before.

        x_t = sum of autoregressive_i x_(t-i) + shock_t + sum of moving_average_j shock_(t-j)

    The shocks are normal with variance 1. A token is the level of x_t: the range of three standard deviations to both
    sides is cut into equal levels, the outermost of which are open. Recipes need `task: language_model`.

    Without reading the past, the levels of the default process have a perplexity of 10.6, a token accuracy of 16 %. The
    optimum is close to the linear forecast from all of the past with the true parameters: 4.6 and 35 %. Both are per
    token, the end of a series included, which they foresee; reports have the figures of the actual test set.
    """

    kind: Literal["time_series"] = "time_series"
    source: None = None
    """A time series has no source."""
    target: LanguageCode = "series"
    """Name of the series, as the language of a language model's text."""
    pairs: Annotated[int, Field(ge=1, le=10_000_000)] = 5000
    """Number of training series."""
    length: Annotated[int, Field(ge=2, le=500)] = 64
    """Number of tokens of a series."""
    levels: Annotated[int, Field(ge=2, le=1000)] = 16
    """Number of different tokens."""
    autoregressive: Annotated[tuple[float, ...], Field(max_length=10)] = (1.2, -0.5)
    """Weights of the last values, the newest first."""
    moving_average: Annotated[tuple[float, ...], Field(max_length=10)] = (0.6,)
    """Weights of the last shocks, the newest first."""

    @model_validator(mode="after")
    def _is_stationary(self) -> Self:
        if len(self._responses) == _LONGEST_MEMORY:
            raise ValueError(
                f"the process must be stationary and forget a shock within {_LONGEST_MEMORY} steps, but with "
                f"autoregressive={list(self.autoregressive)} it does not: use smaller weights"
            )
        return self

    def row(self, random: Random, split: str, number: int) -> tuple[str, ...]:
        """A stretch of the process, which starts from zeros long before."""
        past, shocks = [0.0] * len(self.autoregressive), [0.0] * len(self.moving_average)
        values = []
        for _ in range(len(self._responses) + self.length):
            shock = random.gauss()
            value = _weighted(self.autoregressive, past) + _weighted(self.moving_average, shocks) + shock
            past, shocks = [value, *past][: len(past)], [shock, *shocks][: len(shocks)]
            values.append(value)
        return (" ".join(str(self._level(value)) for value in values[-self.length :]),)

    def blind(self) -> Sequence[Distribution]:
        """The stationary distribution, at each position."""
        known = NormalDist(0.0, self._deviation)
        return [dict(zip(numerals(self.levels), self._probabilities(known), strict=True))] * self.length

    def yardsticks(self, test: Text) -> Sequence[Yardstick]:
        """A forecast without the past, and the best linear forecast from all of the past."""
        lines, blind = list(read_lines(test.target)), self.blind()
        return (
            Yardstick("trivial: past not read", tuple(guess_by_position(blind, line) for line in lines)),
            Yardstick("linear forecast with the true parameters", tuple(self._forecasts(lines))),
        )

    @cached_property
    def _responses(self) -> list[float]:
        """The response of the process to a shock of 1, from its own step on, until it is forgotten."""
        shocks = [1.0, *self.moving_average]
        found: list[float] = []
        for step in range(_LONGEST_MEMORY):
            recent = found[: -len(self.autoregressive) - 1 : -1]
            found.append((shocks[step] if step < len(shocks) else 0.0) + _weighted(self.autoregressive, recent))
        while abs(found[-1]) < _FORGOTTEN:
            found.pop()
        return found

    @cached_property
    def _deviation(self) -> float:
        """Standard deviation of the process."""
        return math.sqrt(self._covariances(1)[0])

    def _covariances(self, count: int) -> Vector:
        """Covariances of the process at distances from 0."""
        responses = np.array([*self._responses, *[0.0] * count])
        known = len(self._responses)
        return np.array([responses[:known] @ responses[lag : lag + known] for lag in range(count)])

    @cached_property
    def _step(self) -> float:
        """Width of a level."""
        return 2 * _RANGE * self._deviation / self.levels

    def _level(self, value: float) -> int:
        return min(max(math.floor(value / self._step + self.levels / 2), 0), self.levels - 1)

    def _probabilities(self, known: NormalDist) -> list[float]:
        """The probability of each level for a normally distributed value."""
        edges = [known.cdf((level - self.levels / 2) * self._step) for level in range(1, self.levels)]
        return [high - low for low, high in zip([0.0, *edges], [*edges, 1.0], strict=True)]

    def _forecasts(self, lines: Sequence[str]) -> Iterator[Guess]:
        """The guesses of the linear forecast, which takes each level for its middle, with the error of that.

        For a stationary process, the weights for t past values follow from those for t - 1 (Durbin and Levinson).
        """
        levels = np.array([[int(token) for token in line.split()] for line in lines])  # [N, T]
        values = (levels - (self.levels - 1) / 2) * self._step
        rounding = self._step**2 / 12
        covariances = self._covariances(self.length)
        covariances[0] += rounding
        weights, variance, spread = np.zeros(0), covariances[0], list[float]()
        means = np.zeros_like(values)
        for past in range(self.length):
            if past:
                newest_last = covariances[past] - weights @ covariances[past - 1 : 0 : -1]
                share = newest_last / variance
                weights = np.append(weights - share * weights[::-1], share)
                variance *= 1 - share**2
                means[:, past] = values[:, past - 1 :: -1][:, :past] @ weights
            spread.append(math.sqrt(variance - rounding))
        for line, real, forecast in zip(lines, levels.tolist(), means.tolist(), strict=True):
            known = [NormalDist(*of) for of in zip(forecast, spread, strict=True)]
            chances = [self._chance(of, level) for of, level in zip(known, real, strict=True)]
            right = sum(self._level(mean) == level for mean, level in zip(forecast, real, strict=True))
            yield Guess(line, (*map(math.log, chances), 0.0), right + 1)

    def _chance(self, known: NormalDist, level: int) -> float:
        """The probability of one level."""
        low, high = ((edge - self.levels / 2) * self._step for edge in (level, level + 1))
        below = known.cdf(low) if level else 0.0
        return max((known.cdf(high) if level < self.levels - 1 else 1.0) - below, 1e-12)


def _weighted(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=False))
