"""The memory of one layer of a decoder while a translation is written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from torch import Tensor

from nmt.nn.rows import Rows


class Past(Rows, ABC):
    """What a layer keeps of the positions decoded so far, for the K hypotheses of B sentences."""

    by_sentence: ClassVar[bool]
    """Whether a row is a sentence, in which the hypotheses find their own entries by their lineage; else a row is a
    hypothesis."""

    def with_room(self, entries: int, least: int) -> Self:
        """Self, or a copy, with room for so many entries of a sentence, made in steps of at least `least`."""
        return self

    @abstractmethod
    def descend(self, rows: Tensor, staying: Tensor | None, written: int) -> Self:
        """The past of other hypotheses.

        Args:
            rows: [N] int64, the hypothesis that each descends from.
            staying: [B'] int64, the sentences that these are of; None: all, as before.
            written: entries of a sentence in use.
        """
