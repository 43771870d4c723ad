"""Label-smoothed cross-entropy (Szegedy et al. 2016), over a vocabulary for which every pass over memory counts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


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
    """One pass for the log-probabilities; the gradient is then made from them in place.

    Torch's cross_entropy gives the same numbers in about twice the passes over [M, V].
    """

    @staticmethod
    def forward(ctx, logits: Tensor, targets: Tensor, mask: Tensor, smoothing: float):  # type: ignore[no-untyped-def]
        log_p = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
        other = smoothing / (logits.shape[-1] - 1)
        likelihood = -log_p.gather(1, targets[:, None]).squeeze(1).masked_fill(~mask, 0.0).sum()
        smoothed = (1 - smoothing - other) * likelihood
        if smoothing > 0.0:
            smoothed = smoothed - other * log_p.sum(-1).masked_fill(~mask, 0.0).sum()
        ctx.save_for_backward(log_p, targets, mask)
        ctx.smoothing, ctx.other, ctx.dtype = smoothing, other, logits.dtype
        ctx.mark_non_differentiable(likelihood)
        return smoothed, likelihood

    @staticmethod
    def backward(ctx, scale: Tensor, _: Tensor):  # type: ignore[no-untyped-def]
        log_p, targets, mask = ctx.saved_tensors
        # d/dx = p - q, with q = other everywhere but 1 - smoothing on the target; the q's sum to 1
        gradient = log_p.exp_()
        gradient.sub_(ctx.other)
        gradient.scatter_add_(1, targets[:, None], gradient.new_full((len(targets), 1), ctx.other + ctx.smoothing - 1))
        return gradient.mul_((scale * mask)[:, None]).to(ctx.dtype), None, None, None
