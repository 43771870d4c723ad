"""A model that is a table: logits and attention drawn at random for every source and every prefix."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from nmt.models.base import Memory, State, StepOutput
from nmt.search import BeamSearch
from nmt.tokenizer.base import SPECIAL


@dataclass
class TableMemory(Memory):
    source: Tensor
    """[B, S]"""


@dataclass
class TableState(State):
    prefix: Tensor
    """[N, T] what each hypothesis has read, BOS first."""


class TableModel:
    """Obeys the laws of `EncoderDecoder`: rows are independent, and padding is never looked at."""

    def __init__(self, vocabulary: int, seed: int = 0, spread: float = 2.0) -> None:
        self.vocabulary, self.seed, self.spread = vocabulary, seed, spread
        self.steps: list[int] = []
        self.table: dict[tuple[tuple[int, ...], tuple[int, ...]], tuple[Tensor, Tensor]] = {}

    def row(self, source: Sequence[int], prefix: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Logits [V] and attention [S] over the real source tokens."""
        key = (tuple(source), tuple(prefix))
        if key not in self.table:
            digest = hashlib.sha256(repr((self.seed, key)).encode()).digest()
            random = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
            logits = torch.randn(self.vocabulary, generator=random) * self.spread
            attention = (torch.randn(len(source), generator=random) * 2).softmax(0)
            self.table[key] = logits, attention
        return self.table[key]

    def encode(self, source: Tensor, source_mask: Tensor) -> TableMemory:
        return TableMemory(mask=source_mask, source=source)

    def init_state(self, memory: TableMemory, beam_size: int, max_length: int) -> TableState:
        return TableState(prefix=torch.empty((len(memory.mask) * beam_size, 0), dtype=torch.int64))

    def step(
        self, tokens: Tensor, memory: TableMemory, state: TableState, *, need_attention: bool = False
    ) -> StepOutput[TableState]:
        prefix = torch.cat((state.prefix, tokens.reshape(-1, 1)), 1)
        sentences, beam = tokens.shape
        assert sentences == len(memory.mask)
        self.steps.append(sentences)
        logits = torch.empty((sentences, beam, self.vocabulary))
        attention = torch.zeros((sentences, beam, memory.mask.size(1)))
        for row, words in enumerate(prefix.tolist()):
            sentence, place = divmod(row, beam)
            mask = memory.mask[sentence]
            found = self.row(memory.source[sentence][mask].tolist(), words)
            logits[sentence, place], attention[sentence, place, mask] = found
        return StepOutput(logits, attention if need_attention else None, TableState(prefix=prefix))


@dataclass(frozen=True)
class Scored:
    tokens: tuple[int, ...]
    score: float
    log_probability: float


def exhaustive(model: TableModel, source: Sequence[int], options: BeamSearch) -> list[Scored]:
    """Every translation there is, best first, scored straight from the definition in the paper."""
    longest = int((len(source) - 1) * options.max_length_factor) + options.max_length_offset
    return sorted((_scored(model, source, tokens, options) for tokens in _all(model, longest)), key=lambda s: -s.score)


def _all(model: TableModel, longest: int) -> Iterator[tuple[int, ...]]:
    words = [token for token in range(model.vocabulary) if token not in (SPECIAL.pad, SPECIAL.bos, SPECIAL.eos)]
    for length in range(longest + 1):
        yield from product(words, repeat=length)


def _scored(model: TableModel, source: Sequence[int], tokens: tuple[int, ...], options: BeamSearch) -> Scored:
    log_probability, coverage = 0.0, torch.zeros(len(source), dtype=torch.float64)
    for place, token in enumerate((*tokens, SPECIAL.eos)):
        logits, attention = model.row(source, (SPECIAL.bos, *tokens[:place]))
        log_probability += float(logits.double().log_softmax(0)[token])
        coverage += attention.double()
    length = len(tokens) + 1
    base = (5 + length) / 6 if options.length_normalization == "gnmt" else length
    penalty = options.coverage_penalty * float(coverage[:-1].clamp(1e-9, 1.0).log().sum())
    return Scored(tokens, log_probability / base**options.length_penalty + penalty, log_probability)
