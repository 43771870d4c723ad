"""The simplified state space layer S5 (Smith, Warrington and Linderman 2022, arXiv 2208.04933) as a mixer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from nmt.nn.keys_values import Slot
from nmt.nn.mixers.base import CausalMixer, LayerShape, Mixer
from nmt.nn.mixers.options import CausalMixerOptions, MixerOptions
from nmt.nn.past import Past
from nmt.nn.state_space import DiscreteSystem, StateSpace, StateSpaceOptions

StateSpaceActivation = Literal["half_glu1", "half_glu2", "full_glu", "gelu"]
"""The non-linearity after a state space model."""


@dataclass
class S5Past(Past):
    """The state of each hypothesis."""

    by_sentence: ClassVar[bool] = False

    state: Tensor
    """[N, P] complex: x of the newest position."""
    system: DiscreteSystem
    """The recurrence, computed once for all steps."""

    def descend(self, rows: Tensor, staying: Tensor | None, written: int) -> Self:
        return type(self)(self.state.index_select(0, rows), self.system)


class S5(Mixer):
    """A linear recurrence over complex states, then a gated non-linearity at each position.

        y = StateSpace(x)      g = gelu(y)
        half_glu1: g * sigmoid(W g + b)               half_glu2: y * sigmoid(W g + b)
        full_glu: (W1 g + b1) * sigmoid(W2 g + b2)    gelu: g

    Time and memory are linear in length. The recurrence and its gradient are computed for whole sequences
    (`nmt.nn.diagonal_scan`) by the form that was measured to be fastest (tests/benchmarks/diagonal_scan.py): on a CPU
    in turn and in place for batches of short sentences, and in chunks, all at once, for a few long sequences. On other
    devices it is doubling, which was not measured.

    The published layer has its norm in front, batch normalisation for classification; here it is the residual
    connection's, as is dropout, which the authors also apply to g.
    """

    class Config(StateSpaceOptions, MixerOptions, CausalMixerOptions):
        """Simplified state space layer S5 (Smith et al. 2022): cost linear in length; has no heads and no dropout."""

        kind: Literal["s5"] = "s5"
        activation: StateSpaceActivation = "half_glu1"
        """What follows the state space model at each position: `half_glu1` g * sigmoid(W g + b) with g = gelu(y),
        `half_glu2` y * sigmoid(W g + b), `full_glu` (V g + c) * sigmoid(W g + b), or `gelu`."""

        def build(self, shape: LayerShape) -> S5:
            """An encoder's mixer, which reads in both directions, with fresh weights."""
            return S5(shape.dim, self, both_directions=True)

        def build_causal(self, shape: LayerShape) -> CausalS5:
            """A decoder's mixer with fresh weights; heads and dropout apply to attention only."""
            return CausalS5(shape.dim, self, both_directions=False)

    def __init__(self, dim: int, config: Config, *, both_directions: bool) -> None:
        super().__init__()
        self.activation = config.activation
        self.system = StateSpace(dim, config, both_directions=both_directions)
        width = {"gelu": 0, "full_glu": 2 * dim}.get(config.activation, dim)
        self.gate = nn.Linear(dim, width) if width else None

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        # zeros leave the state at zero on padding before a sentence, in either direction
        return self._activated(self.system(x.masked_fill(~mask[:, :, None], 0.0)))

    def _activated(self, y: Tensor) -> Tensor:
        activated = nn.functional.gelu(y)
        if self.gate is None:
            return activated
        gate: Tensor = self.gate(activated)
        if self.activation == "full_glu":
            return nn.functional.glu(gate)
        return (y if self.activation == "half_glu2" else activated) * torch.sigmoid(gate)


class CausalS5(S5, CausalMixer[S5Past]):
    """The recurrence in one direction."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        # padding is on the right, so real positions do not see it anyway
        return self._activated(self.system(x))

    def begin(self, sentences: int, beam: int, like: Tensor) -> S5Past:
        system = self.system.discrete()
        return S5Past(system.decay.new_zeros(sentences * beam, len(system.decay)), system)

    def step(self, x: Tensor, past: S5Past, slot: Slot) -> tuple[Tensor, S5Past]:
        y, state = self.system.step(x.flatten(0, 1), past.state, past.system)
        return self._activated(y).view_as(x), S5Past(state, past.system)
