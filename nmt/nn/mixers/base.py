"""The interface of all mixers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor, nn

from nmt.nn.keys_values import Slot
from nmt.nn.past import Past

PastT = TypeVar("PastT", bound=Past)


@dataclass(frozen=True)
class LayerShape:
    """The layer that a mixer is built for. A mixer uses what applies to it."""

    dim: int
    """D, width of the layer."""
    heads: int
    """Attention heads; `dim` is a multiple."""
    attention_dropout: float
    """Dropout rate of attention weights."""
    layer: int = 0
    """Index of the layer, from 0 at the input."""


class Mixer(nn.Module, ABC):
    """The block of a residual layer that lets positions see each other."""

    @abstractmethod
    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Whole sequences.

        Args:
            x: [B, T, D].
            mask: [B, T] bool, True on real positions, whose results padding does not change.

        Returns:
            [B, T, D], undefined at padding.
        """


class CausalMixer(Mixer, Generic[PastT]):
    """A mixer in which no position sees a later one. `forward` takes padding on the right only."""

    @abstractmethod
    def begin(self, sentences: int, beam: int, like: Tensor) -> PastT:
        """The past before the first step.

        Args:
            sentences: B.
            beam: K.
            like: a tensor with the dtype and device of the activations.
        """

    @abstractmethod
    def step(self, x: Tensor, past: PastT, slot: Slot) -> tuple[Tensor, PastT]:
        """One more position.

        Args:
            x: [B, K, D], the newest position of each hypothesis.
            past: the past before it; may be written to and must not be used again.
            slot: where a past by sentence is written, and which of its entries are a hypothesis's own.

        Returns:
            [B, K, D], and the past with this position.
        """
