"""Windows of frames, by hand."""

from __future__ import annotations

import torch

from nmt.nn.dilation import dilation_of_layer, ring_windows, windows


def test_windows_by_hand() -> None:
    x = torch.tensor([[[1.0], [2.0], [3.0]]])
    assert windows(x, (-1, 0, 1)).tolist() == [[[0, 1, 2], [1, 2, 3], [2, 3, 0]]]
    assert windows(x, (-2, 5, -9)).tolist() == [[[0, 0, 0], [0, 0, 0], [1, 0, 0]]]


def test_windows_on_rings_of_one_two_and_three_positions_by_hand() -> None:
    x = torch.tensor([[1.0, 2.0, 3.0], [9.0, 4.0, 5.0], [6.0, 9.0, 9.0]])[:, :, None]
    mask = torch.tensor([[True, True, True], [False, True, True], [True, False, False]])
    assert ring_windows(x, mask, (-1, 0, 1)).tolist() == [
        [[3, 1, 2], [1, 2, 3], [2, 3, 1]],
        [[9, 9, 9], [5, 4, 5], [4, 5, 4]],
        [[6, 6, 6], [9, 9, 9], [9, 9, 9]],
    ]
    assert ring_windows(x, mask, (-4, 2)).tolist() == [
        [[3, 3], [1, 1], [2, 2]],
        [[9, 9], [4, 4], [5, 5]],
        [[6, 6], [9, 9], [9, 9]],
    ]


def test_frames_of_a_window_keep_their_channels_together() -> None:
    x = torch.tensor([[[1.0, 10.0], [2.0, 20.0]]])
    mask = torch.ones(1, 2, dtype=torch.bool)
    assert ring_windows(x, mask, (0, 1)).tolist() == [[[1, 10, 2, 20], [2, 20, 1, 10]]]
    assert windows(x, (0, 1)).tolist() == [[[1, 10, 2, 20], [2, 20, 0, 0]]]


def test_dilations_double() -> None:
    assert [dilation_of_layer(layer) for layer in range(5)] == [1, 2, 4, 8, 16]
    assert dilation_of_layer(999) == dilation_of_layer(30) == 2**30
