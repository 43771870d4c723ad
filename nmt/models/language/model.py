"""An adapter that presents a decoder without a source as an encoder-decoder."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from nmt.models.base import (
    Decoder,
    DecoderOutput,
    EncoderDecoder,
    Memory,
    ModelOptions,
    StateT,
    StepOutput,
)
from nmt.options import Task


class LanguageModelOptions(ModelOptions):
    """The base of every language model's options."""

    task: ClassVar[Task] = "language_model"


class LanguageModel(EncoderDecoder[Memory, StateT]):
    """An encoder-decoder that ignores its source, which is EOS alone if there is none.

    So the trainer, search, scoring, quantisation and model directories handle language models like translation models.
    Attention, if a search requests it, is uniform over the tokens of the source.
    """

    def __init__(self, decoder: Decoder[StateT]) -> None:
        super().__init__()
        self.decoder = decoder

    def encode(self, source: Tensor, source_mask: Tensor) -> Memory:
        return Memory(source_mask)

    def decode(
        self, target_input: Tensor, target_mask: Tensor, memory: Memory, *, need_attention: bool = False
    ) -> DecoderOutput:
        output = self.decoder.decode(target_input, target_mask)
        return with_even_attention(output, memory, target_input) if need_attention else output

    def init_state(self, memory: Memory, beam_size: int, max_length: int) -> StateT:
        return self.decoder.init_state(len(memory.mask), beam_size, max_length)

    def step(
        self, tokens: Tensor, memory: Memory, state: StateT, *, need_attention: bool = False
    ) -> StepOutput[StateT]:
        output = self.decoder.step(tokens, state)
        return output._replace(attention=even_attention(memory, tokens) if need_attention else None)


def with_even_attention(output: DecoderOutput, memory: Memory, target_input: Tensor) -> DecoderOutput:
    """The output of teacher forcing with uniform attention."""
    return replace(output, attention=even_attention(memory, target_input))


def even_attention(memory: Memory, tokens: Tensor) -> Tensor:
    """Uniform attention of each token [B, T] over the real tokens of the source: [B, T, S]."""
    mask = memory.mask.float()
    weights = mask / mask.sum(1, keepdim=True)
    return weights[:, None].expand(-1, tokens.shape[1], -1)
