"""Label-smoothed cross-entropy (Szegedy et al. 2016), over a vocabulary for which every pass over memory counts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CACHED_ROWS = 64
"""Rows of logits that a CPU works on at a time: 32,000 entries each in fp32 are 8 MB."""


class TokenLoss(NamedTuple):
    """Sums over tokens, natural logarithm."""

    smoothed: Tensor
    """Scalar float32: what training minimises."""
    likelihood: Tensor
    """Scalar float32: negative log-likelihood of the targets; carries no gradient."""


def label_smoothed_loss(logits: Tensor, targets: Tensor, mask: Tensor, smoothing: float) -> TokenLoss:
    """Cross-entropy with 1 - smoothing on the target and smoothing / (V - 1) on each other entry.

    This is fairseq's criterion: (1 - e - e_i) * nll + e_i * sum over V of -log p, with e_i = e / (V - 1).

    Args:
        logits: [M, V], M tokens.
        targets: [M] int64.
        mask: [M] bool, False on tokens that do not count (padding). Leaving them out of the sums is cheaper than
            copying the others.
        smoothing: e, from 0 up to but not including 1.
    """
    smoothed, likelihood = _LabelSmoothed.apply(logits, targets, mask, smoothing)  # type: ignore[no-untyped-call]
    return TokenLoss(smoothed, likelihood)


class _LabelSmoothed(torch.autograd.Function):
    """The gradient is made together with the loss, some rows at a time, which stay in the processor's cache.

    Torch's cross_entropy gives the same numbers in many passes over the whole of [M, V] in fp32.
    """

    @staticmethod
    def forward(ctx, logits: Tensor, targets: Tensor, mask: Tensor, smoothing: float):  # type: ignore[no-untyped-def]
        other = smoothing / (logits.shape[-1] - 1)
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
        unscaled = scale.device.type == "cpu" and scale.item() == 1.0  # as in training, where it saves a pass
        return gradient if unscaled else gradient * scale.to(gradient.dtype), None, None, None
