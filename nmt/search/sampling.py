"""Ancestral sampling: independent translations drawn token by token from P(. | X), over any `StepModel`.

The random numbers are hashes of the sentence's key, the sample's index and the position (no generator, no state), so a
sentence's samples do not depend on its batch mates, on the number of samples, or on earlier draws. On other hardware,
or in another batch, only the rounding of the logits can change them.

The samples of a sentence share its memory, which is not tiled. As samples end, the batch gets narrower: those still
alive in each sentence move to the front, and all sentences keep as many rows as the one with most alive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import pad

from nmt.data.order import derive_key, hash_numbers
from nmt.errors import UserError
from nmt.nn.rows import Rows
from nmt.search.base import Hypothesis, MemoryT, StateT, StepModel
from nmt.search.options import Sampling
from nmt.tokenizer.base import SPECIAL, SpecialTokens

LEAVE_FRACTION = 0.125
"""Rows leave the batch when at least this share of it has ended: dropping them copies the state."""

BLOCK = 64
"""Size of the blocks of vocabulary entries: a block is drawn first, by its sum, then an entry within it."""


@dataclass(frozen=True)
class Drawn:
    """K samples for each of B sentences."""

    tokens: Tensor
    """[B, K, T] int64: the sample, EOS, then padding."""
    mask: Tensor
    """[B, K, T] bool, True on tokens that were drawn, unlike an EOS forced at the length limit."""
    log_probability: Tensor
    """[B, K] float32, natural log of P(sample, EOS | source) by the model, at temperature 1."""
    attention: list[Tensor]
    """[B, K, S] for each of the T positions if requested, else empty."""

    def texts(self) -> list[list[tuple[int, ...]]]:
        """The ids of each sample without EOS."""
        lengths = (self.tokens == SPECIAL.eos).int().argmax(-1).tolist()  # every sample has exactly one EOS
        rows = self.tokens.tolist()
        return [[tuple(ids[:end]) for ids, end in zip(*both, strict=True)] for both in zip(rows, lengths, strict=True)]


@dataclass
class _Sentences(Rows):
    """The sentences still in the batch, with K' rows each."""

    limit: Tensor
    """[B'] int64, maximum number of tokens in a sample, EOS included."""


@dataclass
class _Samples(Rows):
    """The N = B' * K' rows of the batch; some may have ended."""

    index: Tensor
    """[N] int64, index among all samples."""
    alive: Tensor
    """[N] bool, False once the sample has ended."""
    last: Tensor
    """[N] int64, the last token of each sample."""


def sentence_keys(source: Tensor, source_mask: Tensor, seed: int) -> npt.NDArray[np.uint64]:
    """Keys [B] that depend on the seed and a sentence's ids only: the same in any batch and any file."""
    rows = zip(source.tolist(), source_mask.tolist(), strict=True)
    keys = [derive_key(seed, *(token for token, real in zip(*row, strict=True) if real)) for row in rows]
    return np.array(keys, dtype=np.uint64)


