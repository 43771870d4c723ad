"""What has been decoded so far, as self-attention sees it: keys and values that are never copied when beams reorder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from nmt.nn.attention import KeysValues, Place
from nmt.nn.rows import Rows

_FIRST_ROOM = 16
"""Positions that a cache has room for at first; it doubles when they are full."""


@dataclass
class Decoded(Rows):
    """Keys and values of all layers for the hypotheses of B sentences, and whose they are.

    The K hypotheses of a sentence write side by side at each position, and every hypothesis remembers which entry of
    each position is its own past. So reordering hypotheses moves a few small numbers, where a cache per hypothesis is
    copied whole, in all layers, at every step of a beam search. Attention is to all that was written for the sentence,
    with what is not one's own shut out: K times the products, which are small.
    """

    layers: list[KeysValues]
    """[B, room, H, D/H] each."""
    own: Tensor
    """[B, K, length] int64: the entries that each hypothesis descends from, one a position."""
    written: int = 0
    """Entries in use; the rest is room."""

    @classmethod
    def nothing(cls, layers: int, like: Tensor, sentences: int, beam: int) -> Self:
        """Before the first step.

        Args:
            layers: how many there are.
            like: [..., H, D/H], of the dtype and on the device of keys.
            sentences: B.
            beam: K.
        """
        shape = (sentences, 0, *like.shape[-2:])
        empty = [KeysValues(like.new_empty(shape), like.new_empty(shape)) for _ in range(layers)]
        return cls(empty, torch.zeros((sentences, beam, 0), dtype=torch.int64, device=like.device))

    @property
    def beam(self) -> int:
        """K."""
        return self.own.shape[1]

    @property
    def length(self) -> int:
        """Positions decoded."""
        return self.own.shape[2]

    def next_place(self) -> Place:
        """Makes room in all layers, and says where they are to write the next position."""
        newest = torch.arange(self.written, self.written + self.beam, device=self.own.device)
        own = torch.cat([self.own, newest[None, :, None].expand(len(self.own), -1, -1)], dim=2)
        place = Place(self.written, own)
        self.layers = [layer.with_room(place.end, _FIRST_ROOM * self.beam) for layer in self.layers]
        return place

    def advanced(self, place: Place) -> Self:
        """The same after all layers have written at that place."""
        return type(self)(self.layers, place.own, place.end)

    def select(self, rows: Tensor) -> Self:
        """As in `Rows`, for hypotheses [N]: those of a sentence stay together, and as many of each sentence."""
        sentences = rows // self.beam
        own = self.own.flatten(0, 1).index_select(0, rows)
        if torch.equal(sentences, torch.arange(self.own.shape[0], device=rows.device).repeat_interleave(self.beam)):
            return type(self)(self.layers, own.view_as(self.own), self.written)
        staying = torch.unique_consecutive(sentences)
        layers = [layer.upto(self.written).select(staying) for layer in self.layers]
        beam = len(rows) // max(len(staying), 1)
        return type(self)(layers, own.view(len(staying), beam, self.length), self.written)
