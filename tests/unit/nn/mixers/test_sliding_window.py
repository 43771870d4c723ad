"""Attention in a window, in blocks and in steps, against the definition over all pairs of positions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nmt.nn.mixers import LayerShape, SlidingWindow
from nmt.nn.relative_positions import RelativePositions, bucket_of
from nmt.nn.window import Window

DIM, HEADS = 8, 2


def plainly(mixer: SlidingWindow, x: Tensor, mask: Tensor, *, is_causal: bool) -> Tensor:
    queries, keys, values = mixer.input(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)  # [B, H, T, D/H]
    scale = mixer.nearby.attention.scale
    if scale is not None:
        queries, keys = (part / (part.square().sum(-1, keepdim=True) + 1e-6).sqrt() for part in (queries, keys))
    factor = (DIM // HEADS) ** -0.5 if scale is None else scale.abs()[:, None, None]
    position = torch.arange(x.shape[1])
    distances = position[:, None] - position
    scores = queries @ keys.mT * factor + mixer.nearby.relative_positions(distances)
    seen = mask[:, None, None, :] & (distances.abs() < mixer.window)
    if is_causal:
        seen = seen & (distances >= 0)
    context = scores.masked_fill(~seen, -torch.inf).softmax(-1) @ values
    output: Tensor = mixer.output(context.transpose(1, 2).flatten(2))
    return output


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize(("length", "window"), [(1, 1), (5, 1), (4, 9), (4, 4), (9, 4), (12, 4), (11, 3)])
@torch.no_grad()
def test_blocks_give_the_definition(length: int, window: int, normalized: bool) -> None:
    torch.manual_seed(length)
    x = torch.randn(2, length, DIM, dtype=torch.float64)
    mask = torch.arange(length) < torch.tensor([[length], [max(1, length - 2)]])
    options, shape = SlidingWindow.Config(window=window, normalized=normalized), LayerShape(DIM, HEADS, 0.0)
    for mixer, is_causal in ((options.build(shape), False), (options.build_causal(shape), True)):
        assert isinstance(mixer, SlidingWindow)
        mixer.double().eval()
        expected = plainly(mixer, x, mask, is_causal=is_causal)
        torch.testing.assert_close(mixer(x, mask)[mask], expected[mask])


def test_a_window_holds_the_last_positions_side_by_side() -> None:
    window = Window.nothing(torch.empty(0), 2, 3, 1, 1)
    for position in range(20):
        window = window.write(*torch.full((2, 2, 1, 1), float(position)))
        if position % 4 == 0:  # other hypotheses; what is not in use need not move
            window = window.descend(torch.tensor([1, 1]), None, 0)
        last, both = window.last()[0], window.all()[1]
        assert last[1].flatten().tolist() == list(range(max(0, position - 2), position + 1))
        assert both[0].flatten().tolist() == list(range(max(0, position // 3 * 3 - 3), position + 1))
        assert window.at_border == (position % 3 == 2)
        assert window.keys.shape == (2, 6, 1, 1)


def test_near_distances_have_buckets_of_their_own_and_far_ones_share_them() -> None:
    """As in T5, whose buckets for later keys follow those for earlier ones."""
    distances = torch.tensor([0, 1, 15, 16, 17, 18, 31, 32, 64, 127, 128, 5000, -1])
    assert bucket_of(distances, causal=True).tolist() == [0, 1, 15, 16, 16, 16, 21, 21, 26, 31, 31, 31, 0]
    distances = torch.tensor([0, 1, 7, 8, 11, 12, 16, 64, 128, 900, -1, -7, -8, -900])
    assert bucket_of(distances, causal=False).tolist() == [0, 1, 7, 8, 8, 9, 10, 14, 15, 15, 17, 23, 24, 31]


def test_a_bias_is_looked_up_by_head_and_distance() -> None:
    positions = RelativePositions(3, 4, causal=True)
    found = positions(torch.tensor([[0, 200], [2, 2]]))
    assert torch.equal(found, torch.stack([positions.table[:, [0, 31]], positions.table[:, [2, 2]]], dim=1))
