"""The orthogonal gated recurrent unit against its equations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from nmt.errors import UserError
from nmt.nn.cells import GRU, NCGRU, CellState
from nmt.nn.cells.nc_gru import ModReLU
from nmt.nn.cells.norms import SiteLayerNorm
from nmt.nn.initial import Uniform

INPUTS, WIDTH = 4, 6


def built(**options: Any) -> NCGRU:
    torch.manual_seed(4)
    cell = NCGRU.Config(**options).build(INPUTS, WIDTH)
    cell.initialise(Uniform(0.6, biases=0.3))
    return cell


def modrelu(z: Tensor, b: Tensor) -> Tensor:
    return torch.where(z.abs() + b > 0, z + b * z.sign(), 0.0)


@pytest.mark.parametrize("reset_after", [False, True])
@pytest.mark.parametrize("orthogonal", [("candidate",), ("candidate", "reset")])
@torch.no_grad()
def test_a_step_is_that_of_the_paper(orthogonal: tuple[str, ...], reset_after: bool) -> None:
    cell, x, h = built(orthogonal=orthogonal, reset_after=reset_after), torch.randn(3, INPUTS), torch.randn(3, WIDTH)
    x_r, x_u = (cell.input(x)).chunk(2, dim=-1)
    if cell.reset is None:
        h_r, h_u = cell.recurrent(h).chunk(2, dim=-1)
    else:
        h_r, h_u = h @ cell.reset.matrix(), cell.recurrent(h)
    r, u, w = torch.sigmoid(x_r + h_r), torch.sigmoid(x_u + h_u), cell.candidate.matrix()
    turned = r * (h @ w) if reset_after else (r * h) @ w
    c = modrelu(x @ cell.candidate_input.weight.t() + turned, cell.activation.bias)
    torch.testing.assert_close(cell.step(x, CellState(h)).output, u * h + (1 - u) * c)


def test_modrelu_shortens_or_lengthens_and_keeps_the_sign() -> None:
    activation = ModReLU(3)
    with torch.no_grad():
        activation.bias.copy_(torch.tensor([-0.5, 0.0, 0.5]))
    z = torch.tensor([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0], [0.25, -0.25, 0.0]])
    expected = torch.tensor([[0.5, 1.0, 1.5], [-0.5, -1.0, -1.5], [0.0, -0.25, 0.0]])
    assert torch.equal(activation(z), expected)


@torch.no_grad()
def test_without_input_and_with_open_gates_the_state_keeps_its_length_for_a_thousand_steps() -> None:
    """That of a GRU shrinks, with the same matrix."""
    cell, gru = NCGRU.Config().build(INPUTS, WIDTH), GRU.Config().build(INPUTS, WIDTH)
    state, grus = (CellState(torch.randn(2, WIDTH)) for _ in range(2))
    grus.output.copy_(state.output)
    before = state.output.norm(dim=1)
    gates = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])  # r, u and nothing; r, z and nothing
    projected, its = (1e4 * (2 * row - 1) * (row.new_tensor([1.0, 1.0, 0.0])) for row in gates)
    projected, its = (row.repeat_interleave(WIDTH)[None] for row in (projected, its))
    gru.get_submodule("candidate").get_parameter("weight").copy_(cell.candidate.weight)
    for _ in range(1000):
        state, grus = cell.advance(projected, state), gru.advance(its, grus)
    torch.testing.assert_close(state.output.norm(dim=1), before, rtol=1e-4, atol=0)
    assert (grus.output.norm(dim=1) < 0.2 * before).all()


def test_gradients_of_a_pass_are_those_of_its_steps_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix computed once has the sum of the gradients of all steps."""
    cell, x = built(), torch.randn(2, 5, INPUTS)
    cell(x).square().sum().backward()
    found = cell.candidate.skew.grad
    cell.candidate.skew.grad, plain = None, nn.Linear(WIDTH, WIDTH, bias=False)
    plain.weight.data = cell.candidate.weight.detach()
    state, total = CellState(x.new_zeros(2, WIDTH)), torch.zeros(())
    matrix = cell.candidate.weight
    monkeypatch.setattr(cell.candidate, "forward", plain.forward)
    for token in x.unbind(1):
        state = cell.step(token, state)
        total = total + state.output.square().sum()
    total.backward()
    matrix.backward(plain.weight.grad)
    torch.testing.assert_close(found, cell.candidate.skew.grad)


def test_half_of_the_diagonal_is_negative_unless_said_otherwise() -> None:
    assert (built().candidate.signs < 0).sum() == 3
    assert (built(negative_ones=0).candidate.signs < 0).sum() == 0
    with pytest.raises(UserError, match="negative_ones: expected at most the cell's width, 6, got 7"):
        built(negative_ones=7)


def test_a_norm_of_the_product_with_the_state_covers_ordinary_matrices_only() -> None:
    norm = SiteLayerNorm.Config(sites=("hh",))
    for orthogonal, covered in ((("candidate",), 2 * WIDTH), (("candidate", "reset"), WIDTH)):
        cell = built(orthogonal=orthogonal, norm=norm)
        assert [norm.bias.shape for norm in cell.norms.every()] == [(covered,)]


@pytest.mark.parametrize("orthogonal", [(), ("reset",), ("candidate", "candidate"), ("update",)])
def test_the_candidates_matrix_is_orthogonal_in_any_case(orthogonal: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="orthogonal"):
        NCGRU.Config.model_validate({"orthogonal": orthogonal})


def test_other_matrices_start_in_the_models_range_or_in_hes() -> None:
    for he, bound in ((False, 0.6), (True, 1.0)):
        cell = built(he_initialisation=he)
        assert 0.9 * bound < cell.recurrent.weight.abs().max() <= bound  # sqrt(6 / 6)
        before = cell.candidate.skew.detach().clone()
        cell.initialise(Uniform(0.1))
        assert torch.equal(cell.candidate.skew, before)
