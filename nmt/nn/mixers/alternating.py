"""Different mixers in the layers of one stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator

from nmt.nn.mixers.base import CausalMixer, LayerShape, Mixer
from nmt.nn.mixers.options import CausalMixerOptions, MixerOptions

if TYPE_CHECKING:
    from nmt.nn.mixers import OneCausalMixerConfig, OneMixerConfig

OptionsT = TypeVar("OptionsT")


def _check_several(mixers: tuple[OptionsT, ...]) -> tuple[OptionsT, ...]:
    if len(mixers) < 2:
        raise ValueError("two or more mixers alternate; name a single one by its own kind")
    return mixers


_InTurn = Annotated[tuple[OptionsT, ...], AfterValidator(_check_several)]


class Alternating(MixerOptions):
    """Several mixers, which the layers take in turn."""

    kind: Literal["alternating"] = "alternating"
    mixers: _InTurn[OneMixerConfig]
    """The mixers of the first layers, from the input on. If there are more layers, the list begins anew."""

    def kind_of(self, layer: int) -> str:
        return _turn(self.mixers, layer).kind

    def build(self, shape: LayerShape) -> Mixer:
        """The mixer of the layer whose turn it is, with fresh weights."""
        return _turn(self.mixers, shape.layer).build(shape)


class CausalAlternating(CausalMixerOptions):
    """Several mixers, which the layers take in turn."""

    kind: Literal["alternating"] = "alternating"
    mixers: _InTurn[OneCausalMixerConfig]
    """The mixers of the first layers, from the input on. If there are more layers, the list begins anew."""

    def kind_of(self, layer: int) -> str:
        return _turn(self.mixers, layer).kind

    def build_causal(self, shape: LayerShape) -> CausalMixer[Any]:
        """The mixer of the layer whose turn it is, with fresh weights."""
        return _turn(self.mixers, shape.layer).build_causal(shape)


def _turn(mixers: Sequence[OptionsT], layer: int) -> OptionsT:
    """The mixer whose turn it is."""
    return mixers[layer % len(mixers)]
