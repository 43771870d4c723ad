"""Padded sequences moved to the start of their rows, and results moved back."""

from __future__ import annotations

import torch
from torch import Tensor


class MovedToStart:
    """Moves sequences so that padding comes after them only.

    Args:
        mask: [B, T] bool, True on real positions, which are contiguous.
    """

    def __init__(self, mask: Tensor) -> None:
        length = mask.shape[1]
        positions, first = torch.arange(length, device=mask.device), mask.int().argmax(dim=1, keepdim=True)
        self._there = (positions + first) % length
        self._back = (positions - first) % length
        self._mask = mask

    @property
    def mask(self) -> Tensor:
        """[B, T] bool, True on real positions after the move."""
        return self._mask.gather(1, self._there)

    def to_start(self, x: Tensor) -> Tensor:
        """Vectors [B, T, D] in their new positions."""
        return vectors_at(x, self._there)

    def back(self, moved: Tensor) -> Tensor:
        """Moved vectors [B, T, D] in their old positions."""
        return vectors_at(moved, self._back)


def vectors_at(x: Tensor, positions: Tensor) -> Tensor:
    """The vectors at `positions` [B, P] of x [B, T, D]: [B, P, D]."""
    return x.gather(1, positions[:, :, None].expand(-1, -1, x.shape[2]))
