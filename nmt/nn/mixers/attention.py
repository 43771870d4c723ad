"""Self-attention as a mixer: over the whole sequence, or causal."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from nmt.nn.attention import initialise_projections
from nmt.nn.dropout import Dropout
from nmt.nn.kernels.attention import attend_to_self
from nmt.nn.kernels.attention_step import attend_in_step
from nmt.nn.keys_values import KeysValues, Slot
from nmt.nn.mixers.base import CausalMixer, LayerShape, Mixer
from nmt.nn.mixers.options import CausalMixerOptions, MixerOptions


class Attention(Mixer):
    """Multi-head attention of a sequence to itself (Vaswani et al. 2017, section 3.2)."""

    class Config(MixerOptions, CausalMixerOptions):
        """Multi-head self-attention; heads and dropout are set in the model's options."""

        kind: Literal["attention"] = "attention"

        def build(self, shape: LayerShape) -> Attention:
            """An encoder's mixer with fresh weights."""
            return Attention(shape.dim, shape.heads, shape.attention_dropout)

        def build_causal(self, shape: LayerShape) -> CausalAttention:
            """A decoder's mixer with fresh weights."""
            return CausalAttention(shape.dim, shape.heads, shape.attention_dropout)

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, Dropout(dropout)
        self.input = nn.Linear(dim, 3 * dim)
        self.output = nn.Linear(dim, dim)
        initialise_projections(self.input, self.output)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        attended = attend_to_self(self.input(x), self.heads, mask[:, None, None, :], self.dropout)
        output: Tensor = self.output(attended)
        return output


class CausalAttention(Attention, CausalMixer[KeysValues]):
    """Attention to the same and earlier positions; it has the weights of `Attention`."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        # padding is on the right, so real positions do not see it anyway
        output: Tensor = self.output(attend_to_self(self.input(x), self.heads, None, self.dropout))
        return output

    def begin(self, sentences: int, beam: int, like: Tensor) -> KeysValues:
        return KeysValues.nothing(like, sentences, self.heads, self.output.in_features // self.heads)

    def step(self, x: Tensor, past: KeysValues, slot: Slot) -> tuple[Tensor, KeysValues]:
        return self.output(attend_in_step(self.input(x), past, slot)), past
