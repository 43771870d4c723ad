"""Translates text: tokenizes lines, sorts them into batches, searches, joins parts and restores the order."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Self, cast

import torch
from torch import Tensor

from nmt.bundle import Metadata
from nmt.cpu import forget_old_kernels, keep_freed_memory
from nmt.data.batch import batches_by_length, pad
from nmt.data.document_window import DocumentWindow
from nmt.errors import UserError
from nmt.inference.chunks import CutLine, Cutter, chunk_limit, join
from nmt.inference.documents import InContext, translated_in_context
from nmt.inference.fusion import load_language_model
from nmt.inference.options import TranslationOptions
from nmt.inference.precision import with_precision
from nmt.inference.windows import WINDOW_LINES, whole_documents, windows
from nmt.models.base import Decoder, EncoderDecoder
from nmt.nn.twin import evaluating
from nmt.search import SearchConfig
from nmt.search.base import Hypothesis, StepModel
from nmt.search.dispatch import find_hypotheses
from nmt.search.fusion import FusedModel
from nmt.text import clean_line
from nmt.tokenizer.base import Tokenizer, TokenizerPair


@dataclass(frozen=True)
class Alternative:
    """One translation of a line; if the line was cut, scores are sums over its parts."""

    text: str
    score: float
    """The search's ranking criterion."""
    log_probability: float
    """Natural log of the probability of the tokens, EOS included."""
    tokens: tuple[str, ...] = ()
    """The pieces that the model wrote, without EOS; of all parts if the line was cut."""
    attention: Tensor | None = field(default=None, compare=False, repr=False)
    """[target tokens, source tokens] float32 on the CPU, if requested; see `Translation.attention`."""


