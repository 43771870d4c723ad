"""A tally is the sum of its parts, whether these are added up as numbers or as a tensor."""

from __future__ import annotations

import math

import pytest
import torch

from nmt.training.position import Position
from nmt.training.tally import Tally, TallyTensor


def test_the_tensor_is_the_sum_of_micro_batches() -> None:
    values = torch.zeros(TallyTensor.size(("reward",)))
    tally = TallyTensor(values, ("reward",))
    for _ in range(2):
        tally.add(torch.tensor(1.5, requires_grad=True), torch.tensor(0.5), tokens=7, units=3, figures=(0.25,))
    expected = Tally(loss=3.0, likelihood=1.0, tokens=14, units=6, figures={"reward": 0.5})
    assert tally.read() == expected
    half = Tally(loss=1.5, likelihood=0.5, tokens=7, units=3, figures={"reward": 0.25})
    assert half + half == expected
    assert Tally() + half == half == half + Tally()


def test_means_are_over_units_and_perplexity_over_tokens() -> None:
    tally = Tally(loss=3.0, likelihood=14 * math.log(2), tokens=14, units=6, figures={"reward": 1.5})
    assert (tally.mean_loss(), tally.mean_figures()) == (0.5, {"reward": 0.25})
    assert tally.perplexity() == pytest.approx(2.0)
    assert (Tally().mean_loss(), Tally().perplexity()) == (0.0, 1.0)


def test_a_tally_in_a_checkpoint_of_an_earlier_version_is_read() -> None:
    sums = '"loss": 2.0, "likelihood": 1.0, "gradient_norm": 3.0, "tokens": 9, "updates": 2, "units": 4, "reward": 0.5'
    since = Position.model_validate_json(f'{{"update": 7, "since_log": {{{sums}}}}}').since_log
    assert since.tally == Tally(loss=2.0, likelihood=1.0, tokens=9, units=4, figures={"reward": 0.5})
    assert (since.gradient_norm, since.updates) == (3.0, 2)
    plain = Position.model_validate_json('{"since_log": {"loss": 2.0, "reward": 0.0}}').since_log
    assert plain.tally.figures == {}  # nothing that a log line of plain likelihood would show
    again = Position.model_validate_json(Position(since_log=since).model_dump_json())
    assert again.since_log == since
