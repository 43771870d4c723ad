"""Adaptive softmax (Grave et al. 2016, arXiv 1609.04309), for vocabularies of tens of thousands of words and more.

The vocabulary, most frequent tokens first, is cut into a head and K tails. The head is a softmax over its own tokens
and one more entry per tail; a tail is a softmax over its tokens, from a narrower projection of the same vector.

    log p(w) = log p_head(w)                           if w is in the head
               log p_head(tail i) + log p_tail_i(w)    if w is in tail i

Training computes a tail only where the target is in it, that is, rarely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from nmt.conflict import Conflict
from nmt.nn.dropout import Dropout
from nmt.nn.layers import Layers
from nmt.nn.loss import TokenLoss, label_smoothed_loss
from nmt.nn.output.base import OutputOptions, Predictions
from nmt.nn.output.frequency import FrequencyOrdered
from nmt.options import DropoutRate, VocabularySize

if TYPE_CHECKING:
    from nmt.documents import KeyPath

MOST_TAILS = 20


class AdaptiveSoftmax(OutputOptions):
    """Softmax in two stages, which makes training on a vocabulary of 50,000 words several times as fast: frequent words
    in one matrix, rare ones in narrower ones, evaluated only where they occur (Grave et al. 2016).

    The frequencies are counted in the training text, so the tokenizer need not know them. Cannot be tied to an
    embedding. `training.label_smoothing` above 0 is computed exactly, over all words at every token, and so costs what
    a full softmax does: set it to 0 for speed.
    """

    normalized: ClassVar[bool] = True

    kind: Literal["adaptive"] = "adaptive"
    cutoffs: Annotated[tuple[VocabularySize, ...], Field(max_length=MOST_TAILS)]
    """Ranks at which the vocabulary, most frequent tokens first, is cut: with [2000, 10000] the head has the 2,000 most
    frequent, the first tail the next 8,000, the second all others. Ascending, the last less than the vocabulary. The
    published ones for 200,000 words and more are [10000, 20000, 200000] or [10000, 50000, 200000]. []: no tails."""
    reduction: Annotated[float, Field(ge=1.0, le=1000.0)] = 4.0
    """Tail i, from 1, reads a projection of the vector to 1 / reduction^i of its width, at least 1 (as published)."""
    dropout: DropoutRate = 0.0
    """Probability of zeroing an element of a tail's projection."""

    @field_validator("cutoffs")
    @classmethod
    def _ascending(cls, cutoffs: tuple[int, ...]) -> tuple[int, ...]:
        if any(low >= high for low, high in pairwise(cutoffs)):
            raise ValueError(f"cutoffs must ascend, but they are {list(cutoffs)}")
        return cutoffs

    def build(self, inputs: int, vocabulary: int, full: Callable[[], nn.Module], *, bias: bool = False) -> nn.Module:
        if self.cutoffs and self.cutoffs[-1] >= vocabulary:
            last = self.cutoffs[-1]
            raise ValueError(f"output.cutoffs must be less than the vocabulary, {vocabulary}, but the last is {last}")
        return AdaptiveLayer(self, inputs, vocabulary, bias=bias)

    def predict(self, layer: nn.Module, x: Tensor) -> AdaptivePredictions:
        assert isinstance(layer, AdaptiveLayer)
        return AdaptivePredictions(layer, x)

    def check_untied(self, tied: bool, untied: str) -> None:
        if tied:
            raise ValueError(
                f"an adaptive output (output.kind: adaptive) needs {untied}: its head and tails are matrices of "
                "different widths, not one that an embedding could share"
            )

    def conflicts(self, path: KeyPath, vocabulary: Callable[[], int]) -> Iterable[Conflict]:
        """A cutoff that the vocabulary does not reach."""
        if self.cutoffs and self.cutoffs[-1] >= (most := vocabulary()):
            yield Conflict(
                keys=((*path, "cutoffs"),),
                expected=f"ranks less than the size of the vocabulary, {most:,}",
                got=f"{self.cutoffs[-1]:,}",
                fix="Leave the end of the last tail out: it is the vocabulary's.",
            )

    def doubts(self, path: KeyPath, label_smoothing: float) -> Iterable[Conflict]:
        """Label smoothing, which needs all words at every token."""
        if label_smoothing > 0.0 and self.cutoffs:
            yield Conflict(
                keys=(("training", "label_smoothing"),),
                expected="0 with an adaptive softmax",
                got=str(label_smoothing),
                fix="Smoothing needs all words at every token, so training is no faster than with a full softmax.",
            )


