"""Mixers, which let the positions of a residual layer see each other; to add one, add its file and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.nn.mixers.attention import Attention, CausalAttention
from nmt.nn.mixers.base import CausalMixer, Mixer
from nmt.nn.mixers.ssru import SSRU

MixerConfig = Attention.Config
"""Mixers that read whole sentences; a second one would make this a union as below."""

CausalMixerConfig = Annotated[Attention.Config | SSRU.Config, Field(discriminator="kind")]
"""Mixers for decoders: no position sees a later one, and they can step one position at a time."""

__all__ = ["SSRU", "Attention", "CausalAttention", "CausalMixer", "CausalMixerConfig", "Mixer", "MixerConfig"]
