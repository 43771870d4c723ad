"""States as older fairseq saved them, made from new ones, must come back as those."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from nmt.errors import UserError
from nmt.interop.fairseq import convs2s_weights, transformer_weights
from nmt.interop.fairseq_versions import upgraded
from tests.unit.interop.fairseq_states import convs2s, downgraded, transformer


def assert_equal(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_the_names_of_2018() -> None:
    state = transformer()
    old = downgraded(state)
    assert {"decoder.embed_out", "decoder.layers.0.encoder_attn.in_proj_bias"} < old.keys()
    assert "decoder.layers.0.layer_norms.2.weight" in old
    assert_equal(upgraded(old), state)
    assert_equal(transformer_weights(upgraded(old)), transformer_weights(state))


def test_todays_stay() -> None:
    for state in (transformer(), convs2s()):
        assert_equal(upgraded(state), state)


def test_a_shared_output_layer_had_no_weight() -> None:
    state = transformer()
    state["decoder.output_projection.weight"] = state["decoder.embed_tokens.weight"]
    old = {name: tensor for name, tensor in state.items() if name != "decoder.output_projection.weight"}
    assert_equal(upgraded(old, shares_output=True), state)
    with pytest.raises(UserError, match=r"1 missing \(decoder\.output_projection\.weight\)"):
        transformer_weights(upgraded(old))


def test_half_precision_becomes_single() -> None:
    half = {name: tensor.half() for name, tensor in transformer().items()}
    found = upgraded(half)
    assert all(tensor.dtype == torch.float32 for tensor in found.values())
    assert all(torch.equal(found[name], tensor.float()) for name, tensor in half.items())


def test_convolutions_that_were_normalised_over_another_axis() -> None:
    """The first versions had a magnitude for each position of the kernel; the convolution stays what it is."""
    state = convs2s()
    name = "decoder.convolutions.0"
    direction = state[f"{name}.weight_v"]
    state[f"{name}.weight_g"] = torch.randn(3, 1, 1)
    weight = direction * state[f"{name}.weight_g"] / direction.flatten(1).norm(dim=1)[:, None, None]
    ours = convs2s_weights(upgraded(state))
    ours_direction = ours["decoder.0.convolution.linear.direction"]
    found = ours_direction * (ours["decoder.0.convolution.linear.magnitude"] / ours_direction.norm(dim=1))[:, None]
    torch.testing.assert_close(found, weight.permute(2, 0, 1).flatten(1))


@pytest.mark.parametrize("shape", [(), (4,), (4, 4)])
def test_what_cannot_be_taken_apart_is_left_to_be_reported(shape: tuple[int, ...]) -> None:
    name = "encoder.layers.0.self_attn.in_proj_weight"
    assert upgraded({name: torch.zeros(shape)}).keys() == {name}
