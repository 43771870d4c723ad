"""Token embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nmt.nn.initial import Uniform


class TokenEmbedding(nn.Module):
    """One learned vector per token, times a constant.

    Initialised N(0, std). The padding token's vector is zero and stays so unless the matrix is also the output layer.

    Args:
        vocabulary: number of tokens.
        dim: D, width of a vector.
        pad: the padding token.
        std: standard deviation of the initial vectors.
        scale: factor of each vector; sqrt(D) in a Transformer (Vaswani et al. 2017, section 3.4). With std D^-1/2 the
            embeddings then have unit variance, and so have the logits that the same matrix gives.
    """

    def __init__(self, vocabulary: int, dim: int, pad: int, *, std: float, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.pad = pad
        self.weight = nn.Parameter(torch.empty(vocabulary, dim))
        nn.init.normal_(self.weight, std=std)
        nn.init.zeros_(self.weight[pad])

    def initialise(self, start: Uniform) -> None:
        """Draws the vectors from this distribution instead."""
        start.draw(self.weight)
        nn.init.zeros_(self.weight[self.pad])

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: [...] int64. Returns [..., D]."""
        embedded = nn.functional.embedding(tokens, self.weight, padding_idx=self.pad)
        return embedded if self.scale == 1.0 else embedded * self.scale
