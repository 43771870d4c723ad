"""Batch normalisation with statistics for each time step, by hand and against torch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nmt.nn.cells import LSTM, TanhCell
from nmt.nn.cells.norms import InputBatchNorm, StepBatchNorm
from nmt.nn.initial import Uniform

INPUTS, WIDTH = 4, 3
RECURRENT = InputBatchNorm.Config(sites=None, least_rows=2)


def per_step(dim: int = 1, *, momentum: float = 1.0, most_steps: int = 3, least_rows: int = 2) -> StepBatchNorm:
    norm = StepBatchNorm(dim, momentum=momentum, epsilon=1e-12, most_steps=most_steps, least_rows=least_rows)
    return norm.double()


def lengths(*of_rows: int) -> Tensor:
    """The mask [B, T] of sequences at the start of their rows."""
    return torch.arange(max(of_rows)) < torch.tensor(of_rows)[:, None]


def end_update(norm: StepBatchNorm) -> None:
    norm.store(norm.take_sums())


def numbers(*rows: list[float]) -> Tensor:
    """[B, T, 1], from the values of each row."""
    return torch.tensor(rows, dtype=torch.float64)[:, :, None]


def test_a_step_that_few_reach_is_normalised_by_all_steps_up_to_it() -> None:
    norm, x, mask = per_step(), numbers([1.0, 5.0, 2.0], [3.0, 0.0, 0.0]), lengths(3, 1)
    found = norm(x, mask)[:, :, 0]
    torch.testing.assert_close(found[:, 0], torch.tensor([-1.0, 1.0]).double())  # mean 2, variance 1
    assert found[0, 1].item() == pytest.approx((5 - 3) / (8 / 3) ** 0.5)  # of 1, 3, 5
    assert found[0, 2].item() == pytest.approx((2 - 2.75) / 2.1875**0.5)  # of 1, 3, 5, 2
    end_update(norm)
    torch.testing.assert_close(norm.running_mean[:, 0], torch.tensor([2.0, 3.0, 2.75]).double())
    torch.testing.assert_close(norm.running_var[:, 0], torch.tensor([2.0, 4.0, 8.75 / 3]).double())
    expected = (x[:, :, 0] - norm.running_mean[:, 0]) / norm.running_var[:, 0].sqrt()
    torch.testing.assert_close(norm.eval()(x, mask)[mask][:, 0], expected[mask])


def test_a_single_row_at_the_first_step_gives_the_bias_and_is_not_stored() -> None:
    norm = per_step()
    assert norm(numbers([7.0])).item() == 0.0
    end_update(norm)
    assert norm.running_weight.tolist() == [[0.0]] * 3
    assert norm.eval()(numbers([7.0])).item() == pytest.approx(7.0)  # mean 0, variance 1
    norm.train()(numbers([7.0, 9.0]))
    end_update(norm)
    assert norm.eval()(numbers([9.0])).item() == pytest.approx((9 - 8) / 2**0.5)  # as at the first step that is stored


def test_later_steps_share_the_last() -> None:
    norm = per_step(most_steps=2)
    norm(numbers([0.0, 1.0, 5.0, 2.0], [0.0, 3.0, 7.0, 6.0]))
    end_update(norm)
    of_later = torch.tensor([1.0, 3.0, 5.0, 7.0, 2.0, 6.0]).double()
    torch.testing.assert_close(norm.running_mean[1, 0], of_later.mean())
    torch.testing.assert_close(norm.running_var[1, 0], of_later.var())
    expected = (9.0 - of_later.mean()) / of_later.std()
    torch.testing.assert_close(norm.eval()(numbers([9.0] * 6))[0, 1:, 0], expected.expand(5))


def test_steps_beyond_those_of_training_share_the_last_that_it_reached() -> None:
    norm = per_step(most_steps=100)
    norm(numbers([0.0, 1.0], [0.0, 3.0]))
    end_update(norm)
    torch.testing.assert_close(norm.eval()(numbers([4.0] * 9))[0, 1:, 0], torch.full((8,), 2 / 2**0.5).double())


def test_an_update_moves_only_the_steps_that_it_reaches_and_the_first_sets_them() -> None:
    norm = per_step(momentum=0.25)
    norm(numbers([0.0, 1.0], [2.0, 5.0]))
    end_update(norm)
    stored = norm.running_mean / norm.running_weight
    torch.testing.assert_close(stored[:2, 0], torch.tensor([1.0, 3.0]).double())
    norm(numbers([6.0], [10.0]))
    end_update(norm)
    stored = norm.running_mean / norm.running_weight
    assert stored[:2, 0].tolist() == pytest.approx([(0.75 * 1 + 8) / 1.75, 3.0])


def test_one_step_without_padding_is_torchs_batch_norm() -> None:
    ours, theirs = (
        StepBatchNorm(5, momentum=0.25, epsilon=1e-5, most_steps=1, least_rows=2),
        nn.BatchNorm1d(5, 1e-5, 0.25),
    )
    for seed in range(3):
        x = torch.randn(7, 5, generator=torch.Generator().manual_seed(seed)) * 2 + 1
        mine, other = x[:, None].clone().requires_grad_(), x.clone().requires_grad_()
        found, expected = ours(mine, torch.ones(7, 1, dtype=torch.bool))[:, 0], theirs(other)
        torch.testing.assert_close(found, expected)
        found.pow(3).sum().backward()
        expected.pow(3).sum().backward()
        assert mine.grad is not None
        torch.testing.assert_close(mine.grad[:, 0], other.grad, atol=1e-5, rtol=1e-5)
        end_update(ours)
    torch.testing.assert_close(ours.running_mean[0], theirs.running_mean)
    share = ours.running_weight[0]  # torch's start from 0 and 1, which keep the rest of the weight
    assert share.item() == pytest.approx(1 - 0.75**3)
    torch.testing.assert_close(ours.running_var[0] + 1 - share, theirs.running_var)


def test_each_step_with_enough_rows_is_torchs_batch_norm_of_its_rows() -> None:
    norm, x, mask = per_step(5, least_rows=3), torch.randn(6, 4, 5).double(), lengths(4, 4, 1, 4, 2, 3)
    found = norm(x.masked_fill(~mask[:, :, None], 1e3), mask)
    for step in range(4):
        real = mask[:, step]
        theirs = nn.BatchNorm1d(5, eps=1e-12).double()
        torch.testing.assert_close(found[real, step], theirs(x[real, step]))


def test_two_parts_of_an_update_are_stored_as_the_whole() -> None:
    """Also where each part has too few rows for what it uses itself."""
    whole, parts = per_step(5, least_rows=4), per_step(5, least_rows=4)
    x, mask = torch.randn(6, 3, 5).double(), lengths(3, 3, 1, 3, 2, 3)
    whole(x, mask)
    parts(x[:2], mask[:2])
    sums = parts.take_sums()
    parts(x[2:], mask[2:])
    end_update(whole)
    parts.store(sums + parts.take_sums())
    torch.testing.assert_close(parts.statistics(), whole.statistics())


def test_in_an_average_a_model_that_never_reached_a_step_has_no_say_in_it() -> None:
    far, short = per_step(), per_step()
    far(numbers([0.0, 1.0], [2.0, 5.0]))
    short(numbers([4.0], [6.0]))
    end_update(far)
    end_update(short)
    mean = per_step().eval()
    for stored, one, other in zip(*(each.statistics().values() for each in (mean, far, short)), strict=True):
        stored.copy_((one + other) / 2)
    torch.testing.assert_close(mean(numbers([3.0, 3.0]))[0, :, 0], torch.tensor([0.0, 0.0]).double())


def built(config: LSTM.Config | TanhCell.Config) -> Any:
    torch.manual_seed(5)
    cell = config.build(INPUTS, WIDTH)
    cell.initialise(Uniform(0.7, biases=0.5))
    return cell.double()


def test_lstm_of_cooijmans_et_al() -> None:
    cell, x = built(LSTM.Config(norm=RECURRENT)), torch.randn(8, 5, INPUTS).double()

    def normalized(site: str, x: Tensor) -> Tensor:
        norm = cell.norms.at(site)[0]
        return nn.functional.batch_norm(x, None, None, norm.weight, norm.bias, training=True)

    h, c = (torch.zeros(8, WIDTH).double() for _ in range(2))
    for step, found in enumerate(cell(x).unbind(1)):
        gates = normalized("ih", x[:, step] @ cell.input.weight.T) + normalized("hh", h @ cell.recurrent.weight.T)
        i, f, g, o = gates.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * normalized("c", c).tanh()
        torch.testing.assert_close(found, h)


@pytest.mark.parametrize("least_rows", [2, 16])
def test_its_gradient_is_that_of_its_values(least_rows: int) -> None:
    cell = built(LSTM.Config(norm=InputBatchNorm.Config(sites=None, least_rows=least_rows, epsilon=1e-2)))
    x, mask = torch.randn(3, 3, INPUTS).double().requires_grad_(), lengths(2, 3, 2)
    weights = [cell.input.weight, cell.recurrent.weight]
    assert torch.autograd.gradcheck(lambda x, *_: cell.read(x, mask)[0][mask], (x, *weights))


def test_sequences_that_start_later_take_their_first_step_together() -> None:
    cell, x = built(TanhCell.Config(norm=RECURRENT)), torch.randn(4, 3, INPUTS).double()
    mask = lengths(3, 2, 3, 1)
    expected, _ = cell.read(x, mask)
    later, outputs = torch.zeros(4, 5, INPUTS).double(), torch.zeros(4, 5, dtype=torch.bool)
    for row, start in enumerate([2, 0, 1, 4]):
        count = int(mask[row].sum())
        later[row, start : start + count] = x[row, :count]
        outputs[row, start : start + count] = True
    torch.testing.assert_close(cell.read(later, outputs)[0][outputs], expected[mask])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [(InputBatchNorm, 1.0)]),
        ({"ih_statistics": "per_step"}, [(StepBatchNorm, 1.0)]),
        ({"sites": None}, [(StepBatchNorm, 0.1)] * 3),
        (
            {"sites": ("ih", "c"), "ih_statistics": "pooled", "initial_gain": 0.2},
            [(InputBatchNorm, 0.2), (StepBatchNorm, 0.2)],
        ),
    ],
)
def test_the_options_choose_the_published_forms(options: dict[str, Any], expected: list[tuple[type, float]]) -> None:
    norms = list(built(LSTM.Config(norm=InputBatchNorm.Config(**options))).norms.every())
    assert [type(norm) for norm in norms] == [kind for kind, _ in expected]
    for norm, (_, gain) in zip(norms, expected, strict=True):
        torch.testing.assert_close(norm.weight.detach().float(), torch.full_like(norm.weight, gain).float())
