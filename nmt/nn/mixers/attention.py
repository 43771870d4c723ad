"""Self-attention as a mixer: to a whole sequence, or to the positions up to one's own."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from nmt.nn.attention import initialise_projections
from nmt.nn.dropout import Dropout
from nmt.nn.kernels.attention import attend_to_self
from nmt.nn.kernels.attention_step import attend_in_step
from nmt.nn.keys_values import KeysValues, Place
from nmt.nn.mixers.base import CausalMixer, Mixer
from nmt.options import Options


class Attention(Mixer):
    """Multi-head attention of a sequence to itself (Vaswani et al. 2017, section 3.2)."""

    class Config(Options):
        """Multi-head self-attention; its heads and dropout are the model's."""

        kind: Literal["attention"] = "attention"

        def build(self, dim: int, heads: int, dropout: float) -> Attention:
            """A mixer that reads, with fresh weights."""
            return Attention(dim, heads, dropout)

        def build_causal(self, dim: int, heads: int, dropout: float) -> CausalAttention:
            """A mixer that writes, with fresh weights."""
            return CausalAttention(dim, heads, dropout)

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
    """The same to the positions up to one's own; its weights are those of `Attention`."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        # padding is on the right, so that real positions do not see it anyway
        output: Tensor = self.output(attend_to_self(self.input(x), self.heads, None, self.dropout))
        return output

    def begin(self, sentences: int, beam: int, like: Tensor) -> KeysValues:
        return KeysValues.nothing(like, sentences, self.heads, self.output.in_features // self.heads)

    def step(self, x: Tensor, past: KeysValues, place: Place) -> tuple[Tensor, KeysValues]:
        return self.output(attend_in_step(self.input(x), past, place)), past
