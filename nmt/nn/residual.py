"""The residual connection around a block of a layer."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from nmt.nn.dropout import Dropout
from nmt.nn.norm import Norm


class Residual(nn.Module):
    """x + dropout(block(x)) with a norm before the block or after the sum.

    Args:
        norm: of the layer's width.
        dropout: probability of zeroing an element of what the block gives.
        pre: normalise what the block reads; else the sum.
    """

    def __init__(self, norm: Norm, dropout: float, *, pre: bool) -> None:
        super().__init__()
        self.norm = norm
        self.dropout = Dropout(dropout)
        self.pre = pre

    def before(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """What the block reads.

        Args:
            x: [..., D].
            mask: [...] bool, True on what counts in the norm's statistics; None: everything.
        """
        return self.norm(x, mask) if self.pre else x

    def after(self, x: Tensor, update: Tensor, mask: Tensor | None) -> Tensor:
        """What the next block's residual starts from; x and update: [..., D]."""
        update = self.dropout(update)
        return x + update if self.pre else self.norm.of_sum(x, update, mask)

    def around(self, block: Callable[[Tensor], Tensor], x: Tensor, mask: Tensor | None) -> Tensor:
        """All of it, for a block that acts on each position by itself; x: [..., D]. Returns [..., D]."""
        return self.after(x, block(self.before(x, mask)), mask)
