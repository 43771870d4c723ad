"""Self-attention of a state that is iterated, into whose queries, keys and values the input is injected."""

from __future__ import annotations

from torch import Tensor, nn

from nmt.nn.dropout import Dropout
from nmt.nn.kernels.attention import attend_to_self
from nmt.nn.kernels.attention_step import attend_in_step
from nmt.nn.keys_values import KeysValues, Place


class InjectedSelfAttention(nn.Module):
    """Attention with [Q; K; V] = Wz + U, U being an injection that stays as it is while z is iterated.

    (Bai, Kolter and Koltun 2019, section 3.2 and appendix; W has no bias, since U has one.)
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, Dropout(dropout)
        self.input = nn.Linear(dim, 3 * dim, bias=False)
        self.output = nn.Linear(dim, dim)

    def forward(self, z: Tensor, injection: Tensor, mask: Tensor | None) -> Tensor:
        """Args:
            z: [B, T, D].
            injection: [B, T, 3D].
            mask: [B, 1, 1, T] bool, True where a key may be attended to; None makes the attention causal.

        Returns:
            [B, T, D]
        """
        output: Tensor = self.output(attend_to_self(self.input(z) + injection, self.heads, mask, self.dropout))
        return output

    def step(self, z: Tensor, injection: Tensor, past: KeysValues, place: Place) -> Tensor:
        """One position more; this may be repeated until the position has converged.

        Args:
            z: [B, K, D], the newest position of each hypothesis.
            injection: [B, K, 3D].
            past: what was written before it, with room for more; the newest keys and values are written into it.
            place: where.

        Returns:
            [B, K, D]
        """
        output: Tensor = self.output(attend_in_step(self.input(z) + injection, past, place))
        return output
