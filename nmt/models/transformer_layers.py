"""The layers of an encoder and a decoder: blocks with a residual connection and a norm each."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from nmt.nn.attention import CrossAttention, KeysValues, Place, SelfAttention
from nmt.nn.feedforward import FeedForward
from nmt.nn.residual import Residual


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward.

    Args:
        attention: mixes positions.
        feedforward: acts on each.
        residual: makes the connection around a block.
    """

    def __init__(self, attention: SelfAttention, feedforward: FeedForward, residual: Callable[[], Residual]) -> None:
        super().__init__()
        self.attention, self.attention_residual = attention, residual()
        self.feedforward, self.feedforward_residual = feedforward, residual()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x: [B, S, D]; mask: [B, S] bool, True on real tokens. Returns [B, S, D]."""
        residual = self.attention_residual
        x = residual.after(x, self.attention(residual.before(x, mask), mask[:, None, None, :]), mask)
        residual = self.feedforward_residual
        return residual.after(x, self.feedforward(residual.before(x, mask)), mask)


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the source, then feed-forward.

    Args:
        attention: mixes positions of the target.
        cross: reads the source.
        feedforward: acts on each position.
        residual: makes the connection around a block.
    """

    def __init__(
        self,
        attention: SelfAttention,
        cross: CrossAttention,
        feedforward: FeedForward,
        residual: Callable[[], Residual],
    ) -> None:
        super().__init__()
        self.attention, self.attention_residual = attention, residual()
        self.cross, self.cross_residual = cross, residual()
        self.feedforward, self.feedforward_residual = feedforward, residual()

    def project_memory(self, source: Tensor) -> KeysValues:
        """source: [B, S, D], the encoder's output."""
        return self.cross.project(source)

    def forward(
        self, x: Tensor, mask: Tensor, memory: KeysValues, source_mask: Tensor, *, need_attention: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Whole targets.

        Args:
            x: [B, T, D].
            mask: [B, T] bool, True on real tokens, which come first.
            memory: the source, from `project_memory`.
            source_mask: [B, S] bool, True on real tokens.
            need_attention: also return the attention to the source.

        Returns:
            [B, T, D], and attention [B, T, S] where asked for.
        """
        residual = self.attention_residual
        x = residual.after(x, self.attention(residual.before(x, mask), None), mask)
        return self._attend_and_feed(x, mask, memory, source_mask, need_attention)

    def step(
        self,
        x: Tensor,
        past: KeysValues,
        place: Place,
        memory: KeysValues,
        source_mask: Tensor,
        *,
        need_attention: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """x: [B, K, D]. Returns [B, K, D], and attention [B, K, S] where asked for; writes into the past."""
        residual = self.attention_residual
        x = residual.after(x, self.attention.step(residual.before(x, None), past, place), None)
        return self._attend_and_feed(x, None, memory, source_mask, need_attention)

    def _attend_and_feed(
        self, x: Tensor, mask: Tensor | None, memory: KeysValues, source_mask: Tensor, need_attention: bool
    ) -> tuple[Tensor, Tensor | None]:
        residual = self.cross_residual
        read = residual.before(x, mask)
        update, attention = self.cross(read, memory, source_mask[:, None, None, :], need_attention=need_attention)
        x = residual.after(x, update, mask)
        residual = self.feedforward_residual
        return residual.after(x, self.feedforward(residual.before(x, mask)), mask), attention
