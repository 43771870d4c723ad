"""What one layer of a decoder remembers of the positions decoded so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from torch import Tensor

from nmt.nn.rows import Rows


class Past(Rows, ABC):
    """A layer's memory of the positions decoded so far, for the K hypotheses of B sentences."""

    by_sentence: ClassVar[bool]
    """Whether a row is a sentence, in which hypotheses find their own entries by their lineage; otherwise a row is a
    hypothesis."""

    def with_room(self, entries: int, least: int) -> Self:
        """Self if it has capacity for `entries` per sentence, else a larger copy, of capacity `least` or more."""
        return self

    @abstractmethod
    def descend(self, rows: Tensor, staying: Tensor | None, written: int) -> Self:
        """The past of other hypotheses.

        Args:
            rows: [N] int64, the hypothesis that each descends from.
            staying: [B'] int64, the sentences of these hypotheses; None: all sentences stay.
            written: entries in use per sentence.
        """