@torch.inference_mode()
def draw_samples(
    model: StepModel[MemoryT, StateT],
    source: Tensor,
    source_mask: Tensor,
    keys: npt.NDArray[np.uint64],
    options: Sampling,
    special: SpecialTokens = SPECIAL,
    need_attention: bool = False,
    prefix: Sequence[int] = (),
    documents: bool = False,
) -> Drawn:
    """Draws `options.n_best` samples for each sentence.

    Args:
        model: in evaluation mode.
        source: [B, S] int64, each sentence ending in EOS.
        source_mask: [B, S] bool, True on real tokens.
        keys: [B], they determine each sentence's samples; `options.seed` is ignored.
        need_attention: return attention.
        prefix: tokens that every sample begins with; they are not drawn and do not count towards its maximum length.
        documents: samples may contain BOS, which separates the sentences of a document.

    Raises:
        UserError: the model's logits are not finite.
    """
    if not len(source):
        nothing = source.new_zeros((0, options.n_best, 1))
        return Drawn(nothing, nothing.bool(), nothing[..., 0].float(), [])
    pieces = (source_mask.sum(1) - 1).clamp(min=0)
    limit = (pieces.double() * options.max_length_factor).floor().long() + options.max_length_offset + 1 + len(prefix)
    longest, rows = int(limit.max()), len(source) * options.n_best
    never = (special.pad,) if documents else (special.pad, special.bos)
    sentences = _Sentences(limit)
    samples = _Samples(
        index=torch.arange(rows, device=source.device),
        alive=torch.ones(rows, dtype=torch.bool, device=source.device),
        last=torch.full((rows,), special.bos, device=source.device),
    )
    record = _Record(source, options.n_best, special)
    row_keys = _row_keys(keys, options.n_best)
    memory = model.encode(source, source_mask)
    state = model.init_state(memory, options.n_best, longest)
    for length in range(longest):
        last = samples.last.view(len(sentences.limit), -1)  # [B', K']
        output = model.step(last, memory, state, need_attention=need_attention)
        log_p = output.scores().flatten(0, 1)  # [N, V]
        attention = None if output.attention is None else output.attention.flatten(0, 1)
        forced = (sentences.limit <= length + 1).repeat_interleave(last.size(1))
        if length < len(prefix):
            token = torch.full_like(samples.last, prefix[length])
        else:
            uniform = torch.from_numpy(_uniform(row_keys[samples.index.cpu().numpy()], length)).to(source.device)
            token = torch.where(forced, special.eos, draw(_weights(log_p, options, never), uniform))
        samples.last = token
        chosen = ~forced if length >= len(prefix) else torch.zeros_like(forced)
        record.add(samples, chosen, log_p.gather(1, token[:, None]).squeeze(1), attention)
        samples.alive = samples.alive & (token != special.eos)
        ended, state = len(token) - int(samples.alive.sum()), output.state
        if ended == len(token):
            break
        if ended >= LEAVE_FRACTION * len(token):
            stay, kept = _narrowed(samples.alive.view(len(sentences.limit), -1))
            if len(stay) < len(sentences.limit):
                sentences, memory = sentences.select(stay), memory.select(stay)
            if len(kept) < len(token):
                samples, state = samples.select(kept), state.select(kept)
    return record.drawn()


class _Record:
    """The samples of the whole batch so far; it grows with them, not with their maximum length.

    Args:
        source: [B, S].
        count: K.
    """

    def __init__(self, source: Tensor, count: int, special: SpecialTokens) -> None:
        self.log_probability = torch.zeros(len(source) * count, device=source.device)
        self.tokens: list[Tensor] = []
        self.mask: list[Tensor] = []
        self.attention: list[Tensor] = []
        self._shape, self._pad = (len(source), count), special.pad

    def add(self, samples: _Samples, chosen: Tensor, log_p: Tensor, attention: Tensor | None) -> None:
        """Writes the tokens of the next position; `chosen` [N] is False in a prefix and where the limit forced EOS."""
        rows, alive = samples.index[samples.alive], samples.alive
        tokens = torch.full_like(self.log_probability, self._pad, dtype=torch.int64)
        mask = torch.zeros_like(self.log_probability, dtype=torch.bool)
        tokens[rows], mask[rows] = samples.last[alive], chosen[alive]
        self.tokens.append(tokens)
        self.mask.append(mask)
        self.log_probability[rows] += log_p[alive]
        if attention is not None:
            whole = attention.new_zeros((len(self.log_probability), attention.size(1)))
            whole[rows] = attention[alive]
            self.attention.append(whole.view(*self._shape, -1))

    def drawn(self) -> Drawn:
        """The complete record."""
        shape = (*self._shape, len(self.tokens))
        return Drawn(
            tokens=torch.stack(self.tokens, dim=-1).view(shape),
            mask=torch.stack(self.mask, dim=-1).view(shape),
            log_probability=self.log_probability.view(self._shape),
            attention=self.attention,
        )


