"""The sizes of a Transformer, which have nearly the same names in fairseq and Hugging Face's transformers."""

from __future__ import annotations

from typing import Any

from nmt.interop.settings import Settings
from nmt.options import MOST_LAYERS


def transformer_sizes(settings: Settings, width: str, inner: str) -> dict[str, Any]:
    """The sizes and dropout rates of our Transformer; all are given, so that they do not depend on presets.

    Args:
        settings: the other toolkit's settings.
        width: its name for the model's width.
        inner: its name for the feed-forward width, without the side. The decoder's may be missing.

    Raises:
        UserError: a size is missing or wrong; it is named.
    """
    feedforward, heads = settings.size(f"encoder_{inner}"), _heads(settings, "encoder", width)
    decoder_heads = _heads(settings, "decoder", width)
    given = settings.get(f"decoder_{inner}") is not None
    decoder_feedforward = settings.size(f"decoder_{inner}") if given else feedforward
    return {
        "model_dim": settings.size(width),
        "feedforward_dim": feedforward,
        "decoder_feedforward_dim": 0 if decoder_feedforward == feedforward else decoder_feedforward,
        "heads": heads,
        "decoder_heads": 0 if decoder_heads == heads else decoder_heads,
        "encoder_layers": settings.size("encoder_layers", MOST_LAYERS),
        "decoder_layers": settings.size("decoder_layers", MOST_LAYERS),
        "dropout": settings.probability("dropout"),
        "attention_dropout": settings.probability("attention_dropout"),
    }


def _heads(settings: Settings, side: str, width: str) -> int:
    heads, dim = settings.size(name := f"{side}_attention_heads"), settings.size(width)
    if dim % heads:
        raise settings.unsupported(name, f"a divisor of {dim}, the {width}", heads)
    return heads
