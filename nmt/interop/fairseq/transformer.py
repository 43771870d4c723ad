"""The options of fairseq's `transformer` as those of our Transformer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nmt.interop.settings import Settings
from nmt.interop.transformer_sizes import transformer_sizes
from nmt.models.transformer import Transformer
from nmt.options import LONGEST

DEFAULTS: Mapping[str, Any] = {
    "encoder_embed_dim": 512,
    "encoder_ffn_embed_dim": 2048,
    "encoder_layers": 6,
    "encoder_attention_heads": 8,
    "decoder_layers": 6,
    "decoder_attention_heads": 8,
    "dropout": 0.1,
    "activation_fn": "relu",
    "max_source_positions": 1024,
    "max_target_positions": 1024,
}

REFUSED = (
    "adaptive_input",
    "adaptive_softmax_cutoff",
    "alignment_heads",
    "base_layers",
    "char_inputs",
    "cross_self_attention",
    "decoder_layers_to_keep",
    "decoder_xformers_att_config",
    "encoder_layers_to_keep",
    "encoder_xformers_att_config",
    "merge_src_tgt_embed",
    "no_cross_attention",
    "no_decoder_final_norm",
    "no_token_positional_embeddings",
    "quant_noise_pq",
    "quant_noise_scalar",
    "scale_attn",
    "scale_fc",
    "scale_heads",
    "scale_resids",
)
"""Settings that change a transformer's arithmetic; those for training only, such as layerdrop, are not included."""

_SAME_ON_BOTH_SIDES = ("normalize_before", "learned_pos")
_ACTIVATIONS = ("relu", "gelu")
"""Activations that both sides have. (fairseq's own "swish" fails.)"""


def transformer_config(settings: Settings) -> Transformer.Config:
    """The model's options.

    Raises:
        UserError: a setting changes the model's arithmetic and we have no option for it; it is named.
    """
    _check(settings)
    size, probability = settings.size, settings.probability
    with settings.fitting():
        return Transformer.Config(
            **transformer_sizes(settings, "encoder_embed_dim", "ffn_embed_dim"),
            activation_dropout=probability("activation_dropout") or probability("relu_dropout"),
            activation=settings.get("activation_fn"),
            norm="pre" if settings.get("encoder_normalize_before") else "post",
            positions="learned" if settings.get("encoder_learned_pos") else "sinusoidal",
            learned_positions=max(size("max_source_positions", LONGEST), size("max_target_positions", LONGEST)),
            scaled_embeddings=not settings.get("no_scale_embedding"),
            normalized_embeddings=bool(settings.get("layernorm_embedding")),
            tied_embeddings="none",
            output_bias=False,
        )


def shares_output(settings: Settings) -> bool:
    """Whether the output layer is the target embedding."""
    return bool(settings.get("share_all_embeddings") or settings.get("share_decoder_input_output_embed"))


def _check(settings: Settings) -> None:
    settings.refuse(REFUSED)
    for name in _SAME_ON_BOTH_SIDES:
        encoder, decoder = bool(settings.get(f"encoder_{name}")), bool(settings.get(f"decoder_{name}"))
        if encoder != decoder:
            raise settings.unsupported(f"decoder_{name}", f"{encoder}, as encoder_{name}", decoder)
    width = settings.size("encoder_embed_dim")
    for name in ("decoder_embed_dim", "decoder_input_dim", "decoder_output_dim"):
        if (value := settings.get(name)) not in (None, width):
            raise settings.unsupported(name, f"{width}, as encoder_embed_dim", value)
    activation = settings.get("activation_fn")
    if activation not in _ACTIVATIONS:
        raise settings.unsupported("activation_fn", " or ".join(_ACTIVATIONS), activation)
