"""The orthogonal gated recurrent unit with Neumann-Cayley transformation (Mucllari et al. 2022, arXiv 2208.06496)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmt.errors import UserError
from nmt.nn.cells.base import CellState, input_product
from nmt.nn.cells.norms import CellNorms, NormStep
from nmt.nn.cells.options import CellOptions
from nmt.nn.cells.output_cell import OutputCell
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform
from nmt.nn.linear.cayley import CayleyLinear
from nmt.options import Count, Effect, Size

Orthogonal = Literal["candidate", "reset"]
"""Recurrent matrices that can be orthogonal: the candidate's and the reset gate's."""


class NCGRU(OutputCell):
    """Reset gate, update gate and candidate, whose recurrent matrix is orthogonal.

        r, u = sigmoid(W x + U h + b)       c = modReLU(W x + U (r * h))       h' = u h + (1 - u) c

    With `reset_after`, c = modReLU(W x + r * (U h)). The candidate has no bias but modReLU's. A limit clips h'. A norm
    at `ih` covers gates and candidate separately; one at `hh` covers the gates only, without the reset gate if its
    matrix is orthogonal: an orthogonal product keeps the length of a vector, which a norm would replace by another.
    """

    class Config(CellOptions):
        """Gated recurrent unit whose recurrent matrices stay orthogonal: signals neither grow nor fade over time."""

        kind: Literal["nc_gru"] = "nc_gru"
        orthogonal: Annotated[tuple[Orthogonal, ...], Field(min_length=1)] = ("candidate",)
        """Recurrent matrices that are orthogonal: that of the candidate, or those of `candidate` and `reset` gate."""
        reset_after: bool = False
        """Apply the reset gate to the result of the candidate's recurrent product, as in the authors' language model,
        not to its input, as in their other experiments."""
        negative_ones: Count | None = None
        """Number of -1s, at most the cell's width, in the constant diagonal of each orthogonal matrix; null for half
        the width. It decides between rotations and reflections; published are 50 of 118 and 40 of 56."""
        neumann_order: Annotated[int, Field(ge=0, le=3), Effect.TRAINING] = 2
        """Highest power of the Neumann series that refreshes (I + A)^-1 at each update; 2 as published. A higher order
        leaves a smaller error; 0 solves exactly at each update."""
        exact_every: Annotated[Size, Effect.TRAINING] = 50
        """Number of updates from one exact solution to the next; published are 49 and 100. An update after which an
        element of W^T W - I would exceed 1e-4 is solved exactly too."""
        he_initialisation: Annotated[bool, Effect.TRAINING] = False
        """Draw the other matrices uniformly up to sqrt(6 / inputs), as published; false: in the model's
        `initial_range`. Orthogonal matrices start as rotations by up to a right angle either way."""

        @model_validator(mode="after")
        def _check_orthogonal(self) -> Self:
            if "candidate" not in self.orthogonal or len(set(self.orthogonal)) < len(self.orthogonal):
                raise ValueError("orthogonal must be [candidate] or [candidate, reset]")
            return self

        def build(self, inputs: int, width: int, limit: AnnealedLimit | None = None) -> NCGRU:
            """A layer with fresh weights.

            Raises:
                UserError: more `negative_ones` than the width.
            """
            return NCGRU(self, inputs, width, limit)

        def matrix(self, width: int) -> CayleyLinear:
            """An orthogonal matrix with these options.

            Raises:
                UserError: more `negative_ones` than the width.
            """
            negative_ones = width // 2 if self.negative_ones is None else self.negative_ones
            if negative_ones > width:
                raise UserError("cell.negative_ones", f"at most the cell's width, {width}", str(negative_ones))
            return CayleyLinear(width, negative_ones, self.neumann_order, self.exact_every)

    def __init__(self, config: Config, inputs: int, width: int, limit: AnnealedLimit | None) -> None:
        both = "reset" in config.orthogonal
        gates = width if both else 2 * width  # those with an ordinary recurrent matrix
        norms = CellNorms(config.norm, {"ih": (2 * width, width), "hh": (gates,)})
        super().__init__(inputs, width, 3 * width, norms, limit)
        self.reset_after, self.he_initialisation = config.reset_after, config.he_initialisation
        self.input = input_product(inputs, 2 * width, norms)
        self.candidate_input = nn.Linear(inputs, width, bias=False)
        self.recurrent = nn.Linear(width, gates, bias=False)
        self.reset = config.matrix(width) if both else None
        self.candidate = config.matrix(width)
        self.activation = ModReLU(width)

    def initialise(self, start: Uniform) -> None:
        for layer in (self.input, self.candidate_input, self.recurrent):
            start.draw_linear(layer)
            if self.he_initialisation:
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(self.activation.bias)
        start.shift(self.activation.bias)
        self.norms.initialise(start)

    def project(self, x: Tensor) -> Tensor:
        return torch.cat([self.input(x), self.candidate_input(x)], dim=-1)

    def recur(self, projected: Tensor, state: CellState, norm: NormStep) -> CellState:
        gates, new = projected[:, : 2 * self.width], projected[:, 2 * self.width :]
        recurrent = norm("hh", self.recurrent(state.output))
        if self.reset is not None:
            recurrent = torch.cat([self.reset(state.output), recurrent], dim=-1)
        r, u = torch.sigmoid(gates + recurrent).chunk(2, dim=-1)
        turned = r * self.candidate(state.output) if self.reset_after else self.candidate(r * state.output)
        c = self.activation(new + turned)
        return CellState(self.bounded(c + u * (state.output - c)))


class ModReLU(nn.Module):
    """sign(z) max(|z| + b, 0), a ReLU of the length that keeps the sign (Arjovsky, Shah and Bengio 2016).

    With b = 0 it is the identity. A positive b makes it jump at z = 0.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, z: Tensor) -> Tensor:
        """z: [..., width]. Returns [..., width]."""
        return torch.sign(z) * torch.relu(z.abs() + self.bias)
