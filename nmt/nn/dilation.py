"""Windows of frames that stand apart, over which a dilated convolution is a linear layer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from nmt.nn.weight_norm import WeightNormLinear

_LARGEST_EXPONENT = 30
"""2^30 is beyond any sentence and still an index."""


def dilation_of_layer(layer: int) -> int:
    """The distance between the frames of a window, which doubles from layer to layer: 1, 2, 4, ..."""
    return 1 << min(layer, _LARGEST_EXPONENT)


def window_linear(dim: int, kernel: int) -> WeightNormLinear:
    """The weight of a convolution with D channels: a layer over windows of `kernel` frames.

    Initially of the variance of PyTorch's convolutions, 1 / (3 kernel D), as in the code of Cheng et al. 2022.
    """
    return WeightNormLinear(kernel * dim, dim, 1 / math.sqrt(3 * kernel * dim))


def windows(x: Tensor, offsets: Sequence[int]) -> Tensor:
    """The frames at each position plus these offsets, zeros beyond both ends.

    Args:
        x: [B, T, D].
        offsets: distances to the frames of a window, negative for earlier ones.

    Returns:
        [B, T, offsets * D]
    """
    length = x.shape[1]
    within = (min(max(offset, -length), length) for offset in offsets)
    return torch.cat([torch.nn.functional.pad(x, (0, 0, -offset, offset)) for offset in within], dim=-1)


def ring_windows(x: Tensor, mask: Tensor, offsets: Sequence[int]) -> Tensor:
    """As `windows`, on the ring that the real positions of each sentence form: position (t + offset) mod n of its n.

    Args:
        x: [B, T, D].
        mask: [B, T] bool, True on real positions, which are adjacent.
        offsets: distances to the frames of a window.

    Returns:
        [B, T, offsets * D]; at padding, the position itself.
    """
    rows, length, dim = x.shape
    count = mask.sum(1).clamp(min=1)[:, None, None]
    first = mask.int().argmax(1)[:, None, None]
    every = torch.arange(length, device=x.device)[None, :, None]
    around = first + (every - first + torch.tensor(offsets, device=x.device)) % count  # [B, T, offsets]
    frame = torch.where(mask[:, :, None], around, every)
    frame = frame + length * torch.arange(rows, device=x.device)[:, None, None]
    return x.reshape(-1, dim).index_select(0, frame.flatten()).view(rows, length, -1)
