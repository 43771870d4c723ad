"""Recurrent cells; a new one is its file and one line here."""

from __future__ import annotations

from nmt.nn.cells.base import Cell, CellState
from nmt.nn.cells.lstm import LSTM

CellConfig = LSTM.Config
"""Every cell there is: a new one joins as `Annotated[LSTM.Config | Other.Config, Field(discriminator="kind")]`."""

__all__ = ["LSTM", "Cell", "CellConfig", "CellState"]
