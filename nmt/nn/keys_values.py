"""The keys and values that attention caches, and which of them a decoding step may see."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import torch
from torch import Tensor

from nmt.nn.past import Past


@dataclass
class KeysValues(Past):
    """Projected keys and values to attend to; a row is a sentence."""

    by_sentence: ClassVar[bool] = True

    keys: Tensor
    """[B, S, H, D/H]"""
    values: Tensor
    """[B, S, H, D/H]"""

    @classmethod
    def nothing(cls, like: Tensor, sentences: int, heads: int, size: int) -> Self:
        """An empty cache with the dtype and device of `like`, and H heads of width `size`."""
        shape = (sentences, 0, heads, size)
        return cls(like.new_empty(shape), like.new_empty(shape))

    def upto(self, end: int) -> Self:
        """The first `end` entries, sharing memory with self."""
        return type(self)(self.keys[:, :end], self.values[:, :end])

    def write(self, start: int, newer: KeysValues) -> None:
        """Writes newer entries from index `start` on, in place."""
        end = start + newer.keys.shape[1]
        self.keys[:, start:end] = newer.keys
        self.values[:, start:end] = newer.values

    def with_room(self, entries: int, least: int) -> Self:
        """Self if it has capacity for `entries`, else a copy with at least doubled capacity, and at least `least`."""
        room = self.keys.shape[1]
        if entries <= room:
            return self
        more = max(2 * room, entries, least) - room
        return type(self)(*(torch.nn.functional.pad(part, (0, 0, 0, 0, 0, more)) for part in (self.keys, self.values)))

    def descend(self, rows: Tensor, staying: Tensor | None, written: int) -> Self:
        return self if staying is None else self.upto(written).select(staying)


@dataclass(frozen=True)
class Slot:
    """The cache entries that a step writes, and those that its hypotheses may attend to."""

    start: int
    """First entry of the newest position; the K hypotheses of a sentence write side by side."""
    own: Tensor
    """[B, K, length + 1] int64: the entries that each hypothesis may attend to, the newest last."""

    @property
    def end(self) -> int:
        """One past the last entry written."""
        return self.start + self.own.shape[1]

    @cached_property
    def attention_bias(self) -> Tensor | None:
        """[B, 1, K, end] float32, added to scores: 0 on a hypothesis's own entries, -inf on its neighbours'.

        None if a sentence never had more than one hypothesis.
        """
        if self.end == self.own.shape[2]:
            return None
        closed = torch.full((*self.own.shape[:2], self.end), -math.inf, device=self.own.device)
        return closed.scatter_(2, self.own, 0.0)[:, None]
