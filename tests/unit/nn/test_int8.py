"""Layers of bytes: as stored, packed for this CPU, and back in floating point."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nmt.nn.embedding import TokenEmbedding
from nmt.nn.int8 import Int8Embedding, Int8Linear, PackedLinear, quantized_weight
from nmt.nn.int8_product import activation_levels, is_supported, plain_product


def layers(inputs: int = 24, outputs: int = 11, *, bias: bool = True) -> tuple[nn.Linear, Int8Linear]:
    linear = nn.Linear(inputs, outputs, bias=bias)
    return linear, Int8Linear(*quantized_weight(linear.weight), linear.bias)


forms = ["stored", pytest.param("packed", marks=pytest.mark.skipif(not is_supported(), reason="for x86-64"))]


def in_form(small: Int8Linear, form: str) -> Int8Linear | PackedLinear:
    return small.packed() if form == "packed" else small


@pytest.mark.parametrize("form", forms)
@pytest.mark.parametrize("bias", [True, False])
def test_every_leading_shape_gives_the_rows_of_the_plain_product(form: str, bias: bool) -> None:
    linear, small = layers(bias=bias)
    layer = in_form(small, form)
    assert (layer.in_features, layer.out_features) == (24, 11)
    x = torch.randn(6, 24)
    rows = layer(x)
    if form == "stored" or activation_levels() == 127:
        torch.testing.assert_close(rows, plain_product(x, *quantized_weight(linear.weight), linear.bias))
    torch.testing.assert_close(layer(x.view(2, 3, 24)), rows.view(2, 3, 11))
    torch.testing.assert_close(layer(x.view(3, 1, 2, 24)), rows.view(3, 1, 2, 11))
    torch.testing.assert_close(layer(x[0]), rows[0])
    torch.testing.assert_close(layer(x.view(2, 3, 24).transpose(0, 1)), rows.view(2, 3, 11).transpose(0, 1))


@pytest.mark.parametrize("form", forms)
@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_no_rows_give_no_rows(form: str, shape: tuple[int, ...]) -> None:
    assert in_form(layers()[1], form)(torch.zeros(*shape, 24)).shape == (*shape, 11)


@pytest.mark.parametrize("form", forms)
def test_it_is_the_layer_up_to_rounding(form: str) -> None:
    linear, small = layers(256, 64)
    x = torch.randn(50, 256)
    expected = linear(x)
    # Rounding x and W to 127 steps of a maximum of some 2.9 and 1.7 standard deviations: errors of less than 0.01 each.
    assert (in_form(small, form)(x) - expected).std() < 0.02 * expected.std() * 127 / activation_levels()


def test_weights_dequantised_are_within_half_a_step_and_compute_as_a_plain_layer() -> None:
    linear, small = layers()
    back = small.dequantized()
    assert type(back) is nn.Linear
    assert ((back.weight - linear.weight).abs() <= linear.weight.abs().amax(1, keepdim=True) / 254 * 1.0001).all()
    assert back.bias is linear.bias
    x = torch.randn(3, 24)
    torch.testing.assert_close(back(x), x @ (small.weight * small.row_scale[:, None]).T + linear.bias)


def test_what_is_stored_is_bytes_and_a_scale_per_row() -> None:
    _, small = layers()
    state = small.state_dict()
    assert {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in state.items()} == {
        "weight": (torch.int8, (11, 24)),
        "row_scale": (torch.float32, (11,)),
        "bias": (torch.float32, (11,)),
    }
    assert [name for name, _ in small.named_parameters()] == ["bias"]


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_embeddings_are_the_rows_up_to_rounding(scale: float) -> None:
    embedding = TokenEmbedding(9, 16, 0, std=1.0, scale=scale)
    with torch.no_grad():
        embedding.weight.mul_(torch.logspace(-3, 3, 9)[:, None])
    small = Int8Embedding(*quantized_weight(embedding.weight), embedding.scale)
    tokens = torch.tensor([[0, 3, 8], [8, 1, 2]])
    expected, found = embedding(tokens), small(tokens)
    assert (found.dtype, found.shape) == (torch.float32, (2, 3, 16))
    step = scale * embedding.weight.abs().amax(1)[tokens][..., None] / 127
    assert ((found - expected).abs() <= step / 2 * 1.0001).all()
    assert (found[0, 0] == 0).all()  # padding
    torch.testing.assert_close(found, small.dequantized()[tokens] * scale)
    assert small(tokens[:, :0]).shape == (2, 0, 16)
