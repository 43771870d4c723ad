"""The weighted pushdown automata of nondeterministic stacks (DuSell and Chiang 2020, arXiv 2010.04674)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Bottom = Literal["free", "fixed"]


class Transitions(NamedTuple):
    """One number for each transition of a step, any leading axes. A configuration c is a state and the symbol on top:
    c = state * symbols + symbol.
    """

    push: Tensor
    """[..., C, C]: from configuration c, push a symbol; the new configuration has it on top."""
    replace: Tensor
    """[..., C, C]: from configuration c, replace the symbol on top."""
    pop: Tensor
    """[..., C, Q]: from configuration c, pop; the new state. The symbol below comes to the top."""


@dataclass(frozen=True)
class Automaton:
    """The sizes of an automaton, and what it may do. It starts in state 0 with symbol 0, the bottom, on the stack."""

    states: int
    """Q"""
    symbols: int
    """S, symbols of the stack."""
    normalized: bool = False
    """Whether the weights of the transitions from each configuration sum to 1."""
    bottom: Bottom = "free"
    """`free`: the bottom may be replaced, and all that is above it popped (DuSell and Chiang 2023). `fixed`: the bottom
    may not be replaced, and the cell above it may be replaced but not popped, so the first step has to push (2022)."""
    window: int | None = None
    """The most steps since its push after which the symbol on top may be; None: any."""

    @property
    def configurations(self) -> int:
        """C = QS."""
        return self.states * self.symbols

    @property
    def transitions(self) -> int:
        """Transitions of a step, C (2C + Q)."""
        return self.configurations * (2 * self.configurations + self.states)

    def log_rows(self, logits: Tensor) -> Tensor:
        """The logarithms of the weights, float64, up to a constant per step, which changes no result.

        Args:
            logits: [..., transitions].

        Returns:
            [..., C, 2C + Q], by the configuration before the step: those of pushes, replacements and pops.
        """
        rows = torch.unflatten(logits.double(), -1, (self.configurations, -1))
        if self.normalized:
            return torch.log_softmax(rows, dim=-1)
        return rows - rows.detach().amax(dim=(-2, -1), keepdim=True)

    def log_weights(self, logits: Tensor) -> Transitions:
        """The same by kind: [..., transitions] to its parts."""
        size = self.configurations
        return Transitions(*torch.split(self.log_rows(logits), [size, size, self.states], dim=-1))

    def weights(self, logits: Tensor) -> Transitions:
        """The weights, float64, up to a factor per step: [..., transitions] as for `log_weights`."""
        return Transitions(*(part.exp() for part in self.log_weights(logits)))
