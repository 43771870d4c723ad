"""Norms within cells against the equations of their papers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from nmt.models.gnmt import GNMT
from nmt.models.luong import Luong
from nmt.nn.cells import GRU, LSTM, CellState, TanhCell
from nmt.nn.cells.lstm import LSTMState
from nmt.nn.cells.norms import AssortedTimeNorm, InputBatchNorm, Site, SiteLayerNorm
from nmt.nn.initial import Uniform

INPUTS, WIDTH, ROWS = 4, 6, 3


def built(config: LSTM.Config | GRU.Config | TanhCell.Config) -> Any:
    """With random gains and biases."""
    torch.manual_seed(5)
    cell = config.build(INPUTS, WIDTH)
    cell.initialise(Uniform(0.7, biases=0.5))
    for norm in cell.norms.every():
        nn.init.uniform_(norm.get_parameter("weight"), 0.5, 1.5)
    return cell


def layer_norm(cell: Any, site: Site, x: Tensor, part: int = 0) -> Tensor:
    norm = cell.norms.at(site)[part]
    centred = x - x.mean(-1, keepdim=True)
    gained: Tensor = norm.weight * centred / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt() + norm.bias
    return gained


def test_lstm_of_ba_et_al() -> None:
    """As in their supplement."""
    cell = built(LSTM.Config(norm=SiteLayerNorm.Config()))
    x, h, c = torch.randn(ROWS, INPUTS), torch.randn(ROWS, WIDTH), torch.randn(ROWS, WIDTH)
    gates = layer_norm(cell, "ih", x @ cell.input.weight.T) + layer_norm(cell, "hh", h @ cell.recurrent.weight.T)
    i, f, g, o = gates.chunk(4, -1)
    memory = f.sigmoid() * c + i.sigmoid() * g.tanh()
    found = cell.step(x, LSTMState(h, c, past=cell.norms.begin(x, ROWS)))
    torch.testing.assert_close(found.memory, memory)
    torch.testing.assert_close(found.output, o.sigmoid() * layer_norm(cell, "c", memory).tanh())


@pytest.mark.parametrize("reset_after", [False, True])
def test_gru_of_ba_et_al(reset_after: bool) -> None:
    """As in their supplement, where the reset gate applies to the normalised product; and in Chung's order."""
    cell = built(GRU.Config(reset_after=reset_after, norm=SiteLayerNorm.Config()))
    x, h = torch.randn(ROWS, INPUTS), torch.randn(ROWS, WIDTH)
    gates, new = (x @ cell.input.weight.T).split([2 * WIDTH, WIDTH], -1)
    recurrent = h @ cell.recurrent.weight.T
    r, z = (layer_norm(cell, "ih", gates) + layer_norm(cell, "hh", recurrent[:, : 2 * WIDTH])).sigmoid().chunk(2, -1)
    if reset_after:
        candidate = r * (layer_norm(cell, "hh", recurrent[:, 2 * WIDTH :], 1) + cell.recurrent_bias)
    else:
        candidate = layer_norm(cell, "hh", (r * h) @ cell.candidate.weight.T, 1)
    n = (layer_norm(cell, "ih", new, 1) + candidate).tanh()
    found = cell.step(x, CellState(h, past=cell.norms.begin(x, ROWS))).output
    torch.testing.assert_close(found, (1 - z) * n + z * h if reset_after else (1 - z) * h + z * n)


def test_a_site_alone_leaves_the_others_as_they_are() -> None:
    cell = built(LSTM.Config(norm=SiteLayerNorm.Config(sites=("hh",))))
    x, h, c = torch.randn(ROWS, INPUTS), torch.randn(ROWS, WIDTH), torch.randn(ROWS, WIDTH)
    gates = cell.input(x) + layer_norm(cell, "hh", h @ cell.recurrent.weight.T)
    i, f, g, o = gates.chunk(4, -1)
    found = cell.step(x, LSTMState(h, c, past=cell.norms.begin(x, ROWS)))
    torch.testing.assert_close(found.output, o.sigmoid() * (f.sigmoid() * c + i.sigmoid() * g.tanh()).tanh())


def test_the_forget_gate_is_open_at_first_with_a_norm_too() -> None:
    cell = LSTM.Config(forget_bias=2.0, norm=SiteLayerNorm.Config()).build(INPUTS, WIDTH)
    cell.initialise(Uniform(0.1))
    expected = torch.zeros(4, WIDTH)
    expected[1] = 2.0
    assert torch.equal(cell.norms.at("ih")[0].bias, expected.flatten())


