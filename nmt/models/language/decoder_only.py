"""Translation by a language model alone: it reads the source, then continues with the translation.

One network has the roles of encoder and decoder, as in the decoder-only models of Radford et al. 2019. With a recurrent
network, all that the translation knows of the source is the state after reading it, so this is also the arrangement in
which the memory of recurrent networks is studied: read symbols, then give the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from nmt.models.base import DecoderOutput, EncoderDecoder, Memory, ModelOptions, PromptedDecoder, StateT, StepOutput
from nmt.models.language.model import even_attention, with_even_attention
from nmt.models.language.recurrent import RecurrentLM, RecurrentState
from nmt.models.tying import Tying
from nmt.nn.output import OutputConfig
from nmt.tokenizer.base import SPECIAL


@dataclass
class PromptMemory(Memory):
    """The source itself."""

    tokens: Tensor
    """[B, S] int64"""


class DecoderOnly(EncoderDecoder[PromptMemory, StateT]):
    """A decoder that reads source, EOS, BOS and translation as one text.

    Only the tokens of the translation are trained. Attention, if a search requests it, is uniform over the source.
    """

    class Config(ModelOptions):
        """A language model that translates: it reads the source, then continues with the translation. Source and target
        share its vocabulary, so `tokenizer.joint` must be true.
        """

        tied_embeddings: ClassVar[Tying] = "all"
        output_path: ClassVar[tuple[str, ...]] = ("decoder", "output")

        kind: Literal["decoder_only"] = "decoder_only"
        decoder: RecurrentLM.Config = RecurrentLM.Config()
        """The language model."""

        @property
        def output(self) -> OutputConfig:
            """The output layer of the language model."""
            return self.decoder.output

        def build(
            self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad
        ) -> DecoderOnly[RecurrentState]:
            """A model with fresh weights, drawn from torch's default generator.

            Raises:
                ValueError: the vocabularies differ in size.
            """
            if source_vocabulary != target_vocabulary:
                raise ValueError(
                    f"decoder_only needs one joint vocabulary, not {source_vocabulary} and {target_vocabulary} pieces"
                )
            return DecoderOnly(RecurrentLM(self.decoder, target_vocabulary, pad))

    def __init__(self, decoder: PromptedDecoder[StateT]) -> None:
        super().__init__()
        self.decoder = decoder

    def encode(self, source: Tensor, source_mask: Tensor) -> PromptMemory:
        return PromptMemory(source_mask, source)

    def decode(
        self, target_input: Tensor, target_mask: Tensor, memory: PromptMemory, *, need_attention: bool = False
    ) -> DecoderOutput:
        lengths = memory.mask.sum(dim=1, keepdim=True)  # [B, 1]
        steps = torch.arange(target_input.shape[1], device=lengths.device)
        text, mask = _joined(memory, target_input, target_mask)
        output = self.decoder.decode(text, mask, lengths + steps)
        return with_even_attention(output, memory, target_input) if need_attention else output

    def init_state(self, memory: PromptMemory, beam_size: int, max_length: int) -> StateT:
        return self.decoder.read(memory.tokens, memory.mask, beam_size, max_length)

    def step(
        self, tokens: Tensor, memory: PromptMemory, state: StateT, *, need_attention: bool = False
    ) -> StepOutput[StateT]:
        output = self.decoder.step(tokens, state)
        return output._replace(attention=even_attention(memory, tokens) if need_attention else None)


def _joined(memory: PromptMemory, target: Tensor, target_mask: Tensor) -> tuple[Tensor, Tensor]:
    """Each source followed by its target without padding between them: tokens and mask, [B, S + T]."""
    both = torch.cat([memory.tokens, target], dim=1)
    read = memory.tokens.shape[1]
    positions = torch.arange(both.shape[1], device=both.device)  # [S + T]
    length, first = memory.mask.sum(dim=1, keepdim=True), memory.mask.int().argmax(dim=1, keepdim=True)  # [B, 1]
    end = length + target_mask.sum(dim=1, keepdim=True)
    mask = positions < end
    where = torch.where(positions < length, first + positions, read + positions - length)
    return both.gather(1, where.clamp(max=both.shape[1] - 1)), mask
