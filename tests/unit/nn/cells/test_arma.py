"""The ARMA cell against the processes that it forecasts, and against the layers that are special cases of it."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional

from nmt.models.luong import Luong
from nmt.nn.cells import ARMA, CellState, TanhCell
from nmt.nn.cells.arma import ARMAState
from nmt.nn.cells.norms import SiteLayerNorm
from nmt.nn.clipping import AnnealedLimit, Clipping
from nmt.nn.initial import Uniform


def forecaster(p: int, q: int, width: int) -> ARMA:
    torch.manual_seed(8)
    return ARMA.Config(p=p, q=q, activation="linear").build(width, width).double()


def simulated(beta: Tensor, gamma: Tensor, shocks: Tensor) -> Tensor:
    """A series [B, T, width] of an ARMA process that is zero before its start.

    Args:
        beta: [p, width, width], of earlier values.
        gamma: [q, width, width], of earlier shocks.
        shocks: [B, T, width].
    """
    values: list[Tensor] = []
    for t, shock in enumerate(shocks.unbind(1)):
        value = shock
        for i, matrix in enumerate(beta[:t], start=1):
            value = value + values[t - i] @ matrix.T
        for j, matrix in enumerate(gamma[:t], start=1):
            value = value + shocks[:, t - j] @ matrix.T
        values.append(value)
    return torch.stack(values, dim=1)


def errors(cell: ARMA, series: Tensor) -> Tensor:
    """[B, T, width]: the values less their forecasts; the first value is forecast as zero."""
    return series - functional.pad(cell(series)[:, :-1], (0, 0, 1, 0))


@pytest.mark.parametrize(("p", "q"), [(1, 1), (2, 3), (3, 2)])
@torch.no_grad()
def test_with_the_parameters_of_a_process_its_errors_are_the_shocks(p: int, q: int) -> None:
    """A process with q > p needs as many inputs as q, without autoregressive terms."""
    width = 3
    cell = forecaster(max(p, q), q, width)
    beta, gamma = torch.zeros(2, max(p, q), width, width, dtype=torch.float64)
    nn.init.uniform_(beta[:p], -0.15, 0.15)
    nn.init.uniform_(gamma[:q], -0.15, 0.15)
    cell.input.weight.copy_((beta + gamma).flatten(0, 1))
    cell.recurrent.weight.copy_(-gamma[:q].flatten(0, 1))
    shocks = torch.randn(2, 60, width, dtype=torch.float64)
    series = simulated(beta, gamma, shocks)
    torch.testing.assert_close(errors(cell, series), shocks, atol=1e-12, rtol=0)
    assert (series - shocks).abs().max() > 0.5


@torch.no_grad()
def test_the_three_known_steps_of_the_authors_program() -> None:
    """Both kernels 0 to 47, all inputs one, also those before the first step; outputs before it zero."""
    cell = forecaster(3, 3, 4)
    kernel = torch.arange(48.0, dtype=torch.float64).view(3, 4, 4)  # for row vectors: x @ kernel
    columns = kernel.transpose(1, 2).flatten(0, 1)
    cell.input.weight.copy_(columns)
    cell.recurrent.weight.copy_(columns)
    one = torch.ones(1, 4, dtype=torch.float64)
    state = ARMAState(torch.zeros_like(one), (one @ (kernel[1] + kernel[2]), one @ kernel[2]))
    for _ in range(3):
        state = cell.step(one, state)
    assert state.output.tolist() == [[263688, 300756, 337824, 374892]]


@torch.no_grad()
def test_without_recurrence_it_is_a_causal_convolution() -> None:
    cell = ARMA.Config(p=4, q=2, activation="linear", diagonal=True).build(3, 5)
    cell.bias.normal_()
    x = torch.randn(2, 9, 3)
    kernel = cell.input.weight.view(4, 5, 3).permute(1, 2, 0).flip(2)  # [outputs, inputs, p], the oldest first
    expected = functional.conv1d(functional.pad(x.transpose(1, 2), (3, 0)), kernel, cell.bias).transpose(1, 2)
    torch.testing.assert_close(cell(x), expected)


@torch.no_grad()
def test_with_one_input_and_one_output_it_is_elmans() -> None:
    cell, elman = ARMA.Config(p=1, q=1).build(3, 5), TanhCell.Config().build(3, 5)
    elman.input.weight.copy_(cell.input.weight)
    elman.recurrent.weight.copy_(cell.recurrent.weight)
    elman.input.bias.copy_(cell.bias.normal_())
    x, h = torch.randn(4, 3), torch.randn(4, 5)
    torch.testing.assert_close(cell.step(x, ARMAState(h, ())).output, elman.step(x, CellState(h)).output)


@torch.no_grad()
def test_diagonal_it_is_the_cell_with_diagonal_matrices() -> None:
    diagonal = ARMA.Config(p=2, q=3, diagonal=True).build(4, 5)
    diagonal.initialise(Uniform(0.5, biases=0.5))
    full = ARMA.Config(p=2, q=3).build(4, 5)
    full.input.weight.copy_(diagonal.input.weight)
    full.bias.copy_(diagonal.bias)
    full.recurrent.weight.copy_(torch.cat([torch.diag(part) for part in diagonal.recurrent.weight.chunk(3)]))
    x = torch.randn(2, 7, 4)
    torch.testing.assert_close(diagonal(x), full(x))
    assert sum(part.numel() for part in diagonal.recurrent.parameters()) == 3 * 5


@torch.no_grad()
def test_a_limit_holds_a_recurrence_that_diverges() -> None:
    x = torch.ones(1, 200, 2)
    for limit, bounded in ((None, False), (AnnealedLimit(Clipping(start=3.0, end=3.0, until_update=1)), True)):
        cell = ARMA.Config(p=1, q=2, activation="relu").build(2, 2, limit)
        cell.recurrent.weight.fill_(1.0)
        assert (cell(x).abs().max() <= 3.0) == bounded


def test_training_finds_the_parameters_of_a_process() -> None:
    """The response to one shock has the loss of endless random shocks: they are independent, so the expected squared
    error is the sum of squares of the response. Its minimum is therefore free of sampling noise.
    """
    beta, gamma = torch.tensor([[0.1, 0.3], [-0.4, -0.2]], dtype=torch.float64)
    cell = forecaster(2, 2, 1)
    cell.initialise(Uniform(0.05))
    shocks = functional.pad(torch.ones(1, 1, 1, dtype=torch.float64), (0, 0, 0, 39))
    series = simulated(beta[:, None, None], gamma[:, None, None], shocks)
    optimiser = torch.optim.LBFGS(cell.parameters(), max_iter=50, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimiser.zero_grad()
        error = errors(cell, series).square().sum()
        error.backward()
        return error.item()

    optimiser.step(loss)
    found = -cell.recurrent.weight.detach().flatten()
    torch.testing.assert_close(found, gamma, atol=1e-3, rtol=0)
    torch.testing.assert_close(cell.input.weight.detach().flatten() - found, beta, atol=1e-3, rtol=0)
    assert cell.bias.abs() < 1e-3


def test_states_with_other_numbers_of_sums_cannot_begin_luongs_decoder() -> None:
    with pytest.raises(
        ValidationError, match=r"as cell, arma with max\(p, q\) = 3, .* but it is arma with max\(p, q\) = 2"
    ):
        Luong.Config(cell=ARMA.Config(), encoder_cell=ARMA.Config(p=2, q=1))
    assert Luong.Config(cell=ARMA.Config(), encoder_cell=ARMA.Config(p=1)).encoder_cell is not None


def test_it_has_no_memory_to_normalise() -> None:
    with pytest.raises(ValidationError, match="this cell has the sites ih, hh, but not c"):
        ARMA.Config(norm=SiteLayerNorm.Config(sites=("c",)))
