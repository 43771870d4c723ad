"""Mixers, which let the positions of a residual layer see each other; to add one, add its file and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.nn.mixers.alternating import Alternating, CausalAlternating
from nmt.nn.mixers.attention import Attention, CausalAttention
from nmt.nn.mixers.base import CausalMixer, LayerShape, Mixer
from nmt.nn.mixers.block_recurrent import BlockRecurrent
from nmt.nn.mixers.circular_convolution import CircularConvolution
from nmt.nn.mixers.dilated_convolution import DilatedConvolution
from nmt.nn.mixers.options import CausalMixerOptions, MixerOptions
from nmt.nn.mixers.s5 import S5, CausalS5
from nmt.nn.mixers.sliding_window import SlidingWindow
from nmt.nn.mixers.ssru import SSRU

OneMixerConfig = Annotated[
    Attention.Config | SlidingWindow.Config | BlockRecurrent.Config | S5.Config | CircularConvolution.Config,
    Field(discriminator="kind"),
]
"""Mixers that read whole sentences."""

OneCausalMixerConfig = Annotated[
    Attention.Config
    | SlidingWindow.Config
    | BlockRecurrent.Config
    | SSRU.Config
    | S5.Config
    | DilatedConvolution.Config,
    Field(discriminator="kind"),
]
"""Mixers for decoders: no position sees a later one, and they can step one position at a time."""

MixerConfig = Annotated[OneMixerConfig | Alternating, Field(discriminator="kind")]
"""The mixers of a stack of layers that read whole sentences: one kind, or several in turn."""

CausalMixerConfig = Annotated[OneCausalMixerConfig | CausalAlternating, Field(discriminator="kind")]
"""The mixers of a stack of layers that can step."""

Alternating.model_rebuild()
CausalAlternating.model_rebuild()

__all__ = [
    "S5",
    "SSRU",
    "Alternating",
    "Attention",
    "BlockRecurrent",
    "CausalAlternating",
    "CausalAttention",
    "CausalMixer",
    "CausalMixerConfig",
    "CausalMixerOptions",
    "CausalS5",
    "CircularConvolution",
    "DilatedConvolution",
    "LayerShape",
    "Mixer",
    "MixerConfig",
    "MixerOptions",
    "OneCausalMixerConfig",
    "OneMixerConfig",
    "SlidingWindow",
]
