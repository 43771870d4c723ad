"""Options common to all recurrent cells."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self

from pydantic import model_validator

from nmt.nn.cells.base import Cell
from nmt.nn.cells.norms import CellNormConfig, Nothing, Site
from nmt.nn.clipping import AnnealedLimit
from nmt.options import Options


class CellOptions(Options):
    """The base of the options of all cells."""

    sites: ClassVar[tuple[Site, ...]] = ("ih", "hh")
    """The sites at which the cell can have norms."""

    kind: str
    norm: CellNormConfig = Nothing()
    """Normalisation within each step. Training then takes several times as long, since fused kernels have none."""

    @model_validator(mode="after")
    def _check_sites(self) -> Self:
        self.norm.sites_of(self.sites)
        return self

    @property
    def causal(self) -> bool:
        """Whether a step depends on no later one, even in training, as a decoder requires."""
        return self.effective_norm.causal

    @property
    def effective_norm(self) -> CellNormConfig:
        """The normalisation within each step; that of the wrapped cell if the cell wraps another."""
        return self.norm

    @property
    def state_kind(self) -> str:
        """The kind of the cell's state, in words: cells that agree on it can begin from each other's states."""
        return self.kind

    @abstractmethod
    def build(self, inputs: int, width: int, limit: AnnealedLimit | None = None) -> Cell[Any]:
        """A layer with fresh weights."""


class WrapperOptions(CellOptions):
    """The base of the options of cells that wrap another."""

    cell: CellOptions
    norm: Nothing = Nothing()
    """Always none: the norm of `cell` applies."""

    @property
    def effective_norm(self) -> CellNormConfig:
        return self.cell.effective_norm

    @property
    def state_kind(self) -> str:
        return self.cell.state_kind
