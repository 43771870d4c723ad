"""The softmax over the whole vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from nmt.nn.loss import TokenLoss, label_smoothed_loss
from nmt.nn.output.base import OutputOptions, Predictions


class FullSoftmax(OutputOptions):
    """One matrix with a row per token, and a softmax over all of them."""

    normalized: ClassVar[bool] = False

    kind: Literal["full"] = "full"

    def build(self, inputs: int, vocabulary: int, full: Callable[[], nn.Module], *, bias: bool = False) -> nn.Module:
        return full()

    def predict(self, layer: nn.Module, x: Tensor) -> FullPredictions:
        return FullPredictions(layer(x))


@dataclass(frozen=True)
class FullPredictions(Predictions):
    """Distributions given by their logits."""

    logits: Tensor
    """[..., V]"""

    def to_logits(self) -> Tensor:
        return self.logits

    def loss(self, targets: Tensor, mask: Tensor, smoothing: float) -> TokenLoss:
        return label_smoothed_loss(self.logits.flatten(0, -2), targets.flatten(), mask.flatten(), smoothing)

    def log_probabilities(self, targets: Tensor) -> Tensor:
        return torch.log_softmax(self.logits, -1, dtype=torch.float32).gather(-1, targets[..., None]).squeeze(-1)

    def most_probable(self) -> Tensor:
        return self.logits.argmax(-1)

    def select(self, mask: Tensor) -> Self:
        return type(self)(self.logits[mask])
