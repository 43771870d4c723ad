"""Position encodings."""

from __future__ import annotations

import math
import threading
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

FIRST_POSITION = 2
"""The number of a sentence's first position: fairseq counts from its padding id + 1, and imported weights expect it."""

_FIRST_LENGTH = 256


def positions(mask: Tensor) -> Tensor:
    """The position of each token, counted over real tokens only, so that padding on either side changes nothing.

    Args:
        mask: [B, S] bool, True on real tokens.

    Returns:
        [B, S] int64 from 0; meaningless on padding, but a valid position.
    """
    return (mask.cumsum(1) - 1).clamp_min(0)


class SinusoidalPositions(nn.Module):
    """Sines, then cosines, of geometric frequencies (Vaswani et al. 2017, section 3.5).

    The table is computed, grows for longer sentences, and is not part of the weights. Threads may share it.

    Args:
        dim: D, width of a vector.
        published: use the frequencies of the paper's formula instead of its program's, see `published_sinusoids`.
    """

    table: Tensor
    _growing: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, dim: int, published: bool = False) -> None:
        super().__init__()
        self.dim = dim
        self.make = published_sinusoids if published else sinusoids
        # on the CPU even when the model is built on the meta device: no file contains these numbers
        self.register_buffer("table", torch.empty(0, dim, device="cpu"), persistent=False)

    def forward(self, position: Tensor) -> Tensor:
        """position: [...] int64 from 0; those from 256 on need `reserve` first. Returns [..., D]."""
        self.reserve(1)
        return nn.functional.embedding(position, self.table)

    def at(self, position: int) -> Tensor:
        """The vector [D] of one position; unlike a lookup, this sends nothing to the device."""
        self.reserve(position + 1)
        return self.table[position]

    def reserve(self, length: int) -> None:
        """Makes the table long enough for `length` positions."""
        if length > len(self.table):
            with self._growing, torch.inference_mode(False):  # the table outlives the search that needs it
                if length > len(self.table):
                    self.table = self.make(max(2 * length, _FIRST_LENGTH), self.dim).to(self.table)


class LearnedPositions(nn.Module):
    """One learned vector per position, initialised N(0, std); positions beyond the table use its last vector."""

    def __init__(self, dim: int, count: int, std: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, dim))
        nn.init.normal_(self.weight, std=std)

    def forward(self, position: Tensor) -> Tensor:
        """position: [...] int64 from 0. Returns [..., D]."""
        return nn.functional.embedding(position.clamp_max(len(self.weight) - 1), self.weight)

    def at(self, position: int) -> Tensor:
        """The vector [D] of one position."""
        return self.weight[min(position, len(self.weight) - 1)]

    def reserve(self, length: int) -> None:
        """Does nothing: training has fixed the table's length."""


Positions = SinusoidalPositions | LearnedPositions

PositionKind = Literal["sinusoidal", "sinusoidal_published", "learned"]
"""The kinds of position encoding."""


def make_positions(kind: PositionKind, dim: int, count: int) -> Positions:
    """A position encoding of width D; a learned one has a table of `count` rows."""
    if kind == "learned":
        return LearnedPositions(dim, count, std=dim**-0.5)
    return SinusoidalPositions(dim, published=kind == "sinusoidal_published")


def sinusoids(length: int, dim: int) -> Tensor:
    """[length, dim] float32 as in tensor2tensor: frequencies from 1 to exactly 1/10000.

    Row i is position FIRST_POSITION + i. An odd last column is zero.
    """
    half = dim // 2
    table = _waves(FIRST_POSITION, length, torch.arange(half, dtype=torch.float64, device="cpu") / max(half - 1, 1))
    return nn.functional.pad(table, (0, dim - 2 * half))


def published_sinusoids(length: int, dim: int) -> Tensor:
    """[length, dim] float32 by the formula of the paper: frequencies 10000^(-2i/dim); row i is position i.

    All sines come first, as in Hugging Face's Marian; in the formula they alternate with the cosines.
    """
    return _waves(0, length, torch.arange(0, dim, 2, dtype=torch.float64, device="cpu") / dim)[:, :dim]


def _waves(first: int, length: int, exponent: Tensor) -> Tensor:
    """Sines, then cosines, of position times 10000^-exponent."""
    frequency = torch.exp(exponent * -math.log(10_000))
    angle = torch.arange(first, first + length, dtype=torch.float64, device="cpu")[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1).float()
