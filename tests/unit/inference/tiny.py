"""Small things that the inference tests share: a tokenizer of words and a model that spells its source backwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nmt.models.base import DecoderOutput, EncoderDecoder, Memory, State, StepOutput
from nmt.nn.output import FullPredictions
from nmt.options import Options
from nmt.tokenizer.base import SPECIAL

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;!? "


class CharacterTokenizer:
    """One id per character; what is not in the alphabet is <unk>."""

    vocabulary_size = len(ALPHABET) + 4
    digest = "characters"
    options = Options()

    def __init__(self) -> None:
        self.asked: list[str] = []

    def reading(self) -> CharacterTokenizer:
        return self

    def encode(self, line: str) -> list[int]:
        self.asked.append(line)
        return [ALPHABET.find(character) + 4 if character in ALPHABET else SPECIAL.unk for character in line]

    def encode_sampled(self, lines: Sequence[str], seed: int) -> list[list[int]]:
        return [self.encode(line) for line in lines]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(ALPHABET[i - 4] for i in ids if i >= 4)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [ALPHABET[i - 4] if i >= 4 else "?" for i in ids]

    def save(self, path: Path) -> None:
        raise NotImplementedError


@dataclass
class BackwardsMemory(Memory):
    source: Tensor
    length: Tensor


@dataclass
class Place(State):
    place: Tensor


class Backwards(EncoderDecoder[BackwardsMemory, Place]):
    """Prefers the source's tokens from the last to the first, then EOS."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.batches: list[tuple[int, int]] = []
        self.weight = torch.nn.Parameter(torch.tensor(8.0))

    def encode(self, source: Tensor, source_mask: Tensor) -> BackwardsMemory:
        assert not self.training
        self.batches.append((source.size(0), source.size(1)))
        return BackwardsMemory(mask=source_mask, source=source, length=source_mask.sum(1) - 1)

    def init_state(self, memory: BackwardsMemory, beam_size: int, max_length: int) -> Place:
        return Place(torch.zeros(len(memory.mask) * beam_size, dtype=torch.int64))

    def step(
        self, tokens: Tensor, memory: BackwardsMemory, state: Place, *, need_attention: bool = False
    ) -> StepOutput[Place]:
        logits, attention = self._row(memory.source, memory.length, state.place.view(tokens.shape))
        return StepOutput(logits, attention if need_attention else None, Place(state.place + 1))

    def decode(
        self, target_input: Tensor, target_mask: Tensor, memory: BackwardsMemory, *, need_attention: bool = False
    ) -> DecoderOutput:
        places = torch.arange(target_input.size(1)).expand_as(target_input)
        logits, attention = self._row(memory.source, memory.length, places)
        return DecoderOutput(FullPredictions(logits), attention if need_attention else None)

    def _row(self, source: Tensor, length: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        position = (length[:, None] - 1 - places).clamp(min=-1)
        position = torch.where(position < 0, length[:, None], position)  # EOS stands there
        attention = torch.nn.functional.one_hot(position, source.size(1)).float()
        wanted = source.gather(1, position)
        return torch.nn.functional.one_hot(wanted, self.vocabulary) * self.weight, attention
