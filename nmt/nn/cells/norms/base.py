"""The interface of all norms within cells: one step, and a whole sequence at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from nmt.nn.norm.base import Norm
from nmt.nn.rows import Rows
from nmt.options import Options

Site = Literal["ih", "hh", "c"]
"""What is normalised: the product with the input, the product with the previous output, or the memory in the output."""


@dataclass
class NormPast(Rows):
    """A norm's memory of earlier steps, one row per sequence. Most norms remember nothing."""


class SiteNorm(Norm):
    """The norm of vectors [D] that follow each other in time. This base remembers no earlier steps."""

    aligned: ClassVar[bool] = False
    """Whether sequences have to start at the first position, so that all rows take the same step at the same time."""

    bias: nn.Parameter
    """[D], added last."""

    def begin(self, like: Tensor, rows: int) -> NormPast:
        """The past of `rows` sequences before their first step: zeros with the dtype and device of `like`."""
        return NormPast()

    def step(self, x: Tensor, past: NormPast, mask: Tensor | None) -> tuple[Tensor, NormPast]:
        """One step of each sequence.

        Args:
            x: [rows, D].
            past: the past of these rows.
            mask: [rows] bool, True on rows that count in statistics; None: all.
        """
        return self(x, mask), past

    def read(self, x: Tensor, mask: Tensor | None, past: NormPast) -> tuple[Tensor, NormPast]:
        """All steps of sequences from their start.

        Args:
            x: [B, T, D].
            mask: [B, T] bool, True on real positions, which are contiguous; None: all.
            past: as from `begin`.

        Returns:
            [B, T, D], undefined at padding, and the past after the last real position of each sequence.
        """
        return self(x, mask), past


class CellNormOptions(Options):
    """The base of the options of all norms within cells."""

    causal: ClassVar[bool] = True
    """Whether a step depends on no later one, even in training, as a decoder requires."""

    @abstractmethod
    def sites_of(self, offered: Sequence[Site]) -> Sequence[Site]:
        """The sites to normalise, of those that a cell offers.

        Raises:
            ValueError: the options name a site that the cell does not offer.
        """

    @abstractmethod
    def build(self, dim: int) -> SiteNorm:
        """A norm of vectors of `dim` values."""

    def build_at(self, site: Site, dim: int) -> SiteNorm:
        """A norm of vectors of `dim` values for one of the chosen sites, if it matters which."""
        return self.build(dim)


class Nothing(CellNormOptions):
    """No normalisation."""

    kind: Literal["none"] = "none"

    def sites_of(self, offered: Sequence[Site]) -> Sequence[Site]:
        return ()

    def build(self, dim: int) -> SiteNorm:
        raise AssertionError("no site asks for a norm")


def chosen_sites(wanted: Sequence[Site] | None, offered: Sequence[Site]) -> Sequence[Site]:
    """The wanted sites; None: all that the cell offers.

    Raises:
        ValueError: the cell does not offer one of them.
    """
    if wanted is None:
        return offered
    if missing := [site for site in wanted if site not in offered]:
        raise ValueError(f"norm.sites: this cell has the sites {', '.join(offered)}, but not {missing[0]}")
    return wanted
