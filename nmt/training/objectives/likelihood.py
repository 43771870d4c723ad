"""Maximum likelihood: cross-entropy of the references under teacher forcing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor

from nmt.data.batch import Batch
from nmt.training.objectives.base import Model, Objective, ObjectiveOptions, Precision, Tools
from nmt.training.tally import TallyTensor


class CrossEntropy(NamedTuple):
    """Sums over a batch, natural logarithm."""

    loss: Tensor
    """Scalar with a gradient: the smoothed cross-entropy plus the model's penalties times the number of tokens."""
    likelihood: Tensor
    """Scalar: negative log-likelihood, unsmoothed."""
    statistics: Mapping[str, Tensor]
    """Statistics reported by the model, including its penalties: tensors of any shape, whose means are logged. Some
    are filled in only by the backward pass, so read them after it."""


def cross_entropy(model: Model, batch: Batch, smoothing: float) -> CrossEntropy:
    """Teacher forcing on one batch."""
    memory = model.encode(batch.source, batch.source_mask)
    output = model.decode(batch.target_input, batch.target_mask, memory)
    loss, likelihood = output.predictions.loss(batch.target_output, batch.target_mask, smoothing)
    for penalty in output.penalties.values():
        loss = loss + penalty * batch.target_tokens
    return CrossEntropy(loss, likelihood, {**output.statistics, **output.penalties})


class Likelihood(ObjectiveOptions):
    """Maximum likelihood of the references, smoothed by `training.label_smoothing`."""

    kind: Literal["likelihood"] = "likelihood"

    def build(self, tools: Tools) -> Objective:
        return MaximumLikelihood(tools.label_smoothing)


@dataclass(frozen=True)
class MaximumLikelihood(Objective):
    """The gradient of the smoothed cross-entropy, averaged over target tokens."""

    label_smoothing: float

    def accumulate(
        self, model: Model, batch: Batch, key: int, precision: Precision, tally: TallyTensor
    ) -> Mapping[str, Tensor]:
        with precision():
            found = cross_entropy(model, batch, self.label_smoothing)
        found.loss.backward()  # type: ignore[no-untyped-call]
        tally.add(found.loss, found.likelihood, batch.target_tokens, units=batch.target_tokens)
        return found.statistics
