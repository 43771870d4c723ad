"""BLEU (Papineni et al. 2002) by sacrebleu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nmt.evaluation.sacrebleu_measure import SacrebleuMeasure
from nmt.evaluation.tokenization import DEFAULT, tokenizer

if TYPE_CHECKING:
    from sacrebleu.metrics import base, bleu


class Bleu(SacrebleuMeasure):
    """Corpus BLEU, 0 to 100."""

    label = "BLEU"
    counts_words = True

    def metric(self, words: str = DEFAULT) -> bleu.BLEU:
        """A new metric."""
        from sacrebleu.metrics.bleu import BLEU

        tokenizer(words)  # a clear error if it is unavailable
        return BLEU(tokenize=words)

    def details(self, found: base.Score) -> str:
        """N-gram precisions, brevity penalty and lengths."""
        return found.format(score_only=False).split(" = ", 1)[1].partition(" ")[2]
