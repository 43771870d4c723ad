"""The autoregressive moving-average cell (Schiele, Berninger and Rügamer 2022, arXiv 2208.14919), in its vector form.

ARMA(p, q) explains a series by its last p values and the last q errors of its own forecasts. With errors written as
values minus forecasts, a forecast becomes a recurrence on earlier forecasts, without anything unobserved:

    x_t = alpha + beta_1 x_(t-1) + ... + beta_p x_(t-p) + gamma_1 e_(t-1) + ... + gamma_q e_(t-q) + e_t
    h_t = alpha + A_1 x_t + ... + A_p x_(t-p+1) + M_1 h_(t-1) + ... + M_q h_(t-q)            the forecast of x_(t+1)
    A_i = beta_i + gamma_i        M_j = -gamma_j        where beta, filled with zeros, has at least q matrices

The paper's ConvARMA, for sequences of images, replaces each matrix by a convolution and a factor per channel. It is not
built here: our sequences are vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import zip_longest
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nmt.nn.cells.base import Cell, CellState
from nmt.nn.cells.norms import CellNorms, NormStep
from nmt.nn.cells.options import CellOptions
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform

_MOST_LAGS = 1000

Lags = Annotated[int, Field(gt=0, le=_MOST_LAGS)]
"""A number of steps of a series."""

Activation = Literal["linear", "tanh", "relu"]
_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "linear": torch.positive,
    "tanh": torch.tanh,
    "relu": torch.relu,
}


@dataclass
class ARMAState(CellState):
    """The output, and what earlier steps add to coming ones."""

    coming: tuple[Tensor, ...]
    """[rows, width] each: the sums of products for the next step, the one after it and so on; max(p, q) - 1 of them."""


class ARMA(Cell[ARMAState]):
    """h_t = f(A_1 x_t + ... + A_p x_(t-p+1) + M_1 h_(t-1) + ... + M_q h_(t-q) + b), zero before the first step.

    A step multiplies its input by all A and the previous output by all M at once. Products that belong to later steps
    are added up in the state, which therefore holds no inputs.

    M may be any square matrix, so the paper's units, which are blocks on its diagonal, need no option. A limit clips h
    and the sums carried. A norm at `ih` covers the products with all A together, one at `hh` those with all M.
    """

    class Config(CellOptions):
        """Autoregressive moving-average cell: no gates, a short memory, few parameters."""

        kind: Literal["arma"] = "arma"
        p: Lags = 3
        """Number of inputs, the present one included, that a step sees. A process with more moving-average than
        autoregressive terms needs as many as q."""
        q: Lags = 3
        """Number of earlier outputs that a step sees."""
        activation: Activation = "tanh"
        """Function of the sum: `linear` for the classical forecast, `relu` as in the paper's deeper models. With these
        two, outputs can grow without bound over a long sequence unless initial weights are small or the model has a
        limit; `tanh`, the default, cannot."""
        diagonal: bool = False
        """Let each unit see its own earlier outputs only, by q weights instead of q rows of matrices; these weights
        start from zero. The input's matrices stay: they alone mix units."""

        @property
        def state_kind(self) -> str:
            return f"{self.kind} with max(p, q) = {max(self.p, self.q)}"

        def build(self, inputs: int, width: int, limit: AnnealedLimit | None = None) -> ARMA:
            """A layer with fresh weights."""
            return ARMA(self, inputs, width, limit)

    def __init__(self, config: Config, inputs: int, width: int, limit: AnnealedLimit | None) -> None:
        p, q = config.p, config.q
        norms = CellNorms(config.norm, {"ih": (p * width,), "hh": (q * width,)})
        super().__init__(inputs, width, p * width, norms, limit)
        self.activation = _ACTIVATIONS[config.activation]
        self.carried = max(p, q) - 1
        self.input = nn.Linear(inputs, p * width, bias=False)
        self.recurrent = _Diagonals(width, q) if config.diagonal else nn.Linear(width, q * width, bias=False)
        self.bias = nn.Parameter(torch.zeros(width))

    def initialise(self, start: Uniform) -> None:
        start.draw_linear(self.input)
        if isinstance(self.recurrent, _Diagonals):
            self.recurrent.initialise(start)
        else:
            start.draw_linear(self.recurrent)
        nn.init.zeros_(self.bias)
        start.shift(self.bias)
        self.norms.initialise(start)

    def empty(self, like: Tensor, rows: int) -> ARMAState:
        zeros = like.new_zeros(rows, self.width)
        return ARMAState(zeros, (zeros,) * self.carried, past=self.norms.begin(like, rows))

    def project(self, x: Tensor) -> Tensor:
        products: Tensor = self.input(x)
        return products

    def recur(self, projected: Tensor, state: ARMAState, norm: NormStep) -> ARMAState:
        recurrent = norm("hh", self.recurrent(state.output))
        # in the weights' dtype: under autocast, sums over time must not be bf16 as the products are
        inputs, outputs = (torch.split(x.to(self.bias.dtype), self.width, dim=-1) for x in (projected, recurrent))
        now, *coming = _sums(state.coming, inputs, outputs)
        return ARMAState(self.bounded(self.activation(now + self.bias)), tuple(map(self.bounded, coming)))


class _Diagonals(nn.Module):
    """The products of a vector with several diagonal matrices: [..., width] to [..., count * width]."""

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.weight = nn.Parameter(torch.zeros(count * width))

    def initialise(self, start: Uniform) -> None:
        nn.init.zeros_(self.weight)
        start.shift(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x] * self.count, dim=-1) * self.weight


def _sums(*series: Iterable[Tensor]) -> list[Tensor]:
    """The sum of several series, entry by entry; the longest decides how many."""
    entries = zip_longest(*series)
    return [reduce(torch.add, [term for term in terms if term is not None]) for terms in entries]