class AdaptiveLayer(nn.Module, FrequencyOrdered):
    """Head and tails.

    Args:
        options: cutoffs, reduction and dropout.
        inputs: D.
        vocabulary: V.
        bias: give the entries of the head biases; tails have none.
    """

    rank: Tensor
    """[V] int64: the rank of each id."""

    def __init__(self, options: AdaptiveSoftmax, inputs: int, vocabulary: int, *, bias: bool) -> None:
        super().__init__()
        self.cutoffs = options.cutoffs
        in_head = (*options.cutoffs, vocabulary)[0]
        self.head = nn.Linear(inputs, in_head + len(options.cutoffs), bias=bias)
        ends = pairwise((*options.cutoffs, vocabulary))
        self.tails = Layers(
            Tail(inputs, max(int(inputs // options.reduction**number), 1), end - start, options.dropout)
            for number, (start, end) in enumerate(ends, start=1)
        )
        self.register_buffer("rank", torch.arange(vocabulary))
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
        if bias:
            nn.init.zeros_(self.head.bias)

    def order_by_frequency(self, counts: Tensor) -> None:
        order = counts.argsort(descending=True, stable=True)
        self.rank[order] = torch.arange(len(order), device=self.rank.device)

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., D]. Returns log-probabilities [..., V] float32, contiguous."""
        in_head = self.head.out_features - len(self.tails)
        head = torch.log_softmax(self.head(x), -1, dtype=torch.float32)
        tails = [
            torch.log_softmax(tail(x), -1, dtype=torch.float32) + head[..., in_head + index, None]
            for index, tail in enumerate(self.tails)
        ]
        by_rank = torch.cat([head[..., :in_head], *tails], -1)
        return by_rank.index_select(-1, self.rank)

    def located(self, targets: Tensor) -> tuple[Tensor, Tensor]:
        """For targets [M], 0 for the head or the number of the tail [M], and the rank [M]."""
        rank = self.rank[targets]
        number = torch.zeros_like(rank)
        for cutoff in self.cutoffs:
            number += rank >= cutoff
        return number, rank

    def in_head(self, number: Tensor, rank: Tensor) -> Tensor:
        """The entries of the head [M] for what `located` returns."""
        return rank if not self.cutoffs else torch.where(number > 0, self.cutoffs[0] + number - 1, rank)


class Tail(nn.Module):
    """Rare tokens: a projection, dropout, and their logits."""

    def __init__(self, inputs: int, width: int, tokens: int, dropout: float) -> None:
        super().__init__()
        self.projection = nn.Linear(inputs, width, bias=False)
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(width, tokens, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., D]. Returns logits [..., tokens]."""
        logits: Tensor = self.output(self.dropout(self.projection(x)))
        return logits


@dataclass(frozen=True)
class AdaptivePredictions(Predictions):
    """Distributions that are computed as far as they are needed."""

    layer: AdaptiveLayer
    x: Tensor
    """[..., D]"""

    def to_logits(self) -> Tensor:
        log_p: Tensor = self.layer(self.x)
        return log_p

    def loss(self, targets: Tensor, mask: Tensor, smoothing: float) -> TokenLoss:
        x, targets = self.x[mask], targets[mask]  # [M, D], [M]
        if smoothing > 0.0:
            return label_smoothed_loss(self.layer(x), targets, torch.ones_like(targets, dtype=torch.bool), smoothing)
        number, rank = self.layer.located(targets)
        parts = [_nll(self.layer.head(x), self.layer.in_head(number, rank))]
        for index, (tail, start) in enumerate(zip(self.layer.tails, self.layer.cutoffs, strict=True), start=1):
            rows = (number == index).nonzero().squeeze(1)
            if len(rows):
                parts.append(_nll(tail(x.index_select(0, rows)), rank[rows] - start))
        smoothed, likelihood = (torch.stack(terms).sum() for terms in zip(*parts, strict=True))
        return TokenLoss(smoothed, likelihood)

    def log_probabilities(self, targets: Tensor) -> Tensor:
        x = self.x.flatten(0, -2)
        number, rank = self.layer.located(targets.flatten())
        found = _picked(self.layer.head(x), self.layer.in_head(number, rank))  # [M]
        for index, (tail, start) in enumerate(zip(self.layer.tails, self.layer.cutoffs, strict=True), start=1):
            rows = (number == index).nonzero().squeeze(1)
            found = found.index_add(0, rows, _picked(tail(x.index_select(0, rows)), rank[rows] - start))
        return found.view(targets.shape)

    def most_probable(self) -> Tensor:
        x, layer = self.x.flatten(0, -2), self.layer
        in_head = layer.head.out_features - len(layer.tails)
        head = torch.log_softmax(layer.head(x), -1, dtype=torch.float32)
        best, rank = head[:, :in_head].max(-1)  # [M]
        for index, (tail, start) in enumerate(zip(layer.tails, layer.cutoffs, strict=True)):
            # no word of a tail is more probable than the tail
            rows = (head[:, in_head + index] > best).nonzero().squeeze(1)
            inside = torch.log_softmax(tail(x.index_select(0, rows)), -1, dtype=torch.float32)
            largest, where = inside.max(-1)
            largest = largest + head[rows, in_head + index]
            better = largest > best[rows]
            best[rows[better]], rank[rows[better]] = largest[better], where[better] + start
        return layer.rank.argsort()[rank].view(self.x.shape[:-1])

    def select(self, mask: Tensor) -> Self:
        return type(self)(self.layer, self.x[mask])


def _nll(logits: Tensor, targets: Tensor) -> TokenLoss:
    return label_smoothed_loss(logits, targets, torch.ones_like(targets, dtype=torch.bool), 0.0)


def _picked(logits: Tensor, targets: Tensor) -> Tensor:
    """[M] float32: log-probabilities of targets [M] under a softmax of logits [M, any]."""
    return torch.log_softmax(logits, -1, dtype=torch.float32).gather(1, targets[:, None]).squeeze(1)
