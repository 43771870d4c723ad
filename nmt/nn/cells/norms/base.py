"""What every norm within a cell is to the cell: one step, and a whole sequence at once."""

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
"""What is normalised: the product with the input, that with the output before, or the memory on its way out."""


@dataclass
class NormPast(Rows):
    """What a norm remembers of earlier steps: a row per sequence. Most remember nothing."""


class SiteNorm(Norm):
    """The norm of vectors [D] that come one after another in time. Here of one that remembers no earlier step."""

    bias: nn.Parameter
    """[D], what is added at the end."""

    def begin(self, like: Tensor, rows: int) -> NormPast:
        """The past of `rows` sequences that have not begun: zeros on the device of `like`, of its dtype."""
        return NormPast()

    def step(self, x: Tensor, past: NormPast, mask: Tensor | None) -> tuple[Tensor, NormPast]:
        """One step of each sequence.

        Args:
            x: [rows, D].
            past: of those rows.
            mask: [rows] bool, True on what counts in statistics; None: everything.
        """
        return self(x, mask), past

    def read(self, x: Tensor, mask: Tensor | None, past: NormPast) -> tuple[Tensor, NormPast]:
        """All steps of sequences that have not begun.

        Args:
            x: [B, T, D].
            mask: [B, T] bool, True on real positions, which lie side by side; None: all are.
            past: as from `begin`.

        Returns:
            [B, T, D], undefined on padding, and the past after the last real position of each sequence.
        """
        return self(x, mask), past


class CellNormOptions(Options):
    """The base of the options of all norms within cells."""

    causal: ClassVar[bool] = True
    """Whether a step depends on no later one, not even in training, as the cells of a decoder need it."""

    @abstractmethod
    def sites_of(self, offered: Sequence[Site]) -> Sequence[Site]:
        """Where a cell that offers these sites has norms.

        Raises:
            ValueError: a site is asked for that the cell does not offer.
        """

    @abstractmethod
    def build(self, dim: int) -> SiteNorm:
        """A norm of vectors of `dim` values."""


class Nothing(CellNormOptions):
    """No normalisation."""

    kind: Literal["none"] = "none"

    def sites_of(self, offered: Sequence[Site]) -> Sequence[Site]:
        return ()

    def build(self, dim: int) -> SiteNorm:
        raise AssertionError("there is no site for it")


def chosen_sites(wanted: Sequence[Site] | None, offered: Sequence[Site]) -> Sequence[Site]:
    """Those that are wanted, None: all that the cell offers.

    Raises:
        ValueError: the cell does not offer one of them.
    """
    if wanted is None:
        return offered
    if missing := [site for site in wanted if site not in offered]:
        raise ValueError(f"norm.sites must be among those of this cell, {', '.join(offered)}, but has {missing[0]}")
    return wanted
