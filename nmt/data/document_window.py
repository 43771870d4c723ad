"""How much of a document a model translates at once. Does not import tokenizers, to keep `nmt info` fast."""

from __future__ import annotations

from nmt.options import Options, Size


class DocumentWindow(Options):
    """The largest examples of joined sentences that a model was trained on."""

    pieces: Size
    """Longest source, separators included, whose translation fits as well, at the usual ratio of lengths."""
    sentences: Size
    """Most sentences."""
