"""Settings of translation. Imports no torch, so that `nmt translate --help` answers at once."""

from __future__ import annotations

from typing import Literal

from nmt.options import Options, Size

Precision = Literal["auto", "fp32", "bf16", "int8"]
Split = Literal["auto", "on", "off"]

FEW_LINES = 0.001
"""Of the training text: a model that has seen no more lines of several sentences does not know what to do with them."""


class TranslationOptions(Options):
    """How lines become batches."""

    batch_tokens: Size = 2048
    """Source tokens of a batch, padding and end-of-sentence included; more costs memory, and is not
    always faster."""
    split: Split = "auto"
    """Translate the sentences of a line one by one. "auto": where the model's training text had but one a line, so that
    it knows nothing else."""
    precision: Precision = "auto"
    """Numbers to compute with: "fp32", "bf16" or "int8". "auto": in `nmt translate` what is fastest on this machine,
    which it says; for scores what the weights are stored as, so that they do not depend on the machine."""

    def splits(self, several_sentences: float | None) -> bool:
        """Whether the sentences of a line are translated one by one.

        Args:
            several_sentences: share of the model's training lines that had more than one; None: not known.
        """
        known_few = several_sentences is not None and several_sentences <= FEW_LINES
        return known_few if self.split == "auto" else self.split == "on"
