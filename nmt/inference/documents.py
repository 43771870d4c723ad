"""Translates the sentences of a document together, each with those before it, and takes the translations apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nmt.data.context import joined_ids, separated
from nmt.data.document_window import DocumentWindow
from nmt.search.base import Hypothesis

Search = Callable[[Sequence[Sequence[int]], bool], list[list[Hypothesis]]]
"""Finds the hypotheses of each source; the flag says whether sources are joined sentences."""


@dataclass(frozen=True)
class Span:
    """Consecutive sentences of a document that are read together."""

    start: int
    """Index of the first one."""
    new: int
    """Index of the first one whose translation is used; those before are context, translated in an earlier span."""
    stop: int
    """End (exclusive)."""


@dataclass(frozen=True)
class InContext:
    """The hypotheses of one sentence of a document."""

    hypotheses: list[Hypothesis]
    """Those of the sentence; or one, which has the score and the log-probability of its whole span."""
    alone: bool = False
    """Whether the sentence was translated by itself because its span's translation has another number of sentences."""


def spans(lengths: Sequence[int], window: DocumentWindow) -> list[Span]:
    """Spans in which every sentence of a document is new exactly once, in order.

    The context of a span fills up to half of the window. A sentence that is longer than the window has a span of its
    own.

    Args:
        lengths: number of tokens of each sentence.
        window: the most tokens, separators included, and sentences in a span.
    """
    found, new = list[Span](), 0
    while new < len(lengths):
        start, used = new, lengths[new]
        while (
            start > 0
            and new - start < window.sentences // 2
            and used - lengths[new] + lengths[start - 1] + 1 <= window.pieces // 2
            and used + lengths[start - 1] + 1 <= window.pieces
        ):
            start, used = start - 1, used + lengths[start - 1] + 1
        stop = new + 1
        while stop < len(lengths) and stop - start < window.sentences and used + lengths[stop] + 1 <= window.pieces:
            used, stop = used + lengths[stop] + 1, stop + 1
        found.append(Span(start, new, stop))
        new = stop
    return found


def translated_in_context(
    documents: Sequence[Sequence[Sequence[int]]], window: DocumentWindow, search: Search
) -> list[InContext]:
    """The translation of every sentence, in order, however many sentences the model writes.

    If the translation of a span does not have as many sentences as the span, or has an empty one, the span's new
    sentences are translated one by one.

    Args:
        documents: documents of sentences of token ids, none of them empty.
        window: the largest span that the model can translate.
        search: finds translations.
    """
    found = dict[tuple[int, int], InContext]()
    several, single, failed = list[tuple[int, Span]](), list[tuple[int, int]](), list[tuple[int, int]]()
    for number, sentences in enumerate(documents):
        for span in spans([len(sentence) for sentence in sentences], window):
            if span.stop - span.start > 1:
                several.append((number, span))
            else:
                single.append((number, span.new))
    sources = [joined_ids(documents[number][span.start : span.stop]) for number, span in several]
    for (number, span), (best, *_) in zip(several, search(sources, True), strict=True):
        texts = separated(best.tokens)
        kept = len(texts) == span.stop - span.start and all(texts)
        for index in range(span.new, span.stop):
            if kept:
                own = Hypothesis(texts[index - span.start], best.score, best.log_probability)
                found[number, index] = InContext([own])
            else:
                failed.append((number, index))
    alone = [*single, *failed]
    for place, hypotheses in zip(alone, search([documents[n][i] for n, i in alone], False), strict=True):
        found[place] = InContext(hypotheses)
    for place in failed:
        found[place] = InContext(found[place].hypotheses, alone=True)
    return [found[number, index] for number, sentences in enumerate(documents) for index in range(len(sentences))]
