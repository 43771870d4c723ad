"""Beam search as defined by GNMT (arXiv 1609.08144, section 7), over any `StepModel`.

All sentences of a batch advance together; each has K live hypotheses. A step considers the 2K best
continuations of a sentence: those among the best K that end in EOS are finished, and the best K that
do not end stay live (2K always contain that many). With beam 1 this is greedy search.

A sentence stops when none of its live hypotheses can still enter its n best: log P only falls and
lp only grows with the length, and cp <= 0, so live log P / lp(longest allowed) is an upper bound of a
hypothesis's score. The result is therefore the same as if we searched up to the length limit. Exceptions are
`early_stopping`, which ends a sentence once K hypotheses have finished, and `stop_at_current_length`, which from then
on takes the current length as the longest allowed.
(GNMT ends a batch when all its sentences are done; here each sentence leaves the batch by itself.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from nmt.models.base import StepOutput
from nmt.nn.kernels.continuations import best_continuations
from nmt.nn.rows import Rows
from nmt.search.base import NONE, Hypothesis, MemoryT, StateT, StepModel
from nmt.search.options import BeamSearch
from nmt.search.penalties import coverage_penalty, length_penalty
from nmt.search.trellis import Finished, Trellis
from nmt.tokenizer.base import SPECIAL, SpecialTokens

LEAVE_FRACTION = 0.125
"""Sentences leave the batch when at least this share of it has ended: dropping rows copies the memory."""


@dataclass
class _Beams(Rows):
    """The sentences still in the batch, one row each."""

    sentence: Tensor
    """[B] int64, ascending: index in the original batch."""
    limit: Tensor
    """[B] int64, maximum number of tokens in a translation, EOS included."""
    limit_penalty: Tensor
    """[B] float32, the length penalty at that limit."""
    words: Tensor
    """[B, S] bool, source positions that count in the coverage."""
    live: Tensor
    """[B, K] float32, log-probability of each live hypothesis, best first; -inf for none."""
    tokens: Tensor
    """[B, K] int64, the last token of each live hypothesis."""
    ended: Tensor
    """[B] int64, number of hypotheses finished so far."""
    coverage: Tensor | None
    """[B, K, S] float32, attention received so far; None without a coverage penalty."""
    finished: Finished


@dataclass(frozen=True)
class _Continuations:
    """The 2K best continuations of each sentence, best first; all [B, 2K]."""

    sums: Tensor
    """float32, log-probability of the hypothesis with the next token."""
    parents: Tensor
    """int64, index of the live hypothesis."""
    tokens: Tensor
    """int64, the next token."""
    ends: Tensor
    """bool, True if the token is EOS."""


@torch.inference_mode()
def beam_search(
    model: StepModel[MemoryT, StateT],
    source: Tensor,
    source_mask: Tensor,
    options: BeamSearch,
    special: SpecialTokens = SPECIAL,
    need_attention: bool = False,
    documents: bool = False,
) -> list[list[Hypothesis]]:
    """Finds the best translations of a batch.

    Args:
        model: in evaluation mode.
        source: [B, S] int64, each sentence ending in EOS.
        source_mask: [B, S] bool, True on real tokens.
        need_attention: return the attention of each hypothesis.
        documents: translations may contain BOS, which separates the sentences of a document.

    Returns:
        For each sentence 1 to n_best hypotheses, best first.

    Raises:
        UserError: the model's logits are NaN, so no hypothesis could end.
    """
    if len(source) == 0:
        return []
    attend = need_attention or options.coverage_penalty > 0
    beams = _start(source, source_mask, options, special)
    results = beams.finished.select(beams.sentence)  # a copy, with a row for each sentence of the original batch
    trellis = Trellis(len(source), options.beam)
    never = (special.pad,) if documents else (special.pad, special.bos)
    memory = model.encode(source, source_mask)
    limit = int(beams.limit.max())
    state = model.init_state(memory, options.beam, limit)
    for length in range(1, limit + 1):
        output = model.step(beams.tokens, memory, state, need_attention=attend)
        if beams.coverage is not None and output.attention is not None:
            beams.coverage = beams.coverage + output.attention
        continuations = _continue(output, beams, length, options, special, never)
        _finish(beams, continuations, length, options)
        parents = _advance(beams, continuations)
        trellis.add(beams.sentence, parents, beams.tokens, output.attention if need_attention else None)
        done = _stop(beams, length, options)
        ended = int(done.sum())
        if ended == len(done):
            break
        rows = parents + torch.arange(0, parents.numel(), options.beam, device=source.device)[:, None]
        state = output.state
        if ended >= LEAVE_FRACTION * len(done):
            stay = (~done).nonzero().squeeze(1)
            results.put(beams.sentence, beams.finished)
            beams, memory, rows = beams.select(stay), memory.select(stay), rows.index_select(0, stay)
        if options.beam > 1 or len(rows) < len(done):
            state = state.select(rows.flatten())
    results.put(beams.sentence, beams.finished)
    return trellis.hypotheses(results.best(options.n_best), source_mask, need_attention)


def _start(source: Tensor, source_mask: Tensor, options: BeamSearch, special: SpecialTokens) -> _Beams:
    """One live hypothesis per sentence, which is empty; the other K - 1 do not exist yet."""
    sentences, beam, device = len(source), options.beam, source.device
    kept = beam if options.stop_at_current_length else options.n_best
    pieces = (source_mask.sum(1) - 1).clamp(min=0)
    limit = (pieces.double() * options.max_length_factor).floor().long() + options.max_length_offset + 1
    live = torch.full((sentences, beam), NONE, device=device)
    live[:, 0] = 0.0
    attend = options.coverage_penalty > 0
    return _Beams(
        sentence=torch.arange(sentences, device=device),
        limit=limit,
        limit_penalty=length_penalty(limit, options.length_penalty, options.length_normalization),
        words=source_mask & (source != special.eos),
        live=live,
        tokens=torch.full((sentences, beam), special.bos, device=device),
        ended=torch.zeros(sentences, dtype=torch.int64, device=device),
        coverage=torch.zeros((sentences, beam, source.size(1)), device=device) if attend else None,
        finished=Finished(
            score=torch.full((sentences, kept), NONE, device=device),
            log_probability=torch.full((sentences, kept), NONE, device=device),
            length=torch.zeros((sentences, kept), dtype=torch.int64, device=device),
            parent=torch.zeros((sentences, kept), dtype=torch.int64, device=device),
        ),
    )


def _continue(
    output: StepOutput[StateT],
    beams: _Beams,
    length: int,
    options: BeamSearch,
    special: SpecialTokens,
    never: tuple[int, ...],
) -> _Continuations:
    """The 2K best continuations of each sentence by the output's logits, which are overwritten.

    `length` counts the new token, which is none of `never`.
    """
    last = beams.limit <= length
    at_limit = output._replace(logits=output.logits[last]) if last.any() else None  # a copy
    banned = (*never, special.eos) if length <= options.min_length else never
    sums, parents, tokens = best_continuations(
        output.logits, beams.live, 2 * options.beam, banned, options.token_margin, normalized=output.normalized
    )
    if at_limit is not None:
        sums[last], parents[last], tokens[last] = _ends(at_limit, beams.live[last], options, special)
    return _Continuations(sums, parents, tokens, tokens == special.eos)


def _ends(
    output: StepOutput[StateT], live: Tensor, options: BeamSearch, special: SpecialTokens
) -> tuple[Tensor, Tensor, Tensor]:
    """The continuations of sentences at their length limit, as from `best_continuations`: all hypotheses end."""
    eos = output.scores()[..., special.eos]
    sums, parents = (live if options.free_end_at_limit else live + eos).sort(dim=1, descending=True, stable=True)
    nothing = (0, options.beam)
    tokens = pad(torch.full_like(parents, special.eos), nothing, value=special.pad)
    return pad(sums, nothing, value=NONE), pad(parents, nothing), tokens


def _finish(beams: _Beams, continuations: _Continuations, length: int, options: BeamSearch) -> None:
    """Merges those of the best K that end into the FINISHED hypotheses; `length` counts EOS."""
    sums = continuations.sums[:, : options.beam]
    ended = continuations.ends[:, : options.beam] & (sums > NONE)
    if options.early_stopping:
        ended &= beams.ended[:, None] + ended.cumsum(1) <= options.beam
    if not ended.any():
        return
    beams.ended = beams.ended + ended.sum(1)
    parents = continuations.parents[:, : options.beam]
    counted = sums.new_tensor(length)
    score = sums / length_penalty(counted, options.length_penalty, options.length_normalization)
    if beams.coverage is not None:
        covered = coverage_penalty(beams.coverage, beams.words[:, None], options.coverage_penalty)  # [B, K]
        score = score + covered.gather(1, parents)
    score = score.masked_fill(~ended, NONE)
    old = beams.finished
    # A stable sort with the older ones in front: among equals the one found first wins.
    merged, order = torch.cat((old.score, score), 1).sort(dim=1, descending=True, stable=True)  # [B, F + K]
    kept = old.score.shape[1]
    merged, order = merged[:, :kept], order[:, :kept]
    beams.finished = Finished(
        score=merged,
        log_probability=torch.cat((old.log_probability, sums), 1).gather(1, order),
        length=torch.cat((old.length, torch.full_like(parents, length - 1)), 1).gather(1, order),
        parent=torch.cat((old.parent, parents), 1).gather(1, order),
    )
    if options.finished_margin is not None:
        beams.finished.score = merged.masked_fill(merged < merged[:, :1] - options.finished_margin, NONE)


def _advance(beams: _Beams, continuations: _Continuations) -> Tensor:
    """Makes the best K continuations that do not end the LIVE hypotheses; returns their parents [B, K]."""
    beam = beams.live.size(1)
    # A stable sort that only moves the ended ones to the back keeps the rest best first.
    chosen = continuations.ends.byte().sort(dim=1, stable=True).indices[:, :beam]  # [B, K] in 0..2K-1
    beams.live = continuations.sums.gather(1, chosen)
    beams.tokens = continuations.tokens.gather(1, chosen)
    parents = continuations.parents.gather(1, chosen)
    if beams.coverage is not None:
        beams.coverage = beams.coverage.gather(1, parents[:, :, None].expand_as(beams.coverage))
    return parents


def _stop(beams: _Beams, length: int, options: BeamSearch) -> Tensor:
    """Sentences that are done, [B] bool: no live hypothesis can, or may, enter the n best. Empties their beams.

    Written so that a NaN bound stops too. `length` counts the live hypotheses' last tokens.
    """
    longest = beams.limit_penalty
    if options.stop_at_current_length:
        longest = length_penalty(longest.new_tensor(length), options.length_penalty, options.length_normalization)
    bound = beams.live[:, 0] / longest  # live hypotheses are sorted
    worst = beams.finished.score[:, -1]
    done = ~(bound > worst) if options.beam > 1 else ~(bound > NONE) | (worst > NONE)
    if options.finished_margin is not None:
        done |= bound < beams.finished.score[:, 0] - options.finished_margin
    if options.early_stopping:
        done |= beams.ended >= options.beam
    beams.live = beams.live.masked_fill(done[:, None], NONE)
    return done
