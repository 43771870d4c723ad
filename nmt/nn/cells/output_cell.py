"""Cells that carry nothing but their output, and fused kernels for them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nmt.nn.cells.base import Cell, CellState


class OutputCell(Cell[CellState]):
    """A cell whose state is its output.

    One for which torch has a kernel that reads whole sequences gives it in `whole`.
    """

    def empty(self, like: Tensor, rows: int) -> CellState:
        return CellState(like.new_zeros(rows, self.width), past=self.norms.begin(like, rows))

    def whole(self) -> Callable[[Tensor], Tensor] | None:
        """A kernel that makes of whole sequences, [B, T, inputs] to [B, T, width], what the steps make; if there is."""
        return None

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.whole()
        return super().forward(x) if kernel is None else kernel(x)

    def read(self, x: Tensor, mask: Tensor) -> tuple[Tensor, CellState]:
        kernel = self.whole()
        if kernel is None:
            return super().read(x, mask)
        # A kernel knows no masks. So it reads each sequence from the start of its row: padding, which follows then,
        # cannot change what was before it.
        length = mask.shape[1]
        places, first = torch.arange(length, device=mask.device), mask.int().argmax(dim=1, keepdim=True)
        outputs = kernel(_moved(x, (places + first) % length))
        last = (mask.sum(dim=1, keepdim=True) - 1).clamp(min=0)
        state = _moved(outputs, last).squeeze(1).masked_fill(~mask.any(dim=1, keepdim=True), 0.0)
        return _moved(outputs, (places - first) % length), CellState(state)


def _moved(x: Tensor, places: Tensor) -> Tensor:
    """The positions [B, P] of [B, T, D]: [B, P, D]."""
    return x.gather(1, places[:, :, None].expand(-1, -1, x.shape[2]))


Kernel = Callable[..., tuple[Tensor, Tensor]]


def outputs_of(
    kernel: Kernel, x: Tensor, input_layer: nn.Linear, recurrent: nn.Linear, recurrent_bias: Tensor
) -> Tensor:
    """What `torch.gru` or `torch.rnn_tanh` makes of whole sequences from the empty state.

    Args:
        kernel: one of these.
        x: [B, T, inputs].
        input_layer: applied to x.
        recurrent: applied to the output before.
        recurrent_bias: [outputs of `recurrent`].

    Returns:
        [B, T, width]
    """
    x = x.to(input_layer.weight.dtype)  # the state's too, which must not be bf16 under autocast
    outputs, _ = kernel(
        x,
        x.new_zeros(1, x.shape[0], recurrent.in_features),
        [input_layer.weight, recurrent.weight, input_layer.bias, recurrent_bias],
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=torch.is_grad_enabled(),  # what a backward pass needs is kept; no matter of `.train()`
        bidirectional=False,
        batch_first=True,
    )
    return outputs
