"""The simpler simple recurrent unit (Kim et al. 2019), which decodes in constant time and memory per position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from nmt.nn.keys_values import Slot
from nmt.nn.mixers.base import CausalMixer, LayerShape
from nmt.nn.mixers.options import CausalMixerOptions
from nmt.nn.past import Past
from nmt.nn.scan import scan


@dataclass
class SSRUPast(Past):
    """The state of each hypothesis."""

    by_sentence: ClassVar[bool] = False

    state: Tensor
    """[N, D]: c of the newest position."""

    def descend(self, rows: Tensor, staying: Tensor | None, written: int) -> Self:
        return type(self)(self.state.index_select(0, rows))


class SSRU(CausalMixer[SSRUPast]):
    """A recurrence whose gate depends on the input alone, so training need not go position by position.

        f = sigmoid(U x + b)    c' = f * c + (1 - f) * W x    output = relu(c')

    It replaces the decoder's self-attention ("From Research to Production and Back: Ludicrously Fast Neural Machine
    Translation", section 3.1).
    """

    class Config(CausalMixerOptions):
        """Simpler simple recurrent unit (Kim et al. 2019): fast to decode; has no heads and no dropout."""

        kind: Literal["ssru"] = "ssru"

        def build_causal(self, shape: LayerShape) -> SSRU:
            """A decoder's mixer with fresh weights; heads and dropout apply to attention only."""
            return SSRU(shape.dim)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.input = nn.Linear(dim, 2 * dim, bias=False)
        """U, then W: one product for both."""
        self.forget_bias = nn.Parameter(torch.zeros(dim))
        for block in self.input.weight.chunk(2):
            nn.init.xavier_uniform_(block)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        # padding is on the right, so real positions do not see it anyway
        projected = self.input(x)
        # sums over time must not be in half precision, as the products are under autocast
        gate, candidate = projected.to(torch.promote_types(projected.dtype, torch.float32)).chunk(2, dim=-1)
        forget = torch.sigmoid(gate + self.forget_bias)
        return torch.relu(scan(forget, candidate - forget * candidate))

    def begin(self, sentences: int, beam: int, like: Tensor) -> SSRUPast:
        # as in `forward`, the sum over time must not be in half precision, as activations are under autocast
        return SSRUPast(self.forget_bias.new_zeros(sentences * beam, len(self.forget_bias)))

    def step(self, x: Tensor, past: SSRUPast, slot: Slot) -> tuple[Tensor, SSRUPast]:
        projected = self.input(x).to(past.state.dtype)
        gate, candidate = projected.flatten(0, 1).chunk(2, dim=-1)  # [N, D]
        state = torch.lerp(candidate, past.state, torch.sigmoid(gate + self.forget_bias))
        return torch.relu(state).view_as(x), SSRUPast(state)
