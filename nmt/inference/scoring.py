"""The log-probability of given translations under a model (teacher forcing)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from nmt.data.batch import Batch, batches_by_length, collate
from nmt.errors import UserError
from nmt.evaluation.measure import TokenTotals
from nmt.inference.options import TranslationOptions
from nmt.inference.precision import with_precision
from nmt.inference.windows import WINDOW_LINES, windows
from nmt.models.base import EncoderDecoder, Memory
from nmt.nn.twin import evaluating
from nmt.text import clean_line, is_blank
from nmt.tokenizer.base import TokenizerPair


@dataclass(frozen=True)
class LineScore:
    """Log-probabilities of one line under a model."""

    pieces: tuple[str, ...]
    """The target's pieces, without EOS."""
    token_log_probabilities: tuple[float, ...]
    """Natural log of the probability of each piece and finally of EOS; empty for the blank translation of a blank
    line, which is certain: no search writes anything else."""

    @property
    def log_probability(self) -> float:
        """The sum over tokens: natural log of P(target, EOS | source)."""
        return sum(self.token_log_probabilities)


@torch.inference_mode()
def score_ids(
    model: EncoderDecoder[Any, Any],
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    batch_tokens: int,
) -> list[tuple[float, ...]]:
    """log P of each target token and of EOS for each pair, in the order of the pairs.

    Equal sources in a batch, as those of an n-best list, are encoded once.

    Args:
        model: in evaluation mode.
        sources: token ids without EOS.
        targets: token ids without BOS and EOS.
        batch_tokens: upper limit of rows * (longest side + 1).
    """
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    lengths = [max(len(source), len(target)) for source, target in zip(sources, targets, strict=True)]
    results: list[tuple[float, ...]] = [()] * len(lengths)
    for rows in batches_by_length(lengths, batch_tokens):
        batch = collate([sources[row] for row in rows], [targets[row] for row in rows]).to(device)
        memory = _memory(model, batch, [tuple(sources[row]) for row in rows])
        logits = model.decode(batch.target_input, batch.target_mask, memory).logits
        table = torch.log_softmax(logits, -1, dtype=torch.float32).gather(2, batch.target_output[:, :, None])
        for row, values in zip(rows, table.squeeze(2).tolist(), strict=True):
            results[row] = tuple(values[: len(targets[row]) + 1])
    return results


def _memory(model: EncoderDecoder[Any, Any], batch: Batch, sources: Sequence[tuple[int, ...]]) -> Memory:
    """The memory of a batch's sources, each distinct one encoded once.

    Args:
        model: the model.
        batch: the batch.
        sources: token ids of its sources.
    """
    first: dict[tuple[int, ...], int] = {}
    for row, source in enumerate(sources):
        first.setdefault(source, row)
    if len(first) == len(sources):
        memory: Memory = model.encode(batch.source, batch.source_mask)
        return memory
    index = {source: number for number, source in enumerate(first)}
    kept = torch.tensor(list(first.values()), device=batch.source.device)
    memory = model.encode(batch.source[kept], batch.source_mask[kept])
    return memory.select(torch.tensor([index[source] for source in sources], device=batch.source.device))


def score_lines(
    model: EncoderDecoder[Any, Any],
    tokenizers: TokenizerPair,
    sources: Iterable[str],
    targets: Iterable[str],
    options: TranslationOptions | None = None,
) -> Iterator[LineScore]:
    """One score per pair of lines, in order; a blank target is scored as EOS alone, and as certain if the source is
    blank too.

    Raises:
        UserError: one side has more lines than the other.
    """
    options = options or TranslationOptions()
    model = evaluating(with_precision(model, options.precision))
    for window in windows(_paired(sources, targets), WINDOW_LINES):
        source_ids = [tokenizers.source.encode(clean_line(source)) for source, _ in window]
        target_ids = [tokenizers.target.encode(clean_line(target)) for _, target in window]
        scored = score_ids(model, source_ids, target_ids, options.batch_tokens)
        for (source, target), ids, values in zip(window, target_ids, scored, strict=True):
            certain = is_blank(source) and is_blank(target)
            yield LineScore((), ()) if certain else LineScore(tuple(tokenizers.target.pieces(ids)), values)


@torch.inference_mode()
def token_totals(
    model: EncoderDecoder[Any, Any],
    tokenizers: TokenizerPair,
    sources: Iterable[str],
    targets: Iterable[str],
    options: TranslationOptions | None = None,
) -> TokenTotals:
    """Totals of how well a model predicts the tokens of given translations, EOS included.

    Blank lines with blank translations are skipped: the model is never used for them.

    Raises:
        UserError: one side has more lines than the other.
    """
    options = options or TranslationOptions()
    model = evaluating(with_precision(model, options.precision))
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    totals, tokens, correct, log_probability = TokenTotals(), 0, 0, 0.0
    for window in windows(_paired(sources, targets), WINDOW_LINES):
        asked = [pair for pair in window if not (is_blank(pair[0]) and is_blank(pair[1]))]
        totals = totals.with_text(target for _, target in asked)
        source_ids = [tokenizers.source.encode(clean_line(source)) for source, _ in asked]
        target_ids = [tokenizers.target.encode(clean_line(target)) for _, target in asked]
        lengths = [max(map(len, pair)) for pair in zip(source_ids, target_ids, strict=True)]
        for rows in batches_by_length(lengths, options.batch_tokens):
            batch = collate([source_ids[row] for row in rows], [target_ids[row] for row in rows]).to(device)
            memory = model.encode(batch.source, batch.source_mask)
            logits = model.decode(batch.target_input, batch.target_mask, memory).logits[batch.target_mask]  # [M, V]
            right = batch.target_output[batch.target_mask]  # [M]
            table = torch.log_softmax(logits, -1, dtype=torch.float32).gather(1, right[:, None])
            tokens += len(right)
            correct += int((logits.argmax(-1) == right).sum())
            log_probability += float(table.double().sum())
    return replace(totals, tokens=tokens, correct=correct, log_probability=log_probability)


def _paired(sources: Iterable[str], targets: Iterable[str]) -> Iterator[tuple[str, str]]:
    missing = object()
    left, right = iter(sources), iter(targets)
    number = 0
    while True:
        source, target = next(left, missing), next(right, missing)
        if source is missing and target is missing:
            return
        if not isinstance(source, str) or not isinstance(target, str):
            side = "source" if source is missing else "target"
            raise UserError(
                f"line {number + 1}", "as many source lines as target lines", f"a {side} that ends after line {number}"
            )
        number += 1
        yield source, target
