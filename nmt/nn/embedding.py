"""Token embeddings."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class TokenEmbedding(nn.Module):
    """Looks tokens up and multiplies by sqrt(D) (Vaswani et al. 2017, section 3.4).

    Initialised N(0, D^-1/2), so that what leaves has unit variance and the same matrix, used as the output layer, gives
    logits of unit variance. The padding token's vector is zero and stays so unless the matrix is also the output layer.
    """

    def __init__(self, vocabulary: int, dim: int, pad: int) -> None:
        super().__init__()
        self.scale = math.sqrt(dim)
        self.pad = pad
        self.weight = nn.Parameter(torch.empty(vocabulary, dim))
        nn.init.normal_(self.weight, std=dim**-0.5)
        nn.init.zeros_(self.weight[pad])

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: [...] int64. Returns [..., D]."""
        return nn.functional.embedding(tokens, self.weight, padding_idx=self.pad) * self.scale
