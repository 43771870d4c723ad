"""Options common to all mixers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from nmt.nn.mixers.base import CausalMixer, LayerShape, Mixer
from nmt.options import Options


class MixerOptions(Options, ABC):
    """The base of the options of mixers that read whole sentences."""

    kind: str

    def of_layer(self, layer: int) -> MixerOptions:
        """The mixer of a layer, from 0 at the input; the same in all, unless a list says otherwise."""
        return self

    @abstractmethod
    def build(self, shape: LayerShape) -> Mixer:
        """An encoder's mixer with fresh weights."""


class CausalMixerOptions(Options, ABC):
    """The base of the options of mixers in which no position sees a later one."""

    kind: str

    def of_layer(self, layer: int) -> CausalMixerOptions:
        """The mixer of a layer, from 0 at the input; the same in all, unless a list says otherwise."""
        return self

    @abstractmethod
    def build_causal(self, shape: LayerShape) -> CausalMixer[Any]:
        """A decoder's mixer with fresh weights."""
