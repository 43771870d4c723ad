"""Cells whose state is their output, and fused kernels for them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nmt.nn.cells.base import Cell, CellState
from nmt.nn.cells.moved import MovedToStart, vectors_at


class OutputCell(Cell[CellState]):
    """A cell whose state is its output.

    If torch has a kernel that reads whole sequences, the cell returns it from `whole`.
    """

    def empty(self, like: Tensor, rows: int) -> CellState:
        return CellState(like.new_zeros(rows, self.width), past=self.norms.begin(like, rows))

    def whole(self) -> Callable[[Tensor], Tensor] | None:
        """A kernel that does all steps at once, [B, T, inputs] to [B, T, width], if there is one."""
        return None

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.whole()
        return super().forward(x) if kernel is None else kernel(x)

    def read(self, x: Tensor, mask: Tensor) -> tuple[Tensor, CellState]:
        kernel = self.whole()
        if kernel is None:
            return super().read(x, mask)
        # A kernel takes no mask, so each sequence is shifted to the start of its row: padding then comes after it and
        # cannot change it.
        moved = MovedToStart(mask)
        outputs = kernel(moved.to_start(x))
        last = (mask.sum(dim=1, keepdim=True) - 1).clamp(min=0)
        state = vectors_at(outputs, last).squeeze(1).masked_fill(~mask.any(dim=1, keepdim=True), 0.0)
        return moved.back(outputs), CellState(state)


Kernel = Callable[..., tuple[Tensor, Tensor]]


def outputs_of(
    kernel: Kernel, x: Tensor, input_layer: nn.Linear, recurrent: nn.Linear, recurrent_bias: Tensor
) -> Tensor:
    """The outputs of `torch.gru` or `torch.rnn_tanh` for whole sequences from the empty state.

    Args:
        kernel: one of these two.
        x: [B, T, inputs].
        input_layer: applied to x.
        recurrent: applied to the previous output.
        recurrent_bias: [outputs of `recurrent`].

    Returns:
        [B, T, width]
    """
    x = x.to(input_layer.weight.dtype)  # also the state's dtype, which must not be bf16 under autocast
    outputs, _ = kernel(
        x,
        x.new_zeros(1, x.shape[0], recurrent.in_features),
        [input_layer.weight, recurrent.weight, input_layer.bias, recurrent_bias],
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=torch.is_grad_enabled(),  # whether to keep what the backward pass needs; not `.train()`
        bidirectional=False,
        batch_first=True,
    )
    return outputs
