"""Translation edit rate (Snover et al. 2006) by sacrebleu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmt.evaluation.sacrebleu_measure import SacrebleuMeasure
from nmt.evaluation.tokenization import DEFAULT, UNSPACED

if TYPE_CHECKING:
    from sacrebleu.metrics import ter


class Ter(SacrebleuMeasure):
    """Edits and shifts per reference word, in percent; may exceed 100.

    With a tokenizer for text without spaces, Chinese and Japanese are split into characters.
    """

    label = "TER"
    higher_is_better = False
    best = 0.0
    counts_words = True

    def metric(self, words: str = DEFAULT) -> ter.TER:
        """A new metric."""
        from sacrebleu.metrics.ter import TER

        divided = words in UNSPACED
        return TER(normalized=divided, asian_support=divided)
