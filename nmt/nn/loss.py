"""Label-smoothed cross-entropy (Szegedy et al. 2016) and weighted log-likelihood.

With a whole vocabulary, every pass over memory counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CACHED_ROWS = 64
"""Rows of logits that a CPU processes at a time: with 32,000 entries each they take 8 MB in fp32."""


class TokenLoss(NamedTuple):
    """Sums over tokens, natural logarithm."""

    smoothed: Tensor
    """Scalar float32: the loss that training minimises."""
    likelihood: Tensor
    """Scalar float32: negative log-likelihood of the targets; carries no gradient."""


def label_smoothed_loss(logits: Tensor, targets: Tensor, mask: Tensor, smoothing: float) -> TokenLoss:
    """Cross-entropy with 1 - smoothing on the target and smoothing / (V - 1) on each other entry.

    This is fairseq's criterion: (1 - e - e_i) * nll + e_i * sum over V of -log p, with e_i = e / (V - 1).

    Args:
        logits: [M, V], M tokens.
        targets: [M] int64.
        mask: [M] bool, False on tokens that do not count (padding). Masking them in the sums is cheaper than copying
            the others.
        smoothing: e, with 0 <= e < 1.
    """
    smoothed, likelihood = _LabelSmoothed.apply(logits, targets, mask, smoothing)  # type: ignore[no-untyped-call]
    return TokenLoss(smoothed, likelihood)


class _LabelSmoothed(torch.autograd.Function):
    """Computes the gradient together with the loss, a few rows at a time, which stay in the processor's cache.

    torch's cross_entropy gives the same numbers in many passes over all of [M, V] in fp32.
    """

    @staticmethod
    def forward(ctx, logits: Tensor, targets: Tensor, mask: Tensor, smoothing: float):  # type: ignore[no-untyped-def]
        other = smoothing / max(logits.shape[-1] - 1, 1)  # a tail of an adaptive softmax may have a single entry
        gradient = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        likelihood = torch.zeros((), device=logits.device)
        everywhere = torch.zeros((), device=logits.device)
        rows = CACHED_ROWS if logits.device.type == "cpu" else max(len(logits), 1)
        for start in range(0, len(logits), rows):
            part = slice(start, start + rows)
            target, real = targets[part, None], mask[part, None]
            log_p = torch.log_softmax(logits[part].float(), dim=-1)
            likelihood -= log_p.gather(1, target).masked_fill(~real, 0.0).sum()
            if smoothing > 0.0:
                everywhere -= log_p.sum(-1, keepdim=True).masked_fill(~real, 0.0).sum()
            if gradient is not None:
                # d/dx = p - q, with q = other everywhere but 1 - smoothing on the target; the q's sum to 1
                p = log_p.exp_().sub_(other)
                p.scatter_add_(1, target, p.new_full(target.shape, other + smoothing - 1))
                gradient[part] = p.masked_fill_(~real, 0.0)
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(likelihood)
        return (1 - smoothing - other) * likelihood + other * everywhere, likelihood

    @staticmethod
    @once_differentiable
    def backward(ctx, scale: Tensor, _: Tensor):  # type: ignore[no-untyped-def]
        (gradient,) = ctx.saved_tensors
        unscaled = scale.device.type == "cpu" and scale.item() == 1.0  # usual in training; saves a pass
        return gradient if unscaled else gradient * scale.to(gradient.dtype), None, None, None


def weighted_log_likelihood(
    logits: Tensor, targets: Tensor, weights: Tensor, temperature: float = 1.0, never: Sequence[int] = ()
) -> Tensor:
    """Scalar float32: the sum over tokens of weight * log p(target), with the softmax of logits / temperature.

    Args:
        logits: [M, V], M tokens.
        targets: [M] int64; arbitrary where the weight is 0.
        weights: [M] float32, of either sign.
        temperature: above 0.
        never: entries whose probability is set to 0, whatever their logits.
    """
    total: Tensor = _WeightedLikelihood.apply(  # type: ignore[no-untyped-call]
        logits, targets, weights, temperature, list(never)
    )
    return total


class _WeightedLikelihood(torch.autograd.Function):
    """Like `_LabelSmoothed`, a few rows at a time."""

    @staticmethod
    def forward(ctx, logits: Tensor, targets: Tensor, weights: Tensor, temperature: float, never: list[int]):  # type: ignore[no-untyped-def]
        gradient = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        total = torch.zeros((), device=logits.device)
        rows = CACHED_ROWS if logits.device.type == "cpu" else max(len(logits), 1)
        for start in range(0, len(logits), rows):
            part = slice(start, start + rows)
            target, weight = targets[part, None], weights[part, None]
            scaled = logits[part].float() / temperature
            scaled[:, never] = -math.inf
            log_p = torch.log_softmax(scaled, dim=-1)
            counted = weight != 0
            total += (log_p.gather(1, target).masked_fill(~counted, 0.0) * weight).sum()
            if gradient is not None:
                # d/dx = weight * (q - p) / temperature, with q = 1 on the target
                p = log_p.exp_().neg_()
                p.scatter_add_(1, target, p.new_ones(target.shape))
                gradient[part] = p.mul_(weight / temperature)
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, scale: Tensor):  # type: ignore[no-untyped-def]
        (gradient,) = ctx.saved_tensors
        return gradient * scale.to(gradient.dtype), None, None, None, None
