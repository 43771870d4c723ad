"""Self-attention of a state that is iterated, into whose queries, keys and values the input is injected."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nmt.nn.attention import KeysValues, attend, merge_heads, no_positions, split_heads
from nmt.nn.dropout import Dropout


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
        queries, keys, values = self._project(z, injection)
        context = attend(queries, keys, values, mask, causal=mask is None, dropout=self.dropout)
        output: Tensor = self.output(merge_heads(context))
        return output

    def step(self, z: Tensor, injection: Tensor, past: KeysValues) -> tuple[Tensor, KeysValues]:
        """One position more. The past is not copied, since this is repeated until the position has converged.

        Args:
            z: [N, D], the newest position.
            injection: [N, 3D].
            past: of the positions before it.

        Returns:
            [N, D], and the keys and values of this position alone, to be appended when it has converged.
        """
        queries, keys, values = self._project(z[:, None], injection[:, None])
        scores = torch.cat([queries @ past.keys.transpose(2, 3), (queries * keys).sum(-1, keepdim=True)], -1)
        weights = torch.softmax(scores * queries.shape[-1] ** -0.5, -1)  # [N, H, 1, length + 1]
        context = weights[..., :-1] @ past.values + weights[..., -1:] * values
        return self.output(merge_heads(context)).squeeze(1), KeysValues(keys, values)

    def empty(self, rows: int) -> KeysValues:
        """The cache of `rows` empty hypotheses."""
        return no_positions(rows, self.heads, self.output.weight)

    def _project(self, z: Tensor, injection: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        queries, keys, values = (split_heads(part, self.heads) for part in (self.input(z) + injection).chunk(3, dim=-1))
        return queries, keys, values
