"""What has been decoded so far, as the layers see it: a memory each, and who descends from whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

import torch
from torch import Tensor

from nmt.nn.keys_values import Place
from nmt.nn.past import Past
from nmt.nn.rows import Rows

PastT = TypeVar("PastT", bound=Past)

_FIRST_ROOM = 16
"""Positions that a cache has room for at first; it doubles when they are full."""


@dataclass
class Decoded(Rows, Generic[PastT]):
    """The pasts of all layers for the hypotheses of B sentences, and the lineage of these.

    A past is of hypotheses, and moves with them, or of sentences, as attention's keys and values are. In those the K
    hypotheses of a sentence write side by side at each position, and every hypothesis remembers which entry of each
    position is its own past. So reordering hypotheses moves a few small numbers, where a cache per hypothesis is copied
    whole, in all layers, at every step of a beam search. Attention is to all that was written for the sentence, with
    what is not one's own shut out: K times the products, which are small.
    """

    layers: list[PastT]
    """One each."""
    own: Tensor
    """[B, K, length] int64: the entries that each hypothesis descends from, one a position; [B, K, 0] where no layer
    asks."""
    length: int = 0
    """Positions decoded."""
    written: int = 0
    """Entries of a sentence in use; the rest is room."""

    @classmethod
    def nothing(cls, layers: Sequence[PastT], like: Tensor, sentences: int, beam: int) -> Self:
        """Before the first step.

        Args:
            layers: their empty pasts.
            like: on the device of these.
            sentences: B.
            beam: K.
        """
        return cls(list(layers), torch.zeros((sentences, beam, 0), dtype=torch.int64, device=like.device))

    @property
    def beam(self) -> int:
        """K."""
        return self.own.shape[1]

    def next_place(self) -> Place:
        """Makes room in all layers, and says where they are to write the next position."""
        if not any(layer.by_sentence for layer in self.layers):
            return Place(0, self.own)
        newest = torch.arange(self.written, self.written + self.beam, device=self.own.device)
        own = torch.cat([self.own, newest[None, :, None].expand(len(self.own), -1, -1)], dim=2)
        place = Place(self.written, own)
        self.layers = [layer.with_room(place.end, _FIRST_ROOM * self.beam) for layer in self.layers]
        return place

    def advanced(self, place: Place, layers: list[PastT]) -> Self:
        """The same after a step at that place, which left the layers with these pasts."""
        return type(self)(layers, place.own, self.length + 1, place.end)

    def select(self, rows: Tensor) -> Self:
        """As in `Rows`, for hypotheses [N]: those of a sentence stay together, and as many of each sentence."""
        sentences = rows // self.beam
        own = self.own.flatten(0, 1).index_select(0, rows)
        every = torch.arange(self.own.shape[0], device=rows.device).repeat_interleave(self.beam)
        staying = None if torch.equal(sentences, every) else torch.unique_consecutive(sentences)
        count = self.own.shape[0] if staying is None else len(staying)
        layers = [layer.descend(rows, staying, self.written) for layer in self.layers]
        own = own.view(count, len(rows) // max(count, 1), self.own.shape[2])
        return type(self)(layers, own, self.length, self.written)
