"""What a search asks of a model, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Tensor

from nmt.models.base import Memory, State, StepOutput

MemoryT = TypeVar("MemoryT", bound=Memory)
StateT = TypeVar("StateT", bound=State)


NONE = float("-inf")
"""The score of a hypothesis that does not exist."""


class StepModel(Protocol[MemoryT, StateT]):
    """The part of `EncoderDecoder` that a search sees: a model, an ensemble, an int8 model, a test's table.

    B sentences, K hypotheses each. See `nmt.models.base` for the laws.
    """

    def encode(self, source: Tensor, source_mask: Tensor) -> MemoryT:
        """Reads [B, S] source ids; B rows of memory, never tiled over the beam."""

    def init_state(self, memory: MemoryT, beam_size: int, max_length: int) -> StateT:
        """The state of B*K empty hypotheses that will take at most `max_length` steps."""

    def step(
        self, tokens: Tensor, memory: MemoryT, state: StateT, *, need_attention: bool = False
    ) -> StepOutput[StateT]:
        """Logits [B, K, V] of the next token after [B, K] last tokens."""


@dataclass(frozen=True)
class Hypothesis:
    """One finished translation."""

    tokens: tuple[int, ...]
    """Target ids without BOS and EOS."""
    score: float
    """What the search ranks by: log-probability after length normalisation, plus the coverage penalty."""
    log_probability: float
    """Natural log of P(tokens, EOS | source)."""
    attention: Tensor | None = None
    """[len(tokens) + 1, source length] when asked for: one row a target token, the last one EOS's."""
