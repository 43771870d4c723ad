"""The gradients of cells that go step by step, against finite differences in double precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nmt.nn.cells import ARMA, GRU, LSTM, PeepholeLSTM
from nmt.nn.cells.options import CellOptions
from nmt.nn.initial import Uniform

CELLS: dict[str, CellOptions] = {
    "lstm-without-tanh": LSTM.Config(output_tanh=False),
    "gru": GRU.Config(),
    "peephole-lstm": PeepholeLSTM.Config(),
    "arma": ARMA.Config(p=2, q=3),
    "arma-diagonal": ARMA.Config(p=2, q=3, activation="linear", diagonal=True),
}


@pytest.mark.parametrize("name", CELLS)
def test_the_gradient_is_the_slope(name: str) -> None:
    torch.manual_seed(9)
    cell = CELLS[name].build(2, 3).double()
    cell.initialise(Uniform(0.7, biases=0.5))
    names = [name for name, _ in cell.named_parameters()]

    def read(x: Tensor, *weights: Tensor) -> Tensor:
        outputs: Tensor = torch.func.functional_call(cell, dict(zip(names, weights, strict=True)), (x,))
        return outputs

    x = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(read, (x, *cell.parameters()))
