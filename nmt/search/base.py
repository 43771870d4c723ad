"""The interface of a search: what it needs of a model, and what it returns."""

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
    """The part of `EncoderDecoder` that a search uses; a model, an ensemble, an int8 model or a table in a test.

    B sentences, K hypotheses each. See `nmt.models.base` for the laws.
    """

    def encode(self, source: Tensor, source_mask: Tensor) -> MemoryT:
        """Reads source ids [B, S]. Returns B rows of memory, never tiled over the beam."""

    def init_state(self, memory: MemoryT, beam_size: int, max_length: int) -> StateT:
        """The state of B*K empty hypotheses that will take at most `max_length` steps."""

    def step(
        self, tokens: Tensor, memory: MemoryT, state: StateT, *, need_attention: bool = False
    ) -> StepOutput[StateT]:
        """Logits [B, K, V] of the next token, given the last tokens [B, K]."""


@dataclass(frozen=True)
class Hypothesis:
    """One finished translation."""

    tokens: tuple[int, ...]
    """Target ids without BOS and EOS."""
    score: float
    """The ranking criterion: log-probability after length normalisation, plus the coverage penalty."""
    log_probability: float
    """Natural log of P(tokens, EOS | source)."""
    attention: Tensor | None = None
    """[len(tokens) + 1, source length] if requested: one row per target token, EOS last."""
