"""The residual connection around a block of a layer."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from nmt.nn.dropout import Dropout
from nmt.nn.norm import Norm


class Residual(nn.Module):
    """x + dropout(block(x)) with a norm before the block or after the sum.

    Args:
        norm: a norm of the layer's width.
        dropout: probability of zeroing an element of the block's output.
        pre: whether to normalise the block's input; otherwise the sum.
    """

    def __init__(self, norm: Norm, dropout: float, *, pre: bool) -> None:
        super().__init__()
        self.norm = norm
        self.dropout = Dropout(dropout)
        self.pre = pre

    def before(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """The block's input.

        Args:
            x: [..., D].
            mask: [...] bool, True on vectors that count in the norm's statistics; None: all.
        """
        return self.norm(x, mask) if self.pre else x

    def after(self, x: Tensor, update: Tensor, mask: Tensor | None) -> Tensor:
        """The residual connection's output; x and update: [..., D]."""
        update = self.dropout(update)
        return x + update if self.pre else self.norm.of_sum(x, update, mask)

    def around(self, block: Callable[[Tensor], Tensor], x: Tensor, mask: Tensor | None) -> Tensor:
        """The whole connection around a block that acts on each position by itself; x: [..., D]. Returns [..., D]."""
        return self.after(x, block(self.before(x, mask)), mask)
