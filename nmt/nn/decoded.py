"""The decoded prefix as the layers see it: a past per layer, and the lineage of the hypotheses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

import torch
from torch import Tensor

from nmt.nn.keys_values import Slot
from nmt.nn.past import Past
from nmt.nn.rows import Rows

PastT = TypeVar("PastT", bound=Past)

_FIRST_ROOM = 16
"""Initial capacity of a cache, in positions; it doubles when full."""


@dataclass
class Decoded(Rows, Generic[PastT]):
    """The pasts of all layers for the hypotheses of B sentences, and the lineage of the hypotheses.

    A past belongs either to hypotheses and moves with them, or to sentences, like the keys and values of attention. In
    the latter the K hypotheses of a sentence write side by side at each position, and each hypothesis remembers which
    entry of each position is its own. So reordering hypotheses moves a few small numbers, whereas a cache per
    hypothesis is copied whole, in all layers, at every step of a beam search. Attention then covers all entries of the
    sentence, with those of other hypotheses masked: K times the products, which are small.
    """

    layers: list[PastT]
    """One past per layer."""
    own: Tensor
    """[B, K, length] int64: the entries that each hypothesis descends from, one per position; [B, K, 0] if no layer
    needs them."""
    length: int = 0
    """Number of positions decoded."""
    written: int = 0
    """Entries in use per sentence; the rest is spare capacity."""

    @classmethod
    def nothing(cls, layers: Sequence[PastT], like: Tensor, sentences: int, beam: int) -> Self:
        """The empty prefix, before the first step.

        Args:
            layers: the layers' empty pasts.
            like: a tensor on their device.
            sentences: B.
            beam: K.
        """
        return cls(list(layers), torch.zeros((sentences, beam, 0), dtype=torch.int64, device=like.device))

    @property
    def beam(self) -> int:
        """K."""
        return self.own.shape[1]

    def next_slot(self) -> Slot:
        """Makes room in all layers and returns the slot for the next position."""
        if not any(layer.by_sentence for layer in self.layers):
            return Slot(0, self.own)
        newest = torch.arange(self.written, self.written + self.beam, device=self.own.device)
        own = torch.cat([self.own, newest[None, :, None].expand(len(self.own), -1, -1)], dim=2)
        slot = Slot(self.written, own)
        self.layers = [layer.with_room(slot.end, _FIRST_ROOM * self.beam) for layer in self.layers]
        return slot

    def advanced(self, slot: Slot, layers: list[PastT]) -> Self:
        """The prefix after a step that wrote to this slot and left the layers with these pasts."""
        return type(self)(layers, slot.own, self.length + 1, slot.end)

    def select(self, rows: Tensor) -> Self:
        """As in `Rows`, for hypotheses [N]: adjacent per sentence, and equally many for each sentence."""
        sentences = rows // self.beam
        own = self.own.flatten(0, 1).index_select(0, rows)
        every = torch.arange(self.own.shape[0], device=rows.device).repeat_interleave(self.beam)
        staying = None if torch.equal(sentences, every) else torch.unique_consecutive(sentences)
        count = self.own.shape[0] if staying is None else len(staying)
        layers = [layer.descend(rows, staying, self.written) for layer in self.layers]
        own = own.view(count, len(rows) // max(count, 1), self.own.shape[2])
        return type(self)(layers, own, self.length, self.written)
