"""Settings of translation. Imports no torch, so that `nmt translate --help` answers at once."""

from __future__ import annotations

from typing import Literal

from nmt.options import Options, Size

Precision = Literal["auto", "fp32", "bf16", "int8"]


class TranslationOptions(Options):
    """How lines become batches."""

    batch_tokens: Size = 2048
    """Source tokens of a batch, padding and end-of-sentence included; more costs memory, and is not
    always faster."""
    precision: Precision = "auto"
    """Numbers to compute with: "fp32", "bf16" or "int8". "auto": in `nmt translate` what is fastest on this machine,
    which it says; for scores what the weights are stored as, so that they do not depend on the machine."""
