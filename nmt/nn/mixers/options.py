"""Options common to all mixers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from nmt.nn.mixers.base import CausalMixer, LayerShape, Mixer
from nmt.options import Options


class _Named(Options):
    kind: str

    def kind_of(self, layer: int) -> str:
        """The kind of a layer's mixer, from 0 at the input; the same in all, unless a list says otherwise."""
        return self.kind


class MixerOptions(_Named, ABC):
    """The base of the options of mixers that read whole sentences."""

    @abstractmethod
    def build(self, shape: LayerShape) -> Mixer:
        """An encoder's mixer with fresh weights."""


class CausalMixerOptions(_Named, ABC):
    """The base of the options of mixers in which no position sees a later one."""

    @abstractmethod
    def build_causal(self, shape: LayerShape) -> CausalMixer[Any]:
        """A decoder's mixer with fresh weights."""
