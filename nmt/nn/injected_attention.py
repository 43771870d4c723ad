"""Self-attention of an iterated state, with the input injected into its queries, keys and values."""

from __future__ import annotations

from torch import Tensor, nn

from nmt.nn.dropout import Dropout
from nmt.nn.kernels.attention import attend_to_self
from nmt.nn.kernels.attention_step import attend_in_step
from nmt.nn.keys_values import KeysValues, Slot


class InjectedSelfAttention(nn.Module):
    """Attention with [Q; K; V] = Wz + U, where the injection U stays constant while z is iterated.

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

    def step(self, z: Tensor, injection: Tensor, past: KeysValues, slot: Slot) -> Tensor:
        """One more position; may be repeated until the position has converged.

        Args:
            z: [B, K, D], the newest position of each hypothesis.
            injection: [B, K, 3D].
            past: keys and values so far, with room for more; the newest are written into it.
            slot: where they are written, and what a hypothesis may attend to.

        Returns:
            [B, K, D]
        """
        output: Tensor = self.output(attend_in_step(self.input(z) + injection, past, slot))
        return output
