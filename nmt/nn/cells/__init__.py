"""Recurrent cells; a new one is its file and one line here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nmt.nn.cells.base import AnyCell, Cell, CellState
from nmt.nn.cells.gru import GRU
from nmt.nn.cells.lstm import LSTM
from nmt.nn.cells.tanh import TanhCell

CellConfig = Annotated[LSTM.Config | GRU.Config | TanhCell.Config, Field(discriminator="kind")]
"""Every cell there is. One made of another has a field of this type, its name in quotes, and `model_rebuild` here."""

__all__ = ["GRU", "LSTM", "AnyCell", "Cell", "CellConfig", "CellState", "TanhCell"]
