"""Recurrent cells; to add a cell, add its file and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from nmt.nn.cells.arma import ARMA
from nmt.nn.cells.base import AnyCell, Cell, CellState
from nmt.nn.cells.gru import GRU
from nmt.nn.cells.lstm import LSTM
from nmt.nn.cells.nc_gru import NCGRU
from nmt.nn.cells.nondeterministic_stack import NondeterministicStack
from nmt.nn.cells.norms import CellNormConfig
from nmt.nn.cells.options import CellOptions
from nmt.nn.cells.peephole_lstm import PeepholeLSTM
from nmt.nn.cells.state_regularized import StateRegularized
from nmt.nn.cells.tanh import TanhCell

CellConfig = Annotated[
    LSTM.Config
    | PeepholeLSTM.Config
    | GRU.Config
    | NCGRU.Config
    | TanhCell.Config
    | ARMA.Config
    | StateRegularized.Config
    | NondeterministicStack.Config,
    Field(discriminator="kind"),
]
"""All cells. One that wraps another has a field of this type, its name in quotes, and calls `model_rebuild` here."""
StateRegularized.Config.model_rebuild()
NondeterministicStack.Config.model_rebuild()


def _check_causal(cell: CellOptions) -> CellOptions:
    if not cell.causal:
        raise ValueError(
            f"norm: {cell.effective_norm.kind} cannot be used in a decoder: its statistics over whole target sentences "
            "would leak the tokens to be predicted. Use it in the encoder only"
        )
    return cell


CausalCellConfig = Annotated[CellConfig, AfterValidator(_check_causal)]
"""Cells whose step depends on no later one, even in training, as a decoder requires."""

__all__ = [
    "ARMA",
    "GRU",
    "LSTM",
    "NCGRU",
    "AnyCell",
    "CausalCellConfig",
    "Cell",
    "CellConfig",
    "CellNormConfig",
    "CellState",
    "NondeterministicStack",
    "PeepholeLSTM",
    "StateRegularized",
    "TanhCell",
]
