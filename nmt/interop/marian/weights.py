"""Weights and options of MarianMT models of Hugging Face's transformers as ours. Nothing here imports transformers.

Their decoder starts from the padding token, ours from BOS: the BOS row of our target embedding is their padding row. In
the output layer they have no BOS: a large negative bias suppresses ours, so every other token keeps its probability.
Padding is in their softmax, though it is never chosen, and so it is in ours. Only with `renormalize_logits` is it
removed before the softmax; then our bias suppresses it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nmt.errors import UserError
from nmt.interop.fairseq.weights import TRANSFORMER_LAYERS
from nmt.interop.renaming import Rule, rename
from nmt.interop.settings import Settings
from nmt.interop.transformer_sizes import transformer_sizes
from nmt.models.transformer import Transformer
from nmt.models.tying import Tying
from nmt.nn.feedforward import Activation
from nmt.nn.position import published_sinusoids
from nmt.tokenizer.base import SPECIAL

KIND = "a MarianMT model"

DEFAULTS: Mapping[str, Any] = {
    "model_type": "marian",
    "is_encoder_decoder": True,
    "vocab_size": 58101,
    "max_position_embeddings": 1024,
    "encoder_layers": 12,
    "encoder_ffn_dim": 4096,
    "encoder_attention_heads": 16,
    "decoder_layers": 12,
    "decoder_ffn_dim": 4096,
    "decoder_attention_heads": 16,
    "activation_function": "gelu",
    "d_model": 1024,
    "dropout": 0.1,
    "scale_embedding": False,
    "share_encoder_decoder_embeddings": True,
    "tie_word_embeddings": True,
    "static_position_embeddings": True,
    "decoder_start_token_id": 58100,
    "pad_token_id": 58100,
    "eos_token_id": 0,
}
"""The defaults of transformers, for settings that config.json leaves out."""

REFUSED = (
    "add_final_layer_norm",
    "force_bos_token_to_be_generated",
    "is_decoder",
    "normalize_before",
    "normalize_embedding",
    "quantization_config",
    "tie_encoder_decoder",
)
"""Settings that would change the arithmetic. (Not included: `add_bias_logits`, since their code always adds the bias,
and settings for training only, such as layerdrop.)"""

ACTIVATIONS: Mapping[str, Activation] = {"relu": "relu", "gelu": "gelu", "swish": "swish", "silu": "swish"}

SUPPRESSING_BIAS = -1e4
"""A bias that makes a token's probability exactly 0 in float32, within the range of every precision."""

_POSITIONS = ("encoder.embed_positions.weight", "decoder.embed_positions.weight")
_POSITIONS_TOLERANCE = 1e-3  # half precision rounds a sine by up to 0.0005


@dataclass(frozen=True)
class TokenOrder:
    """The id in their vocabulary for each of our ids."""

    source: Sequence[int]
    target: Sequence[int]


def our_order(size: int, pad: int, unk: int, start: int, eos: int) -> list[int]:
    """Their ids in our order: first the special tokens in our order, then the others in theirs.

    Args:
        size: size of their vocabulary.
        pad: their padding.
        unk: their unknown token.
        start: their decoder's start token; it becomes BOS, and unless it is also another special token, it keeps its
            own id as well.
        eos: their end of sentence.
    """
    return [pad, unk, start, eos, *(token for token in range(size) if token not in (pad, unk, eos))]


def transformer_config(settings: Settings) -> Transformer.Config:
    """The model's options.

    Raises:
        UserError: a setting changes the model's arithmetic and we have no option for it; it is named.
    """
    _check(settings)
    with settings.fitting():
        return Transformer.Config(
            **transformer_sizes(settings, "d_model", "ffn_dim"),
            activation_dropout=settings.probability("activation_dropout"),
            activation=_activation(settings),
            norm="post",
            positions="sinusoidal_published",
            scaled_embeddings=settings.flag("scale_embedding"),
            tied_embeddings=_tying(settings),
            output_bias=True,
        )


