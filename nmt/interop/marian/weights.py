"""Weights and options of MarianMT models of Hugging Face's transformers as ours. Nothing here imports transformers.

Their decoder starts from the padding token, ours from BOS: our BOS row of the target embedding is their row of padding.
In the output layer BOS is a token that they do not have: its bias shuts it out, so that every other token keeps its
probability. Padding they have there: its logit takes part in their softmax, though it is never chosen, and so it does
in ours. Only with `renormalize_logits` is it shut out before the probabilities are made, and here by its bias too.
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
"""Those of transformers, for what a config.json leaves out."""

REFUSED = (
    "add_final_layer_norm",
    "force_bos_token_to_be_generated",
    "is_decoder",
    "normalize_before",
    "normalize_embedding",
    "quantization_config",
    "tie_encoder_decoder",
)
"""What would change the arithmetic. (Not among it: `add_bias_logits`, since their code adds the bias in any case, and
what acts in training only, as layerdrop does.)"""

ACTIVATIONS: Mapping[str, Activation] = {"relu": "relu", "gelu": "gelu", "swish": "swish", "silu": "swish"}

SHUT_OUT = -1e4
"""A bias after which a token's probability is exactly 0 in float32, and which any precision can hold."""

_POSITIONS = ("encoder.embed_positions.weight", "decoder.embed_positions.weight")
_POSITIONS_TOLERANCE = 1e-3  # half precision rounds a sine by up to 0.0005


@dataclass(frozen=True)
class TokenOrder:
    """Which of their ids stands at each of ours."""

    source: Sequence[int]
    target: Sequence[int]


def our_order(size: int, pad: int, unk: int, start: int, eos: int) -> list[int]:
    """Their ids in our order: the special ones where ours are, then the others as they come.

    Args:
        size: of their vocabulary.
        pad: their padding.
        unk: their unknown token.
        start: what their decoder starts from; it becomes BOS, and if it is a token of its own keeps its place too.
        eos: their end of sentence.
    """
    return [pad, unk, start, eos, *(token for token in range(size) if token not in (pad, unk, eos))]


def transformer_config(settings: Settings) -> Transformer.Config:
    """The model's options.

    Raises:
        UserError: a setting changes what is computed and ours has no option for it; it is named.
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
        state: what their file holds.
        tying: of our model.
        order: of both vocabularies.
        where: the file, for errors.
        never_pad: padding has no probability at all.

    Raises:
        UserError: there are other weights than those of a MarianMT model; all of them are named.
    """
    state = {
        name.removeprefix("model."): weight.float() if weight.is_floating_point() else weight
        for name, weight in state.items()
    }
    state.setdefault("final_logits_bias", torch.zeros(1, len(set(order.target))))
    _check_positions(state, where)
    for names in _ONE_MATRIX[tying]:
        _merge(state, names, where)
    shut_out = [SPECIAL.bos, SPECIAL.pad] if never_pad else [SPECIAL.bos]
    source, target = _rows(order.source, where), _rows(order.target, where)
    rules = [*TRANSFORMER_LAYERS, Rule("output.bias", ("final_logits_bias",), _bias(target, shut_out))]
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
"""Names that a file may repeat the same matrix under."""


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
    """Some files hold the sinusoids, which are computed here."""
    for name in _POSITIONS:
        if name in state:
            table = state[name]
            expected = published_sinusoids(*table.shape) if table.dim() == 2 else table.new_empty(0)
            if not (table.shape == expected.shape and torch.allclose(table, expected, atol=_POSITIONS_TOLERANCE)):
                raise UserError(where, "sinusoidal positions", f"others in model.{name}", "They are not supported.")


def _merge(state: dict[str, Tensor], names: Iterable[str], where: str) -> None:
    """One matrix that may be there under several names stays under the first."""
    first, *others = names
    found = [name for name in (first, *others) if name in state]
    for name in found[1:]:
        if not torch.equal(state[name], state[found[0]]):
            got = f"another matrix in {name} than in {found[0]}"
            raise UserError(where, "tied matrices, as config.json says", got, "Such a model cannot be imported.")
    for name in found:
        state[first] = state.pop(name)


def _rows(order: Sequence[int], where: str) -> Callable[[Tensor], Tensor]:
    """Takes the rows of a table with one per token."""
    size = len(set(order))

    def take(table: Tensor) -> Tensor:
        if not table.dim() or len(table) != size:
            got = f"one of {len(table)}" if table.dim() else "one value"
            raise UserError(where, f"tables of {size} tokens, as the vocabulary", got)
        return table[torch.tensor(order)]

    return take


def _bias(target: Callable[[Tensor], Tensor], shut_out: Sequence[int]) -> Callable[[Tensor], Tensor]:
    def take(bias: Tensor) -> Tensor:
        bias = target(bias.flatten())
        bias[list(shut_out)] = SHUT_OUT
        return bias

    return take
