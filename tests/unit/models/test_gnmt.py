"""What makes GNMT GNMT: where contexts and residuals go, its size, its bounds."""

from __future__ import annotations

from functools import partial
from typing import Literal

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from nmt.models.gnmt import GNMT
from nmt.models.weights import load_weights, named_weights, parameter_count
from nmt.nn.annealing import anneal
from nmt.nn.cells import LSTM
from nmt.nn.clipping import Clipping

small = partial(GNMT.Config, model_dim=8, encoder_layers=3, decoder_layers=3, initial_range=0.5)
Context = Literal["previous", "current"]


def run(model: GNMT, target_input: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and attention, for a source of two sentences."""
    source = torch.tensor([[5, 6, 7, 3], [8, 9, 3, 0]])
    mask = source != 0
    target_mask = torch.ones_like(target_input, dtype=torch.bool)
    with torch.no_grad():
        output = model.decode(target_input, target_mask, model.encode(source, mask), need_attention=True)
    assert output.attention is not None
    return output.logits, output.attention


TARGET = torch.tensor([[2, 5, 6, 7], [2, 9, 8, 4]])


def test_full_size_has_the_papers_parameters() -> None:
    """278,728,704 without the attention: 8+8 layers, 1,024, 32,000 pieces, nothing tied."""
    with torch.device("meta"):
        model = GNMT.Config().build(32_000, 32_000)
    assert parameter_count(model) - parameter_count(model.attention) == 278_728_704
    assert parameter_count(model.attention) == 2 * 1024 * 1024 + 2 * 1024


@pytest.mark.parametrize("upper_context", ["previous", "current"])
def test_attention_waits_for_the_lowest_layers_previous_step_only(
    upper_context: Literal["previous", "current"],
) -> None:
    """As published, a step's own token has no part in its attention; in the variant it has."""
    config = small(upper_context=upper_context)
    model = config.build(12, 12).eval()
    changed = TARGET.clone()
    changed[:, 2] = 11
    (_, before), (_, after) = run(model, TARGET), run(model, changed)
    assert torch.equal(before[:, :2], after[:, :2])
    assert torch.equal(before[:, 2], after[:, 2]) == (upper_context == "previous")
    assert not torch.equal(before[:, 3], after[:, 3])


@pytest.mark.parametrize("upper_context", ["previous", "current"])
def test_only_the_lowest_layer_drives_the_attention(upper_context: Context) -> None:
    config = small(upper_context=upper_context)
    model = config.build(12, 12).eval()
    logits, before = run(model, TARGET)
    with torch.no_grad():
        for parameter in model.decoder[1:].parameters():
            parameter.mul_(-2.0)
    other_logits, after = run(model, TARGET)
    assert torch.equal(before, after)
    assert not torch.equal(logits, other_logits)


def silence(layer: torch.nn.Module) -> None:
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()


@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_from_the_third_layer_on_input_is_added_to_output(layer: int) -> None:
    """A layer of zeros puts out zeros: with a residual it is as if it were not there, without one all stops there."""
    config = small(encoder_layers=4, decoder_layers=4)
    shallow = small(encoder_layers=4, decoder_layers=3)
    model = config.build(12, 12).eval()
    silence(model.decoder[layer])
    logits, _ = run(model, TARGET)
    if layer < 2:
        above = model.decoder[layer + 1]
        assert isinstance(above, LSTM)
        fed = above.input.weight[:, : config.model_dim]
        with torch.no_grad():
            fed.add_(1.0)
        assert torch.equal(run(model, TARGET)[0], logits), "the layer above should read zeros"
        return
    without = {name: tensor for name, tensor in named_weights(model).items() if f"decoder.{layer}." not in name}
    renamed = {name.replace("decoder.3.", "decoder.2.") if layer == 2 else name: t for name, t in without.items()}
    other = shallow.build(12, 12).eval()
    load_weights(other, renamed, "test")
    torch.testing.assert_close(run(other, TARGET)[0], logits)


def test_the_encoder_adds_residuals_from_its_third_layer_on() -> None:
    deep = small(encoder_layers=4).build(12, 12).eval()
    silence(deep.encoder[2])
    silence(deep.encoder[3])
    shallow = small(encoder_layers=2).build(12, 12).eval()
    kept = {n: t for n, t in named_weights(deep).items() if not n.startswith(("encoder.2.", "encoder.3."))}
    load_weights(shallow, kept, "test")
    torch.testing.assert_close(run(deep, TARGET)[0], run(shallow, TARGET)[0])


def test_only_the_lowest_encoder_layer_looks_ahead() -> None:
    model = small().build(12, 12).eval()
    source = torch.tensor([[5, 6, 7, 3]])
    changed = torch.tensor([[5, 6, 11, 3]])
    mask = torch.ones_like(source, dtype=torch.bool)
    assert not torch.equal(model.encode(source, mask).values[:, 0], model.encode(changed, mask).values[:, 0])
    silence(model.encoder_backward)
    assert torch.equal(model.encode(source, mask).values[:, :2], model.encode(changed, mask).values[:, :2])


def test_wide_bounds_change_nothing_and_narrow_ones_bind() -> None:
    plain = small().build(12, 12).eval()
    wide = Clipping(start=1e6, end=1e6, until_update=1, logits=1e6)
    bounded = small(clipping=wide).build(12, 12).eval()
    load_weights(bounded, {**named_weights(plain), "limit.delta": torch.tensor(1e6)}, "test")
    torch.testing.assert_close(run(bounded, TARGET)[0], run(plain, TARGET)[0])
    narrow = Clipping(start=0.01, end=0.01, until_update=1, logits=0.02)
    model = small(clipping=narrow, cell=LSTM.Config(output_tanh=False)).build(12, 12).eval()
    with torch.no_grad():
        model.get_parameter("output.weight").mul_(1000)
    source = torch.tensor([[5, 6, 7, 3]])
    assert model.encode(source, source > 0).values.abs().max() <= 0.01
    assert run(model, TARGET)[0].abs().max() == pytest.approx(0.02)


def test_two_encoder_layers_are_the_fewest() -> None:
    with pytest.raises(ValidationError, match="encoder_layers"):
        GNMT.Config(encoder_layers=1)


def test_what_a_cell_starts_from_is_the_cells_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model draws a weight that a cell has given its own start, such as an orthogonal recurrence."""
    monkeypatch.setattr(LSTM, "initialise", lambda cell, start: torch.nn.init.eye_(cell.recurrent.weight))
    model = small().build(12, 12)
    for cell in (*model.encoder, model.encoder_backward, *model.decoder):
        assert torch.equal(cell.recurrent.weight, torch.eye(32, 8))


def test_all_cells_share_the_models_one_bound() -> None:
    """It is saved once, under the name that it always had, and annealed for all."""
    model = small(clipping=Clipping(start=8.0, end=1.0, until_update=10)).build(12, 12)
    assert [name for name in named_weights(model) if "delta" in name] == ["limit.delta"]
    anneal(model, 5)
    assert [cell.limit.delta.item() for cell in (*model.encoder, model.encoder_backward, *model.decoder)] == [4.5] * 7
