"""What sizes fit how much text: the rules of `nmt init`, from what works in the shipped recipes and in the field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Size = Literal["tiny", "small", "iwslt", "base"]


@dataclass(frozen=True)
class Text:
    """Training text, as far as the rules ask."""

    pairs: int
    """Pairs of lines."""
    words: int
    """Different words of both languages, divided by blanks, of the lines that were looked at."""
    characters: int
    """Different characters of them."""


@dataclass(frozen=True)
class Machine:
    """What is to be trained on."""

    cores: int
    gpu: bool


@dataclass(frozen=True)
class Fit:
    """Settings of a recipe."""

    size: Size
    """Of the Transformer."""
    vocabulary: int
    dropout: float
    updates: int
    warmup: int
    learning_rate: float
    """At its peak."""
    batch_tokens: int
    micro_batches: int
    validation_pairs: int
    """Held out where there is no validation set."""
    validate_every: int
    patience: int
    """Validations without a better score that end training; together at least as long as the warm-up, in which scores
    may stand still."""


@dataclass(frozen=True)
class _Tier:
    pairs: int
    """From so many pairs on."""
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
"""Peaks by size: a small model takes a high one. tiny: recipes/multi30k_en_de; base: equation 3 of Vaswani et al."""

_RESERVED = 4 + 256  # special tokens, and the bytes that unknown characters are spelled with
_PIECES_OF_A_WORD = 0.5
"""Pieces that SentencePiece finds for each different word: 0.5 to 1, the fewer the more text (Multi30k, Europarl)."""
_PART_TOKENS = {True: 8192, False: 512}
"""On a GPU a part of a batch has to fit into its memory; on a CPU parts are for the cores, and small ones cost time."""
FEWEST_PAIRS = 100
"""Fewer teach nothing that could be measured."""


def fitted(text: Text, machine: Machine) -> Fit:
    """Settings for this much text on this machine: more text never gives a smaller model, vocabulary or training."""
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
    """How many pairs to validate on: a twentieth, up to a thousand."""
    return min(max(pairs // 20, 5), 1000)


def vocabulary_that_surely_trains(words: int, characters: int) -> int:
    """Pieces that SentencePiece finds in text of so many different words and characters, and usually more."""
    return _RESERVED + characters + int(_PIECES_OF_A_WORD * words)


def _vocabulary(wanted: int, text: Text) -> int:
    """The size that is wanted, where the text gives it and it has room for the characters."""
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
