"""Recurrent cells; a new one is its file and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from nmt.nn.cells.base import AnyCell, Cell, CellState
from nmt.nn.cells.gru import GRU
from nmt.nn.cells.lstm import LSTM
from nmt.nn.cells.norms import CellNormConfig
from nmt.nn.cells.options import CellOptions
from nmt.nn.cells.tanh import TanhCell

CellConfig = Annotated[LSTM.Config | GRU.Config | TanhCell.Config, Field(discriminator="kind")]
"""Every cell there is. One made of another has a field of this type, its name in quotes, and `model_rebuild` here."""


def _check_causal(cell: CellOptions) -> CellOptions:
    if not cell.causal:
        raise ValueError(
            f"norm: {cell.norm.kind} is not for a decoder: its statistics of whole target sentences would tell of the "
            "tokens that are to be predicted. An encoder may have it"
        )
    return cell


CausalCellConfig = Annotated[CellConfig, AfterValidator(_check_causal)]
"""Those whose step depends on no later one, not even in training, as a decoder needs them."""

__all__ = [
    "GRU",
    "LSTM",
    "AnyCell",
    "CausalCellConfig",
    "Cell",
    "CellConfig",
    "CellNormConfig",
    "CellState",
    "TanhCell",
]
