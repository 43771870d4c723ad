"""Shallow fusion: a translation model's search, helped by a language model (Gülçehre et al. 2015, arXiv 1503.03535)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic

from torch import Tensor

from nmt.models.base import Decoder, State, StepOutput
from nmt.search.base import MemoryT, StateT, StepModel


@dataclass
class FusedState(State, Generic[StateT]):
    """The states of both models."""

    translation: StateT
    language_model: State


class FusedModel(Generic[MemoryT, StateT]):
    """A `StepModel` whose scores are log P(token | source, prefix) + weight * log P(token | prefix).

    Both terms are normalised by themselves; the sum is not, so a search adds it as it is. Its length normalisation and
    coverage penalty then apply to sums of both.

    Args:
        model: the translation model.
        language_model: with the same target vocabulary; it reads BOS first, as in training.
        weight: above 0; at 0 the translation model alone gives the same at less cost.
    """

    def __init__(self, model: StepModel[MemoryT, StateT], language_model: Decoder[Any], weight: float) -> None:
        self.model, self.language_model, self.weight = model, language_model, weight

    def encode(self, source: Tensor, source_mask: Tensor) -> MemoryT:
        """As the translation model."""
        return self.model.encode(source, source_mask)

    def init_state(self, memory: MemoryT, beam_size: int, max_length: int) -> FusedState[StateT]:
        """The states of empty hypotheses."""
        return FusedState(
            self.model.init_state(memory, beam_size, max_length),
            self.language_model.init_state(len(memory.mask), beam_size, max_length),
        )

    def step(
        self, tokens: Tensor, memory: MemoryT, state: FusedState[StateT], *, need_attention: bool = False
    ) -> StepOutput[FusedState[StateT]]:
        """The sums [B, K, V] in place of logits."""
        own = self.model.step(tokens, memory, state.translation, need_attention=need_attention)
        other = self.language_model.step(tokens, state.language_model)
        scores = own.scores().add_(other.scores(), alpha=self.weight)
        return StepOutput(scores, own.attention, FusedState(own.state, other.state), normalized=True)
