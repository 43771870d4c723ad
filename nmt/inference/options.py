"""Settings of translation. Does not import torch, to keep `nmt translate --help` fast."""

from __future__ import annotations

from typing import Literal, Self

from nmt.options import InputPath, NonNegativeFloat, Options, Size

Precision = Literal["auto", "fp32", "bf16", "int8"]
Split = Literal["auto", "on", "off"]
LongLines = Literal["cut", "whole"]

OF_SEARCH = ("documents", "language_model", "language_model_weight")
"""The options that only concern a search for translations."""
FEW_LINES = 0.001
"""Share of multi-sentence lines in the training text up to which a model cannot be expected to handle them."""


class TranslationOptions(Options):
    """Settings of translation other than the search."""

    batch_tokens: Size = 2048
    """Source tokens per batch, padding and end-of-sentence included; larger batches take more memory, and are not
    always faster."""
    split: Split = "auto"
    """Translate the sentences of a line one by one. "auto": if the model's training text had one sentence per line, so
    that the model knows nothing else."""
    long_lines: LongLines = "cut"
    """Lines longer than every line of the training text. "cut": translate them in parts. "whole": translate them as
    they are; most models fail at lengths that they have not seen, and memory grows with the length."""
    precision: Precision = "auto"
    """Precision of computation: "fp32", "bf16" or "int8". "auto": in `nmt translate` the fastest on this machine, which
    it reports; for scores the precision of the stored weights, so that scores do not depend on the machine."""
    documents: bool = False
    """Translate each sentence with those before it in its document; blank lines separate documents. Needs a model that
    was trained on documents (data.context: document). As many sentences as the model has seen together are translated
    at once; if it merges or splits them, they are translated one by one. In a recipe the default is true with
    data.context document."""
    language_model: InputPath | None = None
    """Model directory or run folder of a language model whose log-probabilities are added in the search, times the next
    option (shallow fusion). It must have the model's target tokenizer. Validations during training do without."""
    language_model_weight: NonNegativeFloat = 0.2
    """Weight of the language model; 0.05 to 0.4 are usual. Choose it on a validation set, with the length penalty."""

    def unfused(self) -> Self:
        """The same without a language model."""
        return self.model_copy(update={"language_model": None})

    def splits(self, several_sentences: float | None) -> bool:
        """Whether the sentences of a line are translated one by one.

        Args:
            several_sentences: share of the model's training lines with more than one sentence; None: unknown.
        """
        known_few = several_sentences is not None and several_sentences <= FEW_LINES
        return known_few if self.split == "auto" else self.split == "on"
