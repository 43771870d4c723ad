"""The best continuations of a sentence's hypotheses, out of K * V."""

from __future__ import annotations

import ctypes
import math
from functools import lru_cache

import torch
from torch import Tensor

from nmt.nn import native

SMALLEST_VOCABULARY = 1024
"""Below this, one top-k over everything is as fast."""


def best_continuations(
    logits: Tensor,
    live: Tensor,
    count: int,
    banned: tuple[int, ...],
    margin: float | None = None,
    *,
    normalized: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """The best sums of a hypothesis's log-probability and its next token's.

    Ties are broken by the sentence's own values alone, independently of its batch mates.

    Args:
        logits: [B, K, V], contiguous; may be overwritten.
        live: [B, K] float32, log-probability of each hypothesis so far, -inf for none.
        count: number of continuations per sentence.
        banned: tokens that are never chosen, though they count in the softmax.
        margin: skip tokens whose log-probability is lower by more than this than that of a hypothesis's best token.
        normalized: whether the logits are scores already, to be added as they are.

    Returns:
        sums [B, count] float32, best first, -inf where a sentence has fewer; hypotheses in 0..K-1 and tokens, int64
        [B, count], undefined there.
    """
    if margin is None:
        functions = native.functions_for(logits, live)
        if functions is not None:
            return _best_continuations(functions, logits, live, count, banned, normalized)
    log_probabilities = logits.float() if normalized else to_log_probabilities(logits)
    for token in banned:
        log_probabilities[..., token] = -math.inf
    if margin is not None:
        threshold = log_probabilities.amax(-1, keepdim=True) - margin
        log_probabilities.masked_fill_(log_probabilities < threshold, -math.inf)
    return best_sums(log_probabilities, live, count)


def _best_continuations(
    functions: ctypes.CDLL, logits: Tensor, live: Tensor, count: int, banned: tuple[int, ...], normalized: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """In C, which does not overwrite the logits."""
    sentences, beam, vocabulary = logits.shape
    sums = torch.empty((sentences, count))
    parents, tokens = torch.empty((2, sentences, count), dtype=torch.int64).unbind()
    failed = functions.best_continuations(
        logits.data_ptr(),
        live.data_ptr(),
        sentences,
        beam,
        vocabulary,
        count,
        (ctypes.c_int64 * len(banned))(*banned),
        len(banned),
        normalized,
        sums.data_ptr(),
        parents.data_ptr(),
        tokens.data_ptr(),
    )
    native.check(failed)
    return sums, parents, tokens


def to_log_probabilities(logits: Tensor) -> Tensor:
    """log softmax over the vocabulary in float32; in place if the logits are float32.

    Fresh memory would take up to twice as long on a CPU: these are the largest tensors of a step.
    """
    if logits.dtype == torch.float32 and not torch.is_grad_enabled():
        return torch.log_softmax(logits, -1, out=logits)
    return torch.log_softmax(logits, -1, dtype=torch.float32)


def best_sums(log_probabilities: Tensor, live: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The `count` best sums of a hypothesis's log-probability and its next token's, best first.

    Exact, in two stages where that is faster: only the `count` blocks of the vocabulary with the highest maxima can
    hold a winner, and adding a constant to a block does not change which entry is its maximum. Ties are broken by the
    sentence's own values alone, independently of its batch mates.

    Args:
        log_probabilities: [B, K, V] of the next token, contiguous.
        live: [B, K] log-probability of each hypothesis so far, -inf for none.
        count: at most K * V.

    Returns:
        sums [B, count], hypotheses [B, count] in 0..K-1, tokens [B, count].
    """
    vocabulary = log_probabilities.size(-1)
    block = block_size(vocabulary, count)
    if block == 0:
        return plain_best_sums(log_probabilities, live, count)
    sentences, beam = live.shape
    blocks = vocabulary // block
    table = log_probabilities.view(-1, block)  # [B*K*blocks, block]
    maxima = table.amax(-1).view(sentences, beam, blocks) + live[:, :, None]
    _, chosen = maxima.flatten(1).topk(count, -1)  # [B, count] in 0..K*blocks-1
    first = torch.arange(0, len(table), beam * blocks, device=table.device)[:, None]  # [B, 1], a sentence's first block
    values = table.index_select(0, (chosen + first).flatten()).view(sentences, count, block)
    values = values + live.gather(1, chosen // blocks)[:, :, None]
    sums, inside = values.flatten(1).topk(count, -1)
    winners = chosen.gather(1, inside // block)  # [B, count]
    return sums, winners // blocks, (winners % blocks) * block + inside % block


def plain_best_sums(log_probabilities: Tensor, live: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """`best_sums` in one stage: the reference for its tests."""
    vocabulary = log_probabilities.size(-1)
    sums = log_probabilities + live[:, :, None]
    best, flat = sums.flatten(1).topk(count, -1)
    return best, flat // vocabulary, flat % vocabulary


@lru_cache
def block_size(vocabulary: int, count: int) -> int:
    """A divisor of the vocabulary size near 64, in whole vector registers; 0 if one stage is better."""
    if vocabulary < SMALLEST_VOCABULARY:
        return 0
    divisors = [size for size in range(32, 257, 16) if vocabulary % size == 0 and count * size * 4 <= vocabulary]
    return min(divisors, key=lambda size: abs(size - 64), default=0)
