"""What a training step minimises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from nmt.data.batch import Batch
from nmt.models.base import EncoderDecoder
from nmt.nn.loss import label_smoothed_loss


class Objective(NamedTuple):
    """Sums over a batch, natural logarithm."""

    loss: Tensor
    """Scalar with a gradient: the smoothed cross-entropy plus the model's own penalties times the tokens."""
    likelihood: Tensor
    """Scalar: negative log-likelihood, unsmoothed."""
    units: int
    """What the gradient is averaged over: target tokens, or sentences where rewards are given to these."""
    statistics: Mapping[str, Tensor]
    """The model's own, its penalties among them: tensors of any shape whose means are for the log. Some are written
    only while the gradient is computed, so read them after it."""
    reward: float = 0.0
    """Sum over sentences of the mean reward of their samples, in refinement."""


def cross_entropy(model: EncoderDecoder[Any, Any], batch: Batch, smoothing: float) -> Objective:
    """Teacher forcing on one batch."""
    memory = model.encode(batch.source, batch.source_mask)
    output = model.decode(batch.target_input, batch.target_mask, memory)
    loss, likelihood = label_smoothed_loss(
        output.logits.flatten(0, 1), batch.target_output.flatten(), batch.target_mask.flatten(), smoothing
    )
    for penalty in output.penalties.values():
        loss = loss + penalty * batch.target_tokens
    return Objective(loss, likelihood, batch.target_tokens, {**output.statistics, **output.penalties})
