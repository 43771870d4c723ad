"""The S5 mixer: its non-linearities, its place in a model, and what it learns where an LSTM does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nmt.models.transformer import Transformer
from nmt.nn.mixers import S5, LayerShape
from nmt.nn.parameter_groups import REST, parameter_groups
from nmt.training.flat import FlatParameters

SHAPE = LayerShape(dim=4, heads=1, attention_dropout=0.0)


def every(x: Tensor) -> Tensor:
    """The mask of sequences without padding."""
    return torch.ones(x.shape[:2], dtype=torch.bool)


@torch.no_grad()
@pytest.mark.parametrize("activation", ["half_glu1", "half_glu2", "full_glu", "gelu"])
def test_each_activation_is_its_formula(activation: str) -> None:
    mixer = S5.Config.model_validate({"states": 8, "blocks": 2, "activation": activation}).build(SHAPE)
    x = torch.randn(2, 5, 4)
    y = mixer.system(x)
    g = nn.functional.gelu(y)
    expected = g
    if mixer.gate is not None:
        gate = g @ mixer.gate.weight.mT + mixer.gate.bias
        gated = {"half_glu1": g, "half_glu2": y, "full_glu": gate[..., :4]}
        expected = gated[activation] * torch.sigmoid(gate[..., -4:])
    assert (mixer.gate is None) == (activation == "gelu")
    torch.testing.assert_close(mixer(x, every(x)), expected)


@torch.no_grad()
def test_padding_may_be_anything() -> None:
    """Also no numbers, which a product with zero would keep."""
    mixer, x = S5.Config(states=8, blocks=2).build(SHAPE), torch.randn(1, 5, 4)
    padded = nn.functional.pad(x, (0, 0, 2, 3), value=torch.nan)
    mask = nn.functional.pad(every(x), (2, 3), value=False)
    torch.testing.assert_close(mixer(padded, mask)[:, 2:7], mixer(x, every(x)))


def test_a_model_trains_the_dynamics_of_its_layers_as_a_group() -> None:
    options: dict[str, Any] = {"kind": "s5", "states": 8, "blocks": 1, "learning_rate_factor": 0.5}
    config = {"preset": "tiny", "encoder_mixer": options, "decoder_mixer": {**options, "learning_rate_factor": 0.1}}
    model = Transformer.Config.model_validate(config).build(20, 20)
    groups = parameter_groups(model)
    assert groups["encoder.3.s5.system.input.weight"].learning_rate_factor == 0.5
    assert groups["decoder.0.s5.system.log_step"].learning_rate_factor == 0.1
    assert groups["encoder.3.s5.system.output.weight"] == groups["encoder.0.s5_residual.norm.weight"] == REST
    assert len(FlatParameters(model, extra=0).groups) == 3


def test_a_long_sequence_has_finite_gradients() -> None:
    mixer = S5.Config(states=8, blocks=1).build(SHAPE)
    x = torch.randn(1, 8192, 4)
    mixer(x, every(x)).square().mean().backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in mixer.parameters())


DELAY = 40


class DelayedCopy(nn.Module):
    """Repeats a sequence of numbers [B, T] some positions later."""

    def __init__(self, width: int, recurrent: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.input, self.recurrent, self.output = nn.Linear(1, width), recurrent, nn.Linear(width, 1)

    def loss(self, x: Tensor) -> Tensor:
        y: Tensor = self.output(self.recurrent(self.input(x[:, :, None]))).squeeze(2)
        return (y[:, DELAY:] - x[:, :-DELAY]).square().mean()


def error_after_learning(parameters: nn.Module, recurrent: Callable[[Tensor], Tensor]) -> float:
    """The variance that is left after 25 updates; 1 without learning."""
    model = DelayedCopy(16, recurrent)
    optimizer = torch.optim.Adam({*model.parameters(), *parameters.parameters()}, lr=1e-2)
    draw, loss = torch.Generator().manual_seed(1), torch.empty(())
    for _ in range(25):
        optimizer.zero_grad()
        loss = model.loss(torch.randn(16, 2 * DELAY, generator=draw))
        loss.backward()
        optimizer.step()
    return loss.item()


def test_it_learns_to_copy_after_a_delay_that_an_lstm_does_not_bridge() -> None:
    torch.manual_seed(0)
    config = S5.Config(
        states=128, blocks=1, step_range=(0.02, 0.02), c_initialisation="truncated_normal", activation="gelu"
    )
    mixer = config.build_causal(LayerShape(dim=16, heads=1, attention_dropout=0.0))
    lstm = nn.LSTM(16, 16, batch_first=True)
    assert error_after_learning(mixer, lambda x: mixer(x, every(x))) < 0.3
    assert error_after_learning(lstm, lambda x: lstm(x)[0]) > 0.8
