"""Networks that are one fixed function during a pass."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nmt.nn.dropout import Dropout
from nmt.nn.held import MaskShape, hold
from nmt.nn.injected_attention import InjectedSelfAttention
from nmt.nn.linear.folding import fold
from nmt.nn.weight_norm import WeightNormLinear, use_weight_norm


class Network(nn.Module):
    """Every kind of part that is held."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.Linear(6, 8)
        self.normed = WeightNormLinear(8, 8, std=1.0, bias=False)
        self.dropout = Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        dropped: Tensor = self.dropout(self.normed(torch.relu(self.plain(x))))
        return dropped


@pytest.mark.parametrize("shape", ["sentence", "token"])
def test_a_held_network_gives_the_same_at_each_call_and_another_draw_is_another_function(shape: MaskShape) -> None:
    network, x = Network(), torch.randn(3, 5, 6)
    held = hold(network, shape)
    first = held(x)
    assert torch.equal(held(x), first)
    assert torch.equal(held(2 * x) != 0, first != 0)
    assert not torch.equal(hold(network, shape)(x), first)
    torch.manual_seed(1)
    seeded = hold(network, shape)(x)
    torch.manual_seed(1)
    assert torch.equal(hold(network, shape)(x), seeded)


def test_masks_of_a_sentence_are_shared_by_its_tokens_alone() -> None:
    dropout, ones = Dropout(0.5), torch.ones(4, 7, 64)
    sentence, token = hold(dropout, "sentence")(ones), hold(dropout, "token")(ones)
    assert torch.equal(sentence, sentence[:, :1].expand_as(sentence))
    assert len({tuple(mask[0].tolist()) for mask in sentence}) == 4
    assert len({tuple(mask.tolist()) for mask in token.flatten(0, 1)}) == 28
    for masked in (sentence, token):
        assert set(masked.unique().tolist()) == {0.0, 2.0}
        assert 0.3 < (masked == 0).float().mean() < 0.7


def test_attention_weights_have_a_mask_each_even_where_sentences_have_one() -> None:
    weights = torch.ones(2, 3, 5, 5)
    masked = hold(Dropout(0.5), "sentence")(weights)
    assert not torch.equal(masked, masked[:, :1].expand_as(masked))


def test_the_module_stays_as_it_is() -> None:
    network, x = Network(), torch.randn(3, 5, 6)
    parts, state = dict(network.named_modules()), {name: value.clone() for name, value in network.state_dict().items()}
    hold(network, "sentence")(x).sum().backward()
    assert dict(network.named_modules()) == parts
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert not torch.equal(network(x), network(x))  # draws anew


def test_without_dropout_it_computes_what_the_module_computes() -> None:
    network, x = Network().eval(), torch.randn(3, 5, 6)
    assert torch.equal(hold(network)(x), network(x))


def test_a_fixed_function_is_held_as_it_is() -> None:
    network = Network().eval()
    assert hold(network) is not network  # its weight norm would be computed at each call
    folded = fold(network)
    assert hold(folded) is folded
    with torch.autocast("cpu", torch.bfloat16):
        assert hold(folded) is not folded


def test_gradients_reach_direction_magnitude_and_plain_weights() -> None:
    network, x = Network(), torch.randn(3, 5, 6)
    network.dropout.p = 0.0
    held = hold(network)
    (held(x).square().sum() + held(3 * x).square().sum()).backward()
    found = {name: parameter.grad for name, parameter in network.named_parameters()}
    network.zero_grad()
    (network(x).square().sum() + network(3 * x).square().sum()).backward()
    assert {"normed.direction", "normed.magnitude", "plain.weight", "plain.bias"} == set(found)
    for name, parameter in network.named_parameters():
        assert found[name] is not None
        torch.testing.assert_close(found[name], parameter.grad)


def test_attention_within_a_held_network_draws_its_mask_once() -> None:
    attention, z, injection = InjectedSelfAttention(8, 2, dropout=0.5), torch.randn(2, 4, 8), torch.randn(2, 4, 24)
    use_weight_norm(attention, 0.5)
    held = hold(attention, "sentence")
    assert torch.equal(held(z, injection, None), held(z, injection, None))
    assert not torch.equal(attention(z, injection, None), attention(z, injection, None))


def test_under_autocast_weights_are_converted_once_and_a_pass_without_gradients_cuts_nothing_off() -> None:
    network, x = Network(), torch.randn(3, 5, 6)
    with torch.autocast("cpu", torch.bfloat16):
        held = hold(network)
        with torch.no_grad():
            held(x)
        held(x).float().sum().backward()
    assert held.plain.weight.dtype == held.normed.weight.dtype == torch.bfloat16
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())
