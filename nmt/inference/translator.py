"""Text in, text out: lines are tokenized, sorted into batches, searched, joined and put back in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nmt.cpu import forget_old_kernels, keep_freed_memory
from nmt.data.batch import batches_by_length, pad
from nmt.inference.chunks import chunk_limit, chunks
from nmt.inference.options import TranslationOptions
from nmt.inference.precision import with_precision
from nmt.inference.windows import WINDOW_LINES, windows
from nmt.models.base import EncoderDecoder
from nmt.search import SearchConfig
from nmt.search.base import Hypothesis
from nmt.text import clean_line
from nmt.tokenizer.base import TokenizerPair


@dataclass(frozen=True)
class Alternative:
    """One translation of a line; sums over the line's chunks where it had to be cut."""

    text: str
    score: float
    """What the search ranks by."""
    log_probability: float
    """Natural log of the probability of the tokens, EOS included."""
    attention: tuple[Tensor, ...] = ()
    """[target tokens + 1, source tokens + 1] for each chunk, when asked for."""


@dataclass(frozen=True)
class Translation:
    """What became of one line."""

    n_best: tuple[Alternative, ...]
    """Best first, never empty; a blank line has one blank translation."""
    chunks: int
    """Parts that the line was translated in: 0 for a blank line, 1 for most."""

    @property
    def text(self) -> str:
        """The best translation."""
        return self.n_best[0].text

    @property
    def score(self) -> float:
        """Its score."""
        return self.n_best[0].score

    @property
    def log_probability(self) -> float:
        """Its log-probability."""
        return self.n_best[0].log_probability


BLANK = Translation(n_best=(Alternative("", 0.0, 0.0),), chunks=0)


class Translator:
    """Translates lines with one model, in this process.

    Args:
        model: switched to evaluation mode while it translates.
        tokenizers: the model's.
        search: settings of the search.
        options: how lines become batches.
        longest_source: longest source sentence of the model's training, in pieces (metadata); lines
            that are much longer are translated in parts.
        need_attention: return attention.
    """

    def __init__(
        self,
        model: EncoderDecoder[Any, Any],
        tokenizers: TokenizerPair,
        search: SearchConfig,
        options: TranslationOptions | None = None,
        *,
        longest_source: int = 0,
        need_attention: bool = False,
    ) -> None:
        self.options = options or TranslationOptions()
        keep_freed_memory()
        forget_old_kernels()
        self.model = with_precision(model, self.options.precision)
        self.tokenizers, self.search, self.need_attention = tokenizers, search, need_attention
        self.limit = chunk_limit(longest_source)
        self.device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))

    def translate(self, lines: Iterable[str], window: int = WINDOW_LINES) -> Iterator[Translation]:
        """One translation per line, in order, each window as soon as it is done."""
        for group in windows(lines, window):
            yield from self.translate_window(group)

    def translate_window(self, lines: Sequence[str]) -> list[Translation]:
        """Translates lines together: sorted by length, batched, and put back in order."""
        encode = self.tokenizers.source.encode
        parts = [chunks(clean_line(line), encode, self.limit) for line in lines]
        flat = [ids for line in parts for ids in line]
        found = iter(self._search(flat))
        return [self._join([next(found) for _ in line]) if line else BLANK for line in parts]

    def _search(self, sources: Sequence[Sequence[int]]) -> list[list[Hypothesis]]:
        """The hypotheses of each source, in the order of the sources."""
        training = self.model.training
        self.model.eval()
        results: list[list[Hypothesis]] = [[] for _ in sources]
        try:
            for rows in batches_by_length([len(source) for source in sources], self.options.batch_tokens):
                source, mask = pad([sources[row] for row in rows])
                found = self.search.search(
                    self.model, source.to(self.device), mask.to(self.device), need_attention=self.need_attention
                )
                for row, hypotheses in zip(rows, found, strict=True):
                    results[row] = hypotheses
        finally:
            self.model.train(training)
        return results

    def _join(self, parts: Sequence[Sequence[Hypothesis]]) -> Translation:
        """The translation of a line from its chunks'; the n-th best are joined with each other."""
        alternatives = []
        for place in range(min(map(len, parts))):
            chosen = [hypotheses[place] for hypotheses in parts]
            texts = (self.tokenizers.target.decode(hypothesis.tokens) for hypothesis in chosen)
            alternatives.append(
                Alternative(
                    text=" ".join(text for text in texts if text),
                    score=sum(hypothesis.score for hypothesis in chosen),
                    log_probability=sum(hypothesis.log_probability for hypothesis in chosen),
                    attention=tuple(h.attention for h in chosen if h.attention is not None),
                )
            )
        return Translation(tuple(alternatives), len(parts))
