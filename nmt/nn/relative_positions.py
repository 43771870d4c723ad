"""Learned biases of attention scores by how far back a key is, as in T5 (Raffel et al. 2020, section 2.1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

BUCKETS = 32
FARTHEST = 128
"""From this distance on, all keys share a bucket."""


class RelativePositions(nn.Module):
    """One bias per head and bucket of distances; a bucket is wider the farther away it is.

    Args:
        heads: H.
        dim: width of the layer; biases start as normal noise of standard deviation 1/sqrt(dim).
        causal: whether no key is later than its query; otherwise half of the buckets are for later keys.
    """

    buckets: Tensor

    def __init__(self, heads: int, dim: int, *, causal: bool) -> None:
        super().__init__()
        # on the CPU even when the model is built on the meta device: no file contains these numbers
        distances = torch.arange(-FARTHEST, FARTHEST + 1, device="cpu")
        self.register_buffer("buckets", bucket_of(distances, causal=causal), persistent=False)
        self.table = nn.Parameter(torch.randn(heads, BUCKETS) * dim**-0.5)

    def forward(self, distances: Tensor) -> Tensor:
        """Biases to add to scores.

        Args:
            distances: [...] int64, position of the query minus that of the key.

        Returns:
            [H, ...]
        """
        rows = distances.flatten().clamp(-FARTHEST, FARTHEST) + FARTHEST
        return self.table.index_select(1, self.buckets.index_select(0, rows)).view(-1, *distances.shape)


def bucket_of(distances: Tensor, *, causal: bool) -> Tensor:
    """The bucket of each distance, from 0 to `BUCKETS` - 1.

    One bucket each for the nearest positions, half of the buckets; then buckets of equal width in the logarithm up to
    `FARTHEST`. Unless causal, keys before the query have the first half of the buckets and keys after it the second.
    """
    buckets = BUCKETS if causal else BUCKETS // 2
    exact = buckets // 2
    away = distances.clamp_min(0) if causal else distances.abs()
    ratio = torch.log(away.clamp_min(exact).double() / exact) / math.log(FARTHEST / exact)
    far = (exact + (ratio * (buckets - exact)).long()).clamp_max(buckets - 1)
    bucket = torch.where(away < exact, away, far)
    return bucket if causal else bucket + buckets * (distances < 0)
