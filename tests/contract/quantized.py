"""A listed model in all its forms, and how equal their results are."""

from __future__ import annotations

import random
from typing import NamedTuple

from torch import Tensor

from nmt.data.batch import Batch
from nmt.models import ModelConfig
from tests.contract.random_models import VOCABULARY, Model, teacher_forced

EXACT = 1e-5
"""Of the standard deviation of the logits: what another order of summation makes."""
STEPS = 0.15
"""The same: what a few numbers rounded to another side make."""


class Quantized(NamedTuple):
    """A listed model in all its forms."""

    config: ModelConfig
    model: Model
    stored: Model
    packed: Model
    settles: bool
    """Whether it computes the same number of times whatever its numbers are."""


def examples() -> list[tuple[list[int], list[int]]]:
    draw = random.Random(3)

    def sentence() -> list[int]:
        return [draw.randrange(4, VOCABULARY) for _ in range(draw.randint(1, 9))]

    return [(sentence(), sentence()) for _ in range(12)]


def logits_of(model: Model, batch: Batch) -> Tensor:
    """[target tokens, V]: the logits of the real tokens."""
    return teacher_forced(model, batch)[0][batch.target_mask]


def assert_rows_equal(found: Tensor, expected: Tensor, *, settles: bool = True) -> None:
    """But for a few rows, which are close."""
    difference = (found - expected).abs().amax(-1) / expected.std()
    assert difference.max() < STEPS
    if settles:
        assert (difference < EXACT).float().mean() > 0.9
    else:
        assert difference.median() < STEPS / 2
