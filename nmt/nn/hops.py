"""Hops: the several reads that one query makes of a memory (Sukhbaatar et al. 2015, arXiv 1503.08895, section 2).

A hop reads the memory with the query u and adds what it reads to it:

    p_i = softmax over i of u . key_i      o = sum of p_i value_i      u <- u + o, or H u + o

Keys and values are views of the same items. `tables` says how many views there are, `views` which of them a hop reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from nmt.conflict import Conflict
from nmt.nn.annealing import Annealed
from nmt.options import Options, Size

HopTying = Literal["layer_wise", "adjacent"]
"""Sharing between hops: layer_wise, all hops have the same keys and values, and a matrix H that the query passes;
adjacent, the values of a hop are the keys of the next."""


def tables(tying: HopTying, hops: int) -> int:
    """Number of different views of the memory."""
    return 2 if tying == "layer_wise" else hops + 1


def views(tying: HopTying, hops: int) -> list[tuple[int, int]]:
    """The views that serve each hop as keys and values."""
    return [(0, 1) if tying == "layer_wise" else (hop, hop + 1) for hop in range(hops)]


class LinearStart(Options):
    """Training first without the softmax of the hops, which is put back later. The model then depends on its query
    linearly, and is less likely to settle for a poor solution.

    The paper puts it back once the validation loss stops falling; here the update is fixed, so that a resumed training
    does the same as one that was never interrupted.
    """

    until_update: Size
    """The last update without softmax. Best weights from before are used without it."""


class HopWeights(nn.Module, Annealed):
    """The weights of the items of a memory from their scores: a softmax, or for a linear start the scores themselves.

    Args:
        start: the linear start; None for softmax from the beginning, which nothing is saved for.
    """

    linear: Tensor | None

    def __init__(self, start: LinearStart | None) -> None:
        super().__init__()
        self.start = start
        # saved with the weights: those of the linear phase belong to another function
        self.register_buffer("linear", None if start is None else torch.tensor(1))

    def forward(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Args:
            scores: [..., items].
            mask: bool, broadcastable to the scores; True on items that are there.

        Returns:
            [..., items] in the dtype of the scores, 0 on items that are not there; all 0 if none is.
        """
        if self.linear is not None and bool(self.linear):
            return scores.masked_fill(~mask, 0.0)
        return memory_softmax(scores, mask)

    def anneal(self, update: int) -> bool:
        # never back: the initial weights may be past the linear phase
        if self.start is None or self.linear is None or not self.linear or update <= self.start.until_update:
            return False
        self.linear.zero_()
        return True


def memory_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the items that are there, as in `HopWeights`; computed in float32."""
    lowest = torch.finfo(torch.float32).min
    weights = torch.softmax(scores.float().masked_fill(~mask, lowest), dim=-1)
    return weights.masked_fill(~mask, 0.0).to(scores.dtype)  # without any item softmax is even


class Carry(nn.Module):
    """What of a query goes on to the next hop: all of it, or with layer-wise tying its product with H.

    Args:
        tying: the sharing between hops.
        dim: D, width of the query.
        std: standard deviation of the initial H.
    """

    def __init__(self, tying: HopTying, dim: int, std: float) -> None:
        super().__init__()
        self.projection = nn.Linear(dim, dim, bias=False) if tying == "layer_wise" else None
        if self.projection is not None:
            nn.init.normal_(self.projection.weight, std=std)

    def forward(self, query: Tensor) -> Tensor:
        """query: [..., D]. Returns [..., D]."""
        if self.projection is None:
            return query
        carried: Tensor = self.projection(query)
        return carried


def full_output(tying: HopTying, values: nn.Parameter, vocabulary: int, std: float) -> nn.Linear:
    """The output layer with one matrix.

    Args:
        tying: the sharing between hops; adjacent extends to this layer.
        values: [V, D], the embedding that the last hop reads.
        vocabulary: V of the layer; with adjacent tying that of the values.
        std: standard deviation of an initial matrix of its own.
    """
    output = nn.Linear(values.shape[1], vocabulary, bias=False)
    if tying == "adjacent":
        output.weight = values
    else:
        nn.init.normal_(output.weight, std=std)
    return output


def linear_start_conflicts(start: LinearStart | None, updates: int) -> Iterable[Conflict]:
    """A linear start that leaves no updates with softmax."""
    if start is not None and start.until_update >= updates:
        yield Conflict(
            keys=(("model", "linear_start", "until_update"), ("training", "updates")),
            expected="a linear start that ends before the training",
            got=f"{start.until_update} of {updates}",
            fix="A tenth to a fifth of the updates is usual: the trained model has softmax in its hops.",
        )
