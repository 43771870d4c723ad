"""The options of fairseq's `fconv` as those of our ConvS2S. Its layers are a Python expression, which is not run."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from nmt.interop.fairseq.weights import FAIRSEQ_SPECIAL
from nmt.interop.settings import Settings
from nmt.models.convs2s import Convolutions, ConvS2S, DecoderConvolutions
from nmt.options import LONGEST, MOST_LAYERS

DEFAULTS: Mapping[str, Any] = {
    "encoder_embed_dim": 512,
    "encoder_layers": "[(512, 3)] * 20",
    "decoder_embed_dim": 512,
    "decoder_layers": "[(512, 3)] * 20",
    "decoder_attention": "True",
    "decoder_out_embed_dim": 256,
    "dropout": 0.1,
    "max_source_positions": 1024,
    "max_target_positions": 1024,
}


def convs2s_config(settings: Settings) -> ConvS2S.Config:
    """The model's options.

    Raises:
        UserError: a setting changes the model's arithmetic and we have no option for it; it is named.
    """
    width = settings.size("encoder_embed_dim")
    if (other := settings.size("decoder_embed_dim")) != width:
        raise settings.unsupported("decoder_embed_dim", f"{width}, as encoder_embed_dim", other)
    encoder, decoder = _layers(settings, "encoder_layers"), _layers(settings, "decoder_layers")
    attention = _expression(settings, "decoder_attention")
    attending = [attention] * len(decoder) if isinstance(attention, bool) else attention
    if not isinstance(attending, list) or len(attending) != len(decoder) or not any(attending):
        raise settings.unsupported("decoder_attention", f"True, or a list for {len(decoder)} layers", attention)
    rows = max(settings.size("max_source_positions", LONGEST), settings.size("max_target_positions", LONGEST))
    return ConvS2S.Config(
        embedding_dim=width,
        output_dim=settings.size("decoder_out_embed_dim"),
        encoder=tuple(
            Convolutions(width=channels, kernel=kernel, layers=len(list(same)))
            for (channels, kernel), same in groupby(encoder)
        ),
        decoder=tuple(
            DecoderConvolutions(width=channels, kernel=kernel, attention=attends, layers=len(list(same)))
            for ((channels, kernel), attends), same in groupby(zip(decoder, map(bool, attending), strict=True))
        ),
        dropout=settings.probability("dropout"),
        positions=rows - FAIRSEQ_SPECIAL.pad - 1,  # fairseq's table has rows for the ids up to padding
        tied_embeddings="none",
    )


def _layers(settings: Settings, name: str) -> list[tuple[int, int]]:
    """Width and kernel of each layer."""
    layers: list[tuple[int, int]] = []
    found = _expression(settings, name)
    for layer in found if isinstance(found, list) else [None]:
        if not isinstance(layer, tuple) or not 2 <= len(layer) <= 3 or not all(type(part) is int for part in layer):
            raise settings.unsupported(name, "a list of (width, kernel)", settings.get(name))
        if layer[2:] not in ((), (1,)):
            raise settings.unsupported(name, "residual connections that span one layer", settings.get(name))
        layers.append(layer[:2])
    if not layers or any(part < 1 for layer in layers for part in layer):
        raise settings.unsupported(name, "a list of (width, kernel)", settings.get(name))
    return layers


def _expression(settings: Settings, name: str) -> Any:  # noqa: ANN401 -- the expression's value
    """The value that fairseq's `eval` would give, for numbers, lists, tuples, `+` and `*` only."""
    text = settings.get(name)
    try:
        return _value(ast.parse(str(text).strip(), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise settings.unsupported(name, "an expression such as [(512, 3)] * 20", text) from None


def _value(node: ast.expr) -> Any:  # noqa: ANN401 -- as above
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int)):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        items = [_value(item) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mult)):
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Mult) and isinstance(left, int) and isinstance(right, list):
            left, right = right, left
        if isinstance(left, list) and isinstance(right, list if isinstance(node.op, ast.Add) else int):
            if len(left) * (right if isinstance(right, int) else 1) > MOST_LAYERS:
                raise ValueError("more layers than any model has")
            return left + right if isinstance(right, list) else left * right
    raise ValueError("not a list of layers")
