"""Settings by amount of text: the rules of `nmt init`, from the shipped recipes and common practice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Size = Literal["tiny", "small", "iwslt", "base"]


@dataclass(frozen=True)
class Text:
    """Statistics of the training text that the rules need."""

    pairs: int
    """Pairs of lines."""
    words: int
    """Distinct blank-separated words of both languages, in the lines that were read."""
    characters: int
    """Distinct characters in these words."""


@dataclass(frozen=True)
class Machine:
    """The machine to train on."""

    cores: int
    gpu: bool


@dataclass(frozen=True)
class Fit:
    """Settings of a recipe."""

    size: Size
    """Size of the Transformer."""
    vocabulary: int
    dropout: float
    updates: int
    warmup: int
    learning_rate: float
    """Peak of the schedule."""
    batch_tokens: int
    micro_batches: int
    validation_pairs: int
    """Pairs held out if there is no validation set."""
    validate_every: int
    patience: int
    """Training ends after this many validations without improvement. They span at least the warm-up, during which
    scores may not improve."""


@dataclass(frozen=True)
class _Tier:
    pairs: int
    """Smallest number of pairs that this tier is for."""
    vocabulary: int
    on_gpu: Size
    on_cpu: Size
    dropout: float
    batch_tokens: int
    updates: int
    warmup: int


_TIERS = (
    _Tier(0, 500, "tiny", "tiny", 0.4, 1024, 1_000, 300),
    _Tier(1_000, 1_000, "tiny", "tiny", 0.4, 1024, 2_000, 500),
    _Tier(3_000, 2_000, "tiny", "tiny", 0.3, 2048, 3_000, 1_000),
    _Tier(10_000, 4_000, "tiny", "tiny", 0.3, 4096, 3_000, 1_500),
    _Tier(20_000, 8_000, "tiny", "tiny", 0.3, 4096, 4_000, 2_000),  # recipes/multi30k_en_de/transformer_tiny
    _Tier(60_000, 8_000, "iwslt", "small", 0.3, 4096, 15_000, 4_000),
    _Tier(120_000, 10_000, "iwslt", "small", 0.3, 4096, 50_000, 4_000),  # IWSLT'14, as fairseq trains it
    _Tier(600_000, 16_000, "base", "small", 0.2, 8192, 100_000, 4_000),
    _Tier(2_000_000, 32_000, "base", "iwslt", 0.1, 25_000, 100_000, 4_000),  # WMT'14, as published
    _Tier(20_000_000, 32_000, "base", "base", 0.1, 25_000, 300_000, 4_000),
)

LEARNING_RATES: dict[Size, float] = {"tiny": 5e-3, "small": 1e-3, "iwslt": 5e-4, "base": 7e-4}
"""Peak rates by size; small models tolerate high ones. tiny: recipes/multi30k_en_de; base: Vaswani et al., eq. 3."""

_RESERVED = 4 + 256  # special tokens, and the bytes that spell unknown characters
_PIECES_PER_WORD = 0.5
"""Pieces that SentencePiece finds per distinct word: 0.5 to 1, falling with more text (Multi30k, Europarl)."""
_PART_TOKENS = {True: 8192, False: 512}
"""By GPU or not. On a GPU a micro-batch must fit in memory; on a CPU micro-batches feed the cores, and small ones cost
time."""
FEWEST_PAIRS = 100
"""With fewer pairs a model learns nothing measurable."""


def fitted(text: Text, machine: Machine) -> Fit:
    """Settings for this much text on this machine. More text never means a smaller model, vocabulary or training."""
    tier = [tier for tier in _TIERS if tier.pairs <= text.pairs][-1]
    validate_every = max(tier.updates // 32, 50)
    size = tier.on_gpu if machine.gpu else tier.on_cpu
    return Fit(
        size=size,
        vocabulary=_vocabulary(tier.vocabulary, text),
        dropout=tier.dropout,
        updates=tier.updates,
        warmup=tier.warmup,
        learning_rate=LEARNING_RATES[size],
        batch_tokens=tier.batch_tokens,
        micro_batches=_parts(tier.batch_tokens, machine),
        validation_pairs=held_out(text.pairs),
        validate_every=validate_every,
        patience=max(-(-tier.warmup // validate_every), 10),
    )


def held_out(pairs: int) -> int:
    """Number of pairs to validate on: a twentieth, at most a thousand."""
    return min(max(pairs // 20, 5), 1000)


def vocabulary_that_surely_trains(words: int, characters: int) -> int:
    """A vocabulary size that SentencePiece reaches on text with this many distinct words and characters."""
    return _RESERVED + characters + int(_PIECES_PER_WORD * words)


def _vocabulary(wanted: int, text: Text) -> int:
    """The wanted size, raised to make room for the characters and lowered to what the text supports."""
    least = _RESERVED + 2 * text.characters
    most = vocabulary_that_surely_trains(text.words, text.characters)
    return min(max(wanted, -(-least // 100) * 100), most // 10 * 10)


def _parts(batch_tokens: int, machine: Machine) -> int:
    if machine.gpu:
        return max(-(-batch_tokens // _PART_TOKENS[True]), 1)
    parts = 2
    while parts * 2 <= machine.cores and batch_tokens // (parts * 2) >= _PART_TOKENS[False]:
        parts *= 2
    return max(parts, -(-batch_tokens // 4096))
