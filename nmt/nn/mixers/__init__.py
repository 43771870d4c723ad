"""Mixers: what lets the positions of a residual layer see each other; a new one is its file and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.nn.mixers.attention import Attention, CausalAttention
from nmt.nn.mixers.base import CausalMixer, Mixer
from nmt.nn.mixers.ssru import SSRU

MixerConfig = Attention.Config
"""Those that read whole sentences; a further one joins as below."""

CausalMixerConfig = Annotated[Attention.Config | SSRU.Config, Field(discriminator="kind")]
"""Those that write: no position sees a later one, and they go on by one position at a time."""

__all__ = ["SSRU", "Attention", "CausalAttention", "CausalMixer", "CausalMixerConfig", "Mixer", "MixerConfig"]
