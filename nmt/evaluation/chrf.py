"""chrF (Popović 2015) by sacrebleu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmt.evaluation.sacrebleu_measure import SacrebleuMeasure
from nmt.evaluation.tokenization import DEFAULT

if TYPE_CHECKING:
    from sacrebleu.metrics import chrf


class ChrF(SacrebleuMeasure):
    """F2 of character n-grams up to 6, 0 to 100."""

    label = "chrF"

    def metric(self, words: str = DEFAULT) -> chrf.CHRF:
        """A new metric."""
        from sacrebleu.metrics.chrf import CHRF

        return CHRF()
