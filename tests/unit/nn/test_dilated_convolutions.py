"""Circular and causal dilated convolutions: what they see, and what they leave as it is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from nmt.nn.decoded import Decoded
from nmt.nn.mixers import CircularConvolution, DilatedConvolution, LayerShape, Mixer

DIM = 4


def circular(layers: int, **options: Any) -> list[Mixer]:
    """Mixers of successive layers."""
    torch.manual_seed(0)
    return randomised([CircularConvolution.Config(**options).build(shape(layer)) for layer in range(layers)])


def causal(layers: int, **options: Any) -> list[Mixer]:
    torch.manual_seed(0)
    return randomised([DilatedConvolution.Config(**options).build_causal(shape(layer)) for layer in range(layers)])


def shape(layer: int) -> LayerShape:
    return LayerShape(DIM, heads=1, attention_dropout=0.0, layer=layer)


def randomised(mixers: Sequence[Mixer]) -> list[Mixer]:
    """In float64, with random biases and lengths of the weights."""
    for parameter in (parameter for mixer in mixers for parameter in mixer.parameters() if parameter.dim() == 1):
        nn.init.normal_(parameter)
    return [mixer.double() for mixer in mixers]


def through(mixers: list[Mixer], x: Tensor, mask: Tensor | None = None) -> Tensor:
    """x: [B, T, D], through residual layers."""
    mask = torch.ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
    for mixer in mixers:
        x = x + mixer(x, mask)
    return x


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, DIM, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def seen(mixers: list[Mixer], length: int, position: int) -> list[int]:
    """The positions on which the result at one position depends, by its gradient; positive values pass every ReLU."""
    for mixer in mixers:
        for parameter in mixer.parameters():
            parameter.data.abs_()
    x = drawn(1, length).abs().requires_grad_()
    through(mixers, x)[0, position].sum().backward()
    assert x.grad is not None
    found: list[int] = x.grad[0].any(-1).nonzero().squeeze(1).tolist()
    return found


@pytest.mark.parametrize("length", [1, 2, 5, 8, 13])
def test_what_goes_in_rotated_comes_out_rotated(length: int) -> None:
    mixers, x = circular(3), drawn(2, length)
    for shift in range(length):
        rotated = through(mixers, x.roll(shift, 1))
        torch.testing.assert_close(rotated, through(mixers, x).roll(shift, 1), atol=1e-12, rtol=0)


def test_with_zeros_beyond_the_ends_a_rotation_changes_the_result() -> None:
    mixers, x = circular(3, padding="zero"), drawn(1, 8)
    assert not torch.allclose(through(mixers, x.roll(1, 1)), through(mixers, x).roll(1, 1))


@pytest.mark.parametrize(("length", "layers"), list(product([1, 2, 6, 16, 31, 64], [1, 3, 5])))
def test_a_position_sees_as_many_as_the_formula_says(length: int, layers: int) -> None:
    found = seen(circular(layers), length, length // 3)
    assert len(found) == min(length, 2 ** (layers + 1) - 1)


def test_the_fewest_layers_of_the_paper_miss_one_position_of_the_ring() -> None:
    assert seen(circular(3), 16, position=2) == [each for each in range(16) if each != 10]


def test_a_wider_kernel_and_a_fixed_dilation_see_these_positions() -> None:
    assert seen(circular(1, kernel=5, dilation=3), 20, position=4) == [1, 4, 7, 10, 18]
    assert seen(circular(1, kernel=5, dilation=3, padding="zero"), 20, position=4) == [1, 4, 7, 10]


def test_a_causal_convolution_sees_so_many_before() -> None:
    assert seen(causal(3), 40, position=30) == list(range(16, 31))
    assert seen(causal(4, kernel=2), 40, position=5) == list(range(6))


@pytest.mark.parametrize("padding", ["circular", "zero"])
def test_sentences_of_all_lengths_in_a_batch_are_as_if_alone(padding: str) -> None:
    mixers = circular(5, padding=padding, kernel=5)
    lengths, longest = range(1, 12), 14
    x = drawn(2 * len(lengths), longest)
    places = [*((0, length) for length in lengths), *((longest - length, longest) for length in lengths)]
    mask = torch.tensor([[start <= each < end for each in range(longest)] for start, end in places])
    together = through(mixers, x, mask)
    for row, (start, end) in enumerate(places):
        alone = through(mixers, x[row, None, start:end])
        torch.testing.assert_close(together[row, start:end], alone[0])


def test_a_step_keeps_no_more_frames_than_its_reach() -> None:
    (mixer,) = causal(1, kernel=3, dilation=20)
    assert isinstance(mixer, DilatedConvolution)
    x = drawn(1, 100)
    decoded, capacities, found = Decoded.nothing([mixer.begin(1, 1, x)], x, 1, 1), list[int](), list[Tensor]()
    with torch.no_grad():
        for position in range(100):
            slot = decoded.next_slot()
            step, past = mixer.step(x[:, position, None], decoded.layers[0], slot)
            decoded = decoded.advanced(slot, [past])
            capacities.append(past.ring.shape[1])
            found.append(step)
        torch.testing.assert_close(torch.cat(found, 1), mixer(x, torch.ones(1, 100, dtype=torch.bool)))
    assert capacities == [16] * 16 + [32] * 16 + [40] * 68


def test_an_even_kernel_is_refused_in_words() -> None:
    with pytest.raises(ValidationError, match="must be odd, since a window has as many frames before .*; not 4"):
        CircularConvolution.Config(kernel=4)