def test_batch_norm_in_training_is_that_of_torch_on_all_real_tokens() -> None:
    """Laurent et al. 2015: h' = phi(W h + BN(W x)), with statistics over sentences and positions."""
    cell = built(TanhCell.Config(norm=InputBatchNorm.Config())).train()
    x, mask = torch.randn(2, 4, INPUTS), torch.tensor([[True] * 4, [True, True, False, False]])
    theirs = nn.BatchNorm1d(WIDTH)
    theirs.load_state_dict(cell.norms.at("ih")[0].state_dict() | {"num_batches_tracked": torch.tensor(0)})
    outputs, _ = cell.read(x.masked_fill(~mask[:, :, None], 50.0), mask)
    products = torch.zeros(2, 4, WIDTH)
    products[mask] = theirs(x[mask] @ cell.input.weight.T)
    h = torch.zeros(2, WIDTH)
    for position in range(4):
        h = (products[:, position] + h @ cell.recurrent.weight.T).tanh()
        real = mask[:, position]
        torch.testing.assert_close(outputs[real, position], h[real])


def assorted(window: int, dim: int = WIDTH) -> AssortedTimeNorm:
    return AssortedTimeNorm.Config(window=window).build(dim)


def test_assorted_time_norm_of_known_vectors() -> None:
    x = torch.tensor([[[0.0, 0.0], [2.0, 2.0]]])
    torch.testing.assert_close(assorted(2, dim=2)(x), x / 2 / (1 + 1e-5) ** 0.5)
    assert not assorted(1, dim=2)(x).any()


def test_assorted_time_norm_takes_the_statistics_of_all_values_of_its_window() -> None:
    x, norm = torch.randn(ROWS, 7, WIDTH, dtype=torch.float64), assorted(3).double()
    found = norm(x)
    for t in range(7):
        values = x[:, max(0, t - 2) : t + 1].flatten(1)
        spread = (values.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
        torch.testing.assert_close(found[:, t], (x[:, t] - values.mean(1, keepdim=True)) / spread)


def test_a_window_of_one_step_or_a_constant_input_gives_layer_norm() -> None:
    x = torch.randn(ROWS, 5, WIDTH)
    torch.testing.assert_close(assorted(1)(x), nn.functional.layer_norm(x, (WIDTH,)))
    still = x[:, :1].expand(-1, 5, -1)
    torch.testing.assert_close(assorted(4)(still), nn.functional.layer_norm(still, (WIDTH,)))


def test_a_change_of_scale_over_time_stays_visible() -> None:
    x, norm = torch.randn(ROWS, 5, WIDTH), assorted(3)
    louder = torch.linspace(1.0, 4.0, 5)[:, None]
    torch.testing.assert_close(norm(7.0 * x), norm(x), atol=1e-4, rtol=1e-4)
    layer = SiteLayerNorm.Config().build(WIDTH)
    torch.testing.assert_close(layer(louder * x), layer(x), atol=1e-4, rtol=1e-4)
    assert (norm(louder * x) - norm(x)).abs().max() > 0.1


def test_its_gradient_reaches_all_steps_of_the_window_and_no_others() -> None:
    """d y[t, j] / d x[tau, m] = ([tau = t][m = j] - (1 + z[t, j] z[tau, m]) / (K D)) / deviation."""
    x, window = torch.randn(1, 4, WIDTH, dtype=torch.float64, requires_grad=True), 2
    y = AssortedTimeNorm.Config(window=window, epsilon=1e-12).build(WIDTH).double()(x)
    t, j = 3, 1
    (found,) = torch.autograd.grad(y[0, t, j], x)
    values = x[0, t - window + 1 :].detach()
    deviation = values.std(correction=0)
    z = (values - values.mean()) / deviation
    expected = -(1 + z[-1, j] * z) / (window * WIDTH)
    expected[-1, j] += 1
    torch.testing.assert_close(found[0, t - window + 1 :], expected / deviation)
    assert not found[0, : t - window + 1].any()


@pytest.mark.parametrize("cell", [GRU.Config, TanhCell.Config])
def test_a_site_that_the_cell_does_not_have_is_refused(cell: type[GRU.Config] | type[TanhCell.Config]) -> None:
    with pytest.raises(ValidationError, match="this cell has the sites ih, hh, but not c"):
        cell(norm=SiteLayerNorm.Config(sites=("ih", "c")))


@pytest.mark.parametrize("model", [GNMT.Config, Luong.Config])
def test_statistics_of_whole_sentences_are_for_encoders_alone(model: type[GNMT.Config] | type[Luong.Config]) -> None:
    batch = LSTM.Config(norm=InputBatchNorm.Config())
    with pytest.raises(ValidationError, match="batch cannot be used in a decoder"):
        model(cell=batch)
    assert model(encoder_cell=batch).encoder_cell == batch


def test_luongs_encoder_has_cells_of_the_decoders_kind() -> None:
    with pytest.raises(ValidationError, match="must be of the same kind as cell, lstm"):
        Luong.Config(encoder_cell=GRU.Config())
