"""Texts and batches of decoding_speed.py for both sides. Imports no torch: CTranslate2's process has none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nmt.text import clean_line, read_lines

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("NMT_DATA", ROOT.parent / "shared" / "data"))
VOCABULARY = 32_000
UNUSED = 20_000
"""Filler entries of the vocabulary, because so little text does not support 32,000 pieces."""
LONGEST = 256
"""Largest number of tokens in a translation of free length."""
LENGTH_PENALTY = 1.0
"""Exponent of log P / length ** exponent: CTranslate2's normalisation, and ours with "power"."""

Ids = list[int]
"""A sentence, without EOS."""


@dataclass(frozen=True)
class Job:
    """A batch."""

    indices: tuple[int, ...]
    """Indices of its sentences in the text."""
    sources: tuple[Ids, ...]
    length: int
    """Target tokens that every sentence must get, including the last one (EOS on our side); 0: any number."""


@dataclass(frozen=True)
class Pass:
    """All batches, translated once."""

    translations: dict[int, Ids]
    """Translations by index of the sentence, without EOS."""
    tokens: int
    """Target tokens, including EOS."""
    seconds: float
    processor_seconds: float
    """Of all cores."""
    latencies: tuple[float, ...] = ()
    """Seconds per batch, if they were submitted one at a time."""

    @property
    def speed(self) -> float:
        """Target tokens per second."""
        return self.tokens / self.seconds

    @property
    def thrift(self) -> float:
        """Target tokens per second of processor time."""
        return self.tokens / self.processor_seconds


def batches(sources: Sequence[Ids], sentences: int, forced: bool) -> list[Job]:
    """Batches of sentences of similar length, longest first.

    Args:
        sources: the text.
        sentences: sentences per batch.
        forced: translations of a batch must have the length of its longest source, including EOS.
    """
    order = sorted(range(len(sources)), key=lambda index: -len(sources[index]))
    jobs = []
    for start in range(0, len(order), sentences):
        indices = tuple(order[start : start + sentences])
        chosen = tuple(sources[index] for index in indices)
        jobs.append(Job(indices, chosen, (len(chosen[0]) + 1) * forced))
    return jobs


def news(count: int) -> list[str]:
    """The first lines of newstest2014."""
    lines = [clean_line(line) for line in read_lines(DATA / "newstest" / "newstest2014.tok.en.gz")]
    return [line for line in lines if line][:count]


def encoded(model: Path, lines: Sequence[str]) -> list[Ids]:
    """The lines, tokenised by the model directory's tokenizer."""
    from nmt.tokenizer import load_tokenizers

    encode = load_tokenizers(model / "tokenizer").source.encode
    return [encode(clean_line(line)) for line in lines]


def write_random_base(directory: Path) -> None:
    """Writes the model directory of an untrained Transformer-base and its vocabulary."""
    import torch

    from nmt.bundle import Metadata, save_bundle
    from nmt.models.transformer import Transformer
    from nmt.models.weights import parameter_count
    from nmt.tokenizer.sentencepiece import SentencePieceOptions

    directory.mkdir(parents=True)
    text = directory / "text"
    text.write_text("".join(f"{line}\n" for line in news(10_000)), encoding="utf-8")
    unused = tuple(f"<unused_{number}>" for number in range(UNUSED))
    options = SentencePieceOptions(algorithm="bpe", vocabulary_size=VOCABULARY, user_defined_symbols=unused)
    tokenizers = options.train(text, text, directory / "vocabulary")
    torch.manual_seed(1)
    config = Transformer.Config(preset="base")
    model = config.build(VOCABULARY, VOCABULARY)
    metadata = Metadata(
        nmt_version="0",
        source_language="en",
        target_language="de",
        source_vocabulary=VOCABULARY,
        target_vocabulary=VOCABULARY,
        tokenizer_digests={"source": tokenizers.source.digest, "target": tokenizers.target.digest},
        parameters=parameter_count(model),
        created="2000-01-01T00:00:00Z",
    )
    recipe = {"model": config.model_dump(mode="json"), "search": {"kind": "beam"}}
    save_bundle(directory / "model", model, tokenizers, recipe, metadata)