def draw(weights: Tensor, uniform: Tensor) -> Tensor:
    """Draws an index of each row, [N] int64, with probability proportional to its weight (inverse transform sampling).

    Args:
        weights: [N, V] float32, non-negative, at least one positive per row.
        uniform: [N] float64 in [0, 1).

    Raises:
        UserError: weights are not finite numbers.
    """
    rows, vocabulary = weights.shape
    blocks = pad(weights, (0, -vocabulary % BLOCK)).view(rows, -1, BLOCK)
    cumulative = blocks.sum(-1).double().cumsum(-1)  # [N, blocks]
    total = cumulative[:, -1]
    if not bool((total.isfinite() & (total > 0)).all()):
        raise UserError(
            "model",
            "logits that are finite numbers",
            "infinite or not-a-number logits",
            "Its training diverged: use an earlier checkpoint, or train again with a lower learning rate.",
        )
    block = _first_above(cumulative, uniform * total)
    inside = blocks[torch.arange(rows, device=weights.device), block].double().cumsum(-1)  # [N, BLOCK]
    before = torch.where(block > 0, cumulative.gather(1, (block - 1).clamp(min=0)[:, None]).squeeze(1), 0.0)
    share = (uniform * total - before) / (cumulative.gather(1, block[:, None]).squeeze(1) - before)
    entry = _first_above(inside, share.clamp(min=0.0) * inside[:, -1])
    return block * BLOCK + entry


def _first_above(cumulative: Tensor, threshold: Tensor) -> Tensor:
    """Index [N] of the first of the sums [N, L] above the threshold, which rounding must not push up to the total."""
    total = cumulative[:, -1]
    below = torch.minimum(threshold, torch.nextafter(total, torch.zeros_like(total)))
    return torch.searchsorted(cumulative, below[:, None], right=True).squeeze(1)


def _weights(log_p: Tensor, options: Sampling, never: Sequence[int]) -> Tensor:
    """The distribution of the next token up to a factor, [N, V], from log-probabilities [N, V]; 0 for `never`."""
    if options.temperature == 1.0:
        weights = log_p.exp()
    else:  # relative to the largest: at a low temperature everything could underflow
        weights = ((log_p - log_p.amax(-1, keepdim=True)) / options.temperature).exp()
    weights[:, list(never)] = 0.0
    if 0 < options.top_k < weights.size(-1):
        weights = weights.masked_fill(weights < weights.topk(options.top_k, -1).values[:, -1:], 0.0)
    return weights


def _narrowed(alive: Tensor) -> tuple[Tensor, Tensor]:
    """The sentences and rows to keep, with as many rows per sentence as the one with most alive has.

    Args:
        alive: [B', K'] bool.

    Returns:
        [B''] int64 sentences with a row alive, and [B'' * K''] int64 rows, those alive first in each sentence.
    """
    numbers = alive.sum(1)
    stay = numbers.nonzero().squeeze(1)
    front = (~alive).byte().sort(dim=1, stable=True).indices[stay, : int(numbers.max())]  # [B'', K'']
    return stay, (front + stay[:, None] * alive.size(1)).flatten()


def _row_keys(keys: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.uint64]:
    """A key for each sample, [B * K]."""
    own = hash_numbers(keys, 1)[:, None] ^ hash_numbers(np.arange(count, dtype=np.uint64), 2)[None, :]
    return own.flatten()


def _uniform(row_keys: npt.NDArray[np.uint64], position: int) -> npt.NDArray[np.float64]:
    """Uniform numbers [N] in [0, 1), one for this position of each sample."""
    bits: npt.NDArray[np.uint64] = hash_numbers(row_keys, derive_key(position)) >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53


def sampled_hypotheses(
    model: StepModel[MemoryT, StateT],
    source: Tensor,
    source_mask: Tensor,
    options: Sampling,
    need_attention: bool = False,
    documents: bool = False,
) -> list[list[Hypothesis]]:
    """`options.n_best` samples for each sentence, in the order drawn; see `draw_samples`."""
    keys = sentence_keys(source, source_mask, options.seed)
    drawn = draw_samples(model, source, source_mask, keys, options, need_attention=need_attention, documents=documents)
    found: list[list[Hypothesis]] = []
    for row, (texts, values) in enumerate(zip(drawn.texts(), drawn.log_probability.tolist(), strict=True)):
        attention = torch.stack(drawn.attention)[:, row, :, source_mask[row]] if need_attention else None  # [T, K, S]
        found.append(
            [
                Hypothesis(text, value, value, None if attention is None else attention[: len(text) + 1, sample])
                for sample, (text, value) in enumerate(zip(texts, values, strict=True))
            ]
        )
    return found
