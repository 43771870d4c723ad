"""Gated updates of recurrent state vectors, in place of residual connections (Hutchins et al. 2022, section 3.2)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from nmt.nn.head_attention import initialise_blocks

GateKind = Literal["fixed", "lstm"]
Configuration = Literal["skip", "dual", "single"]

_BIAS_STD = 0.1
"""Around no preference for the old or the new. Large biases would make a model ignore its states, for good."""


def make_state_update(dim: int, gate: GateKind, configuration: Configuration) -> nn.Module:
    """How attention changes states; takes states [B, S, D] and contexts [B, S, 2D], returns states [B, S, D]."""
    if configuration == "skip":
        return GatedLinear(2 * dim, dim, gate)
    if configuration == "dual":
        return DualUpdate(dim, gate)
    return GatedFeedForward(2 * dim, dim, gate, bounded=True)


class GatedLinear(nn.Module):
    """s' = gate(s, W u), the configuration *skip*.

    Args:
        inputs: width of u.
        dim: D.
        gate: the kind of gate.
        bounded: apply tanh to W u.
    """

    def __init__(self, inputs: int, dim: int, gate: GateKind, *, bounded: bool = False) -> None:
        super().__init__()
        self.bounded = bounded
        self.linear = nn.Linear(inputs, dim, bias=False)
        self.gate = FixedGate(dim) if gate == "fixed" else LSTMGate(inputs, dim)
        initialise_blocks(self.linear)

    def forward(self, states: Tensor, u: Tensor) -> Tensor:
        """states: [..., D]; u: [..., inputs]. Returns [..., D] with the dtype of the states."""
        candidate = self.linear(u).to(states.dtype)
        changed: Tensor = self.gate(states, torch.tanh(candidate) if self.bounded else candidate, u)
        return changed


class GatedFeedForward(nn.Module):
    """s' = gate(s, W2 relu(W1 u)) with 4D inner units; the configuration *single*, where W2's output is bounded."""

    def __init__(self, inputs: int, dim: int, gate: GateKind, *, bounded: bool) -> None:
        super().__init__()
        self.inner = nn.Linear(inputs, 4 * dim, bias=False)
        self.outer = GatedLinear(4 * dim, dim, gate, bounded=bounded)
        nn.init.xavier_uniform_(self.inner.weight)

    def forward(self, states: Tensor, u: Tensor) -> Tensor:
        """states: [..., D]; u: [..., inputs]. Returns [..., D]."""
        changed: Tensor = self.outer(states, torch.relu(self.inner(u)))
        return changed


class DualUpdate(nn.Module):
    """The configuration *dual*: a gated projection of the attention, then a gated feed-forward block of the states."""

    def __init__(self, dim: int, gate: GateKind) -> None:
        super().__init__()
        self.attention = GatedLinear(2 * dim, dim, gate)
        self.norm = state_norm(dim)
        self.feedforward = GatedFeedForward(dim, dim, gate, bounded=False)

    def forward(self, states: Tensor, contexts: Tensor) -> Tensor:
        """states: [..., D]; contexts: [..., 2D]. Returns [..., D]."""
        states = self.attention(states, contexts)
        changed: Tensor = self.feedforward(states, self.norm(states))
        return changed


class FixedGate(nn.Module):
    """g * s + (1 - g) * y with g = sigmoid(b): an exponential moving average whose rate is learned per feature."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(dim) * _BIAS_STD)

    def forward(self, states: Tensor, candidate: Tensor, u: Tensor) -> Tensor:
        """states and candidate: [..., D]; u is not used. Returns [..., D]."""
        return torch.lerp(candidate, states, torch.sigmoid(self.bias).to(states.dtype))


class LSTMGate(nn.Module):
    """f * s + i * y with f = sigmoid(W_f u + b_f + 1) and i = sigmoid(W_i u + b_i - 1)."""

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, 2 * dim)
        """Forget gate, then input gate."""
        nn.init.trunc_normal_(self.linear.weight, std=(0.1 / inputs) ** 0.5, a=-2.0, b=2.0)
        nn.init.normal_(self.linear.bias, std=_BIAS_STD)

    def forward(self, states: Tensor, candidate: Tensor, u: Tensor) -> Tensor:
        """states and candidate: [..., D]; u: [..., inputs]. Returns [..., D]."""
        forget, new = self.linear(u).to(states.dtype).chunk(2, dim=-1)
        return torch.sigmoid(forget + 1.0) * states + torch.sigmoid(new - 1.0) * candidate


def state_norm(dim: int) -> nn.RMSNorm:
    """The norm of states: no mean is subtracted, and there is no bias."""
    return nn.RMSNorm(dim, eps=1e-6)