def marian_weights(
    state: Mapping[str, Tensor], tying: Tying, order: TokenOrder, where: str, *, never_pad: bool
) -> dict[str, Tensor]:
    """The weights for `nmt.models.weights.load_weights`, in float32.

    Args:
        state: the contents of their file.
        tying: tying of our model.
        order: token order of both vocabularies.
        where: the file, for errors.
        never_pad: exclude padding from the softmax.

    Raises:
        UserError: the weights are not those of a MarianMT model; all that do not fit are named.
    """
    state = {
        name.removeprefix("model."): weight.float() if weight.is_floating_point() else weight
        for name, weight in state.items()
    }
    state.setdefault("final_logits_bias", torch.zeros(1, len(set(order.target))))
    _check_positions(state, where)
    for names in _ONE_MATRIX[tying]:
        _merge(state, names, where)
    suppressed = [SPECIAL.bos, SPECIAL.pad] if never_pad else [SPECIAL.bos]
    source, target = _rows(order.source, where), _rows(order.target, where)
    rules = [*TRANSFORMER_LAYERS, Rule("output.bias", ("final_logits_bias",), _bias(target, suppressed))]
    if tying == "all":
        rules.append(Rule("source_embedding.weight", ("shared.weight",), target))
    else:
        rules.append(Rule("source_embedding.weight", ("encoder.embed_tokens.weight",), source))
        rules.append(Rule("target_embedding.weight", ("decoder.embed_tokens.weight",), target))
    if tying == "none":
        rules.append(Rule("output.weight", ("lm_head.weight",), target))
    return rename(state, rules, _POSITIONS, where, KIND)


_ONE_MATRIX: Mapping[Tying, Sequence[tuple[str, ...]]] = {
    "all": (("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"),),
    "target": (("decoder.embed_tokens.weight", "lm_head.weight"),),
    "none": (),
}
"""Names under which a file may repeat the same matrix."""


def _check(settings: Settings) -> None:
    for name in ("model_type", "is_encoder_decoder", "static_position_embeddings"):
        if settings.get(name) != (expected := DEFAULTS[name]):
            raise settings.unsupported(name, str(expected), settings.get(name))
    settings.refuse(REFUSED)


def _activation(settings: Settings) -> Activation:
    activation = settings.text("activation_function") or ""
    if activation not in ACTIVATIONS:
        raise settings.unsupported("activation_function", " or ".join(ACTIVATIONS), activation)
    return ACTIVATIONS[activation]


def _tying(settings: Settings) -> Tying:
    tied = settings.flag("tie_word_embeddings")
    if not settings.flag("share_encoder_decoder_embeddings"):
        return "target" if tied else "none"
    if not tied:
        expected = "true, as share_encoder_decoder_embeddings"
        raise settings.unsupported("tie_word_embeddings", expected, tied)
    return "all"


def _check_positions(state: Mapping[str, Tensor], where: str) -> None:
    """Checks the position tables that some files contain; here sinusoids are computed."""
    for name in _POSITIONS:
        if name in state:
            table = state[name]
            expected = published_sinusoids(*table.shape) if table.dim() == 2 else table.new_empty(0)
            if not (table.shape == expected.shape and torch.allclose(table, expected, atol=_POSITIONS_TOLERANCE)):
                raise UserError(where, "sinusoidal positions", f"others in model.{name}", "They are not supported.")


def _merge(state: dict[str, Tensor], names: Iterable[str], where: str) -> None:
    """Keeps a matrix that may occur under several names under the first one only."""
    first, *others = names
    found = [name for name in (first, *others) if name in state]
    for name in found[1:]:
        if not torch.equal(state[name], state[found[0]]):
            got = f"different matrices in {name} and {found[0]}"
            raise UserError(where, "tied matrices, as config.json says", got, "Such a model cannot be imported.")
    for name in found:
        state[first] = state.pop(name)


def _rows(order: Sequence[int], where: str) -> Callable[[Tensor], Tensor]:
    """A function that brings the rows of a table, one per token, into this order."""
    size = len(set(order))

    def take(table: Tensor) -> Tensor:
        if not table.dim() or len(table) != size:
            got = f"one of {len(table)}" if table.dim() else "one value"
            raise UserError(where, f"tables of {size} tokens, the size of the vocabulary", got)
        return table[torch.tensor(order)]

    return take


def _bias(target: Callable[[Tensor], Tensor], suppressed: Sequence[int]) -> Callable[[Tensor], Tensor]:
    def take(bias: Tensor) -> Tensor:
        bias = target(bias.flatten())
        bias[list(suppressed)] = SUPPRESSING_BIAS
        return bias

    return take
