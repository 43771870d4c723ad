"""State vectors that attend to blocks of a text and carry what they found to later blocks.

The horizontal direction of the Block-Recurrent Transformer (Hutchins et al. 2022): S states of width D, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from nmt.nn.head_attention import HeadAttention, heads_of, initialise_blocks
from nmt.nn.past import Past
from nmt.nn.state_update import Configuration, GateKind, make_state_update, state_norm


@dataclass
class States(Past):
    """The states that a block reads, with their projections, which all its positions share."""

    by_sentence: ClassVar[bool] = False

    states: Tensor
    """[N, S, D], in float32 or wider: sums over the blocks of a text."""
    own_queries: Tensor
    """[N, S, H, D/H], for attention to the states."""
    block_queries: Tensor
    """[N, S, H, D/H], for attention to a block."""
    keys: Tensor
    """[N, S, H, D/H], for both directions."""
    values: Tensor
    """[N, S, H, D/H]"""

    def descend(self, rows: Tensor, staying: Tensor | None, written: int) -> Self:
        return self.select(rows)


class RecurrentStates(nn.Module):
    """The states' weights and their update after each block. There is no dropout in it.

        C^ = norm(C) + E              E: what tells the states apart
        Z = [Attention(Q C^, K C^, V C^), Attention(Q' C^, K_block, V_block)]
        C' = gate(C, W Z)             or with a feed-forward block, see nmt/nn/state_update.py

    Args:
        dim: D.
        heads: H.
        states: S.
        gate: the kind of gate.
        configuration: what the gate is around.
        identities: whether there is an E.
        normalized: whether queries and keys are normalised.
    """

    state_identities: nn.Parameter | None

    def __init__(
        self,
        dim: int,
        heads: int,
        states: int,
        *,
        gate: GateKind,
        configuration: Configuration,
        identities: bool,
        normalized: bool,
    ) -> None:
        super().__init__()
        self.heads, self.normalized = heads, normalized
        self.initial_states = nn.Parameter(torch.randn(states, dim) * 0.1)
        self.register_parameter("state_identities", nn.Parameter(torch.randn(states, dim)) if identities else None)
        self.norm = state_norm(dim)
        self.input = nn.Linear(dim, 4 * dim, bias=False)
        """Queries for the states, queries for a block, keys, values."""
        initialise_blocks(self.input)
        self.to_states = HeadAttention(heads, 0.0, normalized=normalized)
        self.to_block = HeadAttention(heads, 0.0, normalized=normalized)
        self.update = make_state_update(dim, gate, configuration)

    def initial(self) -> Tensor:
        """The states before the first block of any text: [1, S, D]."""
        return self.initial_states.to(torch.promote_types(self.initial_states.dtype, torch.float32))[None]

    def project(self, states: Tensor) -> States:
        """states: [N, S, D]."""
        named = self.norm(states)
        if self.state_identities is not None:
            named = named + self.state_identities
        return States(states, *heads_of(self.input(named), 4, self.heads, normalized=self.normalized))

    def after(self, before: States, keys: Tensor, values: Tensor, bias: Tensor | None = None) -> Tensor:
        """The states once they have read a block.

        Args:
            before: the states that the block read.
            keys: [N, K, H, D/H], the block's keys.
            values: [N, K, H, D/H].
            bias: added to the scores [N, H, S, K], broadcast; closes padding.

        Returns:
            [N, S, D]
        """
        own = self.to_states(before.own_queries, before.keys, before.values)
        read = self.to_block(before.block_queries, keys, values, bias)
        changed: Tensor = self.update(before.states, torch.cat([own, read], dim=-1))
        return changed