@dataclass(frozen=True)
class Translation:
    """The translation of one line, with alternatives."""

    n_best: tuple[Alternative, ...]
    """Best first, never empty; with beam search all texts differ. A blank line has one blank translation."""
    parts: int
    """Number of parts that the line was translated in: 0 for a blank line, 1 for most."""
    too_long: bool = False
    """Whether a sentence was cut because it is longer than any the model was trained on."""
    source_tokens: tuple[str, ...] = ()
    """The pieces that the model read, without EOS; of all parts if the line was cut."""
    out_of_context: bool = False
    """Whether the line was to be translated with others of its document, but was translated by itself because the model
    merged or split sentences."""

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The best translation."""
        return self.n_best[0].text

    @property
    def score(self) -> float:
        """The score of the best translation."""
        return self.n_best[0].score

    @property
    def log_probability(self) -> float:
        """The log-probability of the best translation."""
        return self.n_best[0].log_probability

    @property
    def tokens(self) -> tuple[str, ...]:
        """The pieces of the best translation."""
        return self.n_best[0].tokens

    @property
    def attention(self) -> Tensor | None:
        """The best translation's attention to the source: [len(tokens), len(source_tokens)] float32, None if not
        requested.

        These are the weights that the model reports at each step of the search: for a Transformer or a DEQ the highest
        decoder layer's, averaged over its heads; for ConvS2S the average over decoder layers; for GNMT and Luong those
        of their single attention. EOS has neither row nor column, so a row sums to 1 minus the attention to the
        source's EOS. If the line was translated in parts, the tokens of a part attend to that part only: the matrix has
        one block per part, and zeros elsewhere.
        """
        return self.n_best[0].attention


@dataclass(frozen=True)
class TrainingText:
    """Known properties of the source text that a model was trained on."""

    longest_source: int = 0
    """Length of the longest sentence, in pieces; longer lines are translated in parts. 0: unknown."""
    several_sentences: float | None = None
    """Share of lines with more than one sentence; None: unknown."""
    language: str = ""
    """Language code."""
    documents: DocumentWindow | None = None
    """Largest sequences of sentences; None: single sentences."""

    @classmethod
    def of(cls, metadata: Metadata) -> Self:
        """The training text as described in a model directory."""
        return cls(metadata.longest_source, metadata.several_sentences, metadata.source_language, metadata.documents)


class Translator:
    """Translates lines with one model, in this process; threads may share a model or a translator.

    Args:
        model: used in evaluation mode, without changing its own mode, so it may be in training.
        tokenizers: the model's tokenizers.
        search: settings of the search.
        options: settings of translation.
        training_text: the model's training text, which decides how lines are cut.
        need_attention: return attention.
        language_model: the one that `options` name, if it is loaded already; None: it is loaded here.

    Raises:
        UserError: `options.language_model` does not fit the model; or `options.documents` does not fit its training,
            or asks for alternatives or attention.
    """

    def __init__(
        self,
        model: EncoderDecoder[Any, Any],
        tokenizers: TokenizerPair,
        search: SearchConfig,
        options: TranslationOptions | None = None,
        *,
        training_text: TrainingText | None = None,
        need_attention: bool = False,
        language_model: Decoder[Any] | None = None,
    ) -> None:
        self.options = options or TranslationOptions()
        keep_freed_memory()
        forget_old_kernels()
        self.device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
        self.model: StepModel[Any, Any] = evaluating(with_precision(model, self.options.precision))
        helper = language_model or load_language_model(self.options, tokenizers.target, self.device)
        if helper is not None:
            self.model = FusedModel(self.model, helper, self.options.language_model_weight)
        self.tokenizers, self.search, self.need_attention = tokenizers, search, need_attention
        known = training_text or TrainingText()
        self.window: DocumentWindow | None = None
        """Largest sequences of sentences to translate together; None: each sentence by itself."""
        if self.options.documents:
            self.window = _checked_window(known, search, need_attention=need_attention)
        self.cutter = Cutter(
            tokenizers.source,
            chunk_limit(known.longest_source) if self.options.long_lines == "cut" else sys.maxsize,
            known.language,
            split=self.options.splits(known.several_sentences),
        )

    def translate(self, lines: Iterable[str], window: int = WINDOW_LINES) -> Iterator[Translation]:
        """Yields one translation per line, in order, each window as soon as it is done."""
        groups: Iterator[list[str]] = windows(lines, window)
        for group in whole_documents(groups) if self.window else groups:
            yield from self.translate_window(group)

    def translate_window(self, lines: Sequence[str]) -> list[Translation]:
        """Translates lines together: sorted by length, batched, and put back in order.

        With `options.documents` they are whole documents, the last of which may lack its blank line.
        """
        cut = [self.cutter.cut(clean_line(line)) for line in lines]
        if self.window:
            documents = [[part.ids for line in group for part in line.parts] for group in _unbroken(cut)]
            found = iter(translated_in_context(documents, self.window, self._search))
        else:
            found = iter(map(InContext, self._search([part.ids for line in cut for part in line.parts])))
        return [self._join(line, [next(found) for _ in line.parts]) if line.parts else self._blank() for line in cut]

    def _search(self, sources: Sequence[Sequence[int]], documents: bool = False) -> list[list[Hypothesis]]:
        """The hypotheses of each source, in the order of the sources.

        Args:
            sources: token ids.
            documents: whether they are joined sentences.
        """
        results: list[list[Hypothesis]] = [[] for _ in sources]
        for rows in batches_by_length([len(source) for source in sources], self.options.batch_tokens):
            source, mask = pad([sources[row] for row in rows])
            found = find_hypotheses(
                self.search,
                self.model,
                source.to(self.device),
                mask.to(self.device),
                need_attention=self.need_attention,
                documents=documents,
            )
            for row, hypotheses in zip(rows, found, strict=True):
                results[row] = hypotheses
        return results

    def _join(self, line: CutLine, found: Sequence[InContext]) -> Translation:
        """The translation of a line from those of its parts; the n-th best of each are joined."""
        alternatives: dict[str, Alternative] = {}
        parts = [part.hypotheses for part in found]
        for rank in range(min(map(len, parts))):
            chosen = [hypotheses[rank] for hypotheses in parts]
            text = join([self.tokenizers.target.decode(hypothesis.tokens) for hypothesis in chosen], line.parts)
            alternative = Alternative(
                text=text,
                score=sum(hypothesis.score for hypothesis in chosen),
                log_probability=sum(hypothesis.log_probability for hypothesis in chosen),
                tokens=self._pieces(self.tokenizers.target, [hypothesis.tokens for hypothesis in chosen]),
                attention=_side_by_side([h.attention for h in chosen if h.attention is not None]),
            )
            # Hypotheses that are segmentations of the same text count as one, the best of them. Samples are all kept.
            alternatives.setdefault(text if self.search.distinct else f"{rank}", alternative)
        source_tokens = self._pieces(self.tokenizers.source, [part.ids for part in line.parts])
        out_of_context = any(part.alone for part in found)
        return Translation(tuple(alternatives.values()), len(parts), line.too_long, source_tokens, out_of_context)

    def _blank(self) -> Translation:
        attention = torch.zeros(0, 0) if self.need_attention else None
        return Translation((Alternative("", 0.0, 0.0, attention=attention),), parts=0)

    @staticmethod
    def _pieces(tokenizer: Tokenizer, parts: Sequence[Sequence[int]]) -> tuple[str, ...]:
        return tuple(tokenizer.pieces([token for part in parts for token in part]))


def _checked_window(known: TrainingText, search: SearchConfig, *, need_attention: bool) -> DocumentWindow:
    """The model's window for documents.

    Raises:
        UserError: it has none, or alternatives or attention are requested.
    """
    if known.documents is None:
        raise UserError(
            "documents",
            "a model that was trained on documents",
            "one that was trained on single sentences",
            "Leave the option out, or train with `data: {context: document}`.",
        )
    if search.n_best > 1 or need_attention:
        got = "a request for attention" if need_attention else f"n_best {search.n_best}"
        expected = "the best translations alone: sentences are translated together, and so are their alternatives"
        raise UserError("documents", expected, got, "Leave one of the two out.")
    return known.documents


def _unbroken(lines: Sequence[CutLine]) -> Iterator[list[CutLine]]:
    """The documents: runs of lines that are not blank."""
    for blank, group in groupby(lines, key=lambda line: not line.parts):
        if not blank:
            yield list(group)


def _side_by_side(parts: Sequence[Tensor]) -> Tensor | None:
    """The attention of a line, without EOS, from that of its parts, each [target tokens + 1, source tokens + 1]."""
    if not parts:
        return None
    blocks = (part[:-1, :-1].float().cpu() for part in parts)
    return cast(Tensor, torch.block_diag(*blocks))  # type: ignore[no-untyped-call]
