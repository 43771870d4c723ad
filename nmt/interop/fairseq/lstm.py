"""fairseq's `lstm` architecture as our Luong model: its weights by name, and its options. Nothing here imports fairseq.

The notes on start tokens and tied matrices in nmt/interop/fairseq/weights.py apply here too: an imported model has
separate matrices (`tied_embeddings: none`), and no `output_bias` if fairseq's output layer is the target embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nmt.interop.fairseq.weights import reordered, started_from_eos
from nmt.interop.renaming import Rule, rename
from nmt.interop.settings import Settings
from nmt.models.luong import Luong
from nmt.nn.cells import LSTM
from nmt.options import MOST_LAYERS

DEFAULTS: Mapping[str, Any] = {
    "dropout": 0.1,
    "encoder_embed_dim": 512,
    "encoder_layers": 1,
    "encoder_bidirectional": False,
    "decoder_embed_dim": 512,
    "decoder_layers": 1,
    "decoder_out_embed_dim": 512,
    "decoder_attention": "1",
    "share_decoder_input_output_embed": False,
    "share_all_embeddings": False,
}
"""fairseq's defaults for settings that shape a model. Without a hidden size, it is the embedding's width."""


def lstm_weights(state: Mapping[str, Tensor], where: str = "fairseq model") -> dict[str, Tensor]:
    """The weights of an `lstm` for `nmt.models.luong.Luong` with the options that `luong_config` gives.

    Args:
        state: the entry `model` of a fairseq checkpoint.
        where: the file that it comes from, for errors.

    Returns:
        Weights for `nmt.models.weights.load_weights`; unchanged ones share memory with the state.

    Raises:
        UserError: the weights are not those of an `lstm` with attention; all that do not fit are named.
    """
    backward = BACKWARD if any(name.endswith("_reverse") for name in state) else ()
    output = OUTPUT if "decoder.fc_out.weight" in state else TIED_OUTPUT
    return rename(state, LSTM_MODEL + backward + output, (), where, "a fairseq lstm model")


def luong_config(settings: Settings) -> Luong.Config:
    """The model's options.

    Raises:
        UserError: a setting changes the model's arithmetic and we have no option for it; it is named.
    """
    _refuse(settings)
    return Luong.Config(
        layers=settings.size("encoder_layers", MOST_LAYERS),
        source_embedding_dim=settings.size("encoder_embed_dim"),
        target_embedding_dim=settings.size("decoder_embed_dim"),
        encoder_dim=_hidden_size(settings, "encoder"),
        decoder_dim=_hidden_size(settings, "decoder"),
        output_dim=settings.size("decoder_out_embed_dim"),
        bidirectional=bool(settings.get("encoder_bidirectional")),
        cell=LSTM.Config(forget_bias=0.0),
        dropout=settings.probability("dropout"),
        source_embedding_dropout=_dropout(settings, "encoder_dropout_in"),
        encoder_dropout=_dropout(settings, "encoder_dropout_out"),
        target_embedding_dropout=_dropout(settings, "decoder_dropout_in"),
        decoder_dropout=_dropout(settings, "decoder_dropout_out"),
        tied_embeddings="none",
        output_bias=not (settings.get("share_decoder_input_output_embed") or settings.get("share_all_embeddings")),
    )


def _hidden_size(settings: Settings, side: str) -> int:
    name = f"{side}_hidden_size"
    return settings.size(name if settings.get(name) is not None else f"{side}_embed_dim")


def _dropout(settings: Settings, name: str) -> float | None:
    """A dropout rate that overrides `dropout`, or None if it is the same."""
    own = settings.get(name) is not None and settings.probability(name) != settings.probability("dropout")
    return settings.probability(name) if own else None


def _refuse(settings: Settings) -> None:
    """Raises UserError for settings that the Luong model has no option for."""
    if (attention := str(settings.get("decoder_attention"))).strip().lower() not in ("1", "true"):
        raise settings.unsupported("decoder_attention", "attention, True", attention)
    if (criterion := settings.get("criterion")) == "adaptive_loss":
        raise settings.unsupported("criterion", "an output layer without adaptive softmax", criterion)
    layers = settings.size("encoder_layers", MOST_LAYERS)
    if (others := settings.size("decoder_layers", MOST_LAYERS)) != layers:
        raise settings.unsupported("decoder_layers", f"{layers}, as encoder_layers", others)


def _sum_of_two(biases: Tensor) -> Tensor:
    summed: Tensor = biases.view(2, -1).sum(dim=0)  # torch's LSTM has a bias for the input and one for the recurrence
    return summed


def _token_part(weight: Tensor) -> Tensor:
    return weight[:, : -(len(weight) // 4)]  # [4D, E + D]: the token's embedding, then the fed vector


def _fed_part(weight: Tensor) -> Tensor:
    return weight[:, -(len(weight) // 4) :]


def _context_part(weight: Tensor) -> Tensor:
    return weight[:, : -len(weight)]  # [D, source + D]: the context, then the query


def _query_part(weight: Tensor) -> Tensor:
    return weight[:, -len(weight) :]


def _cells(ours: str, theirs: str, ending: str) -> tuple[Rule, ...]:
    """The LSTM layers of one direction."""
    return (
        Rule(f"{ours}.{{}}.input.weight", (f"{theirs}weight_ih{ending}",)),
        Rule(f"{ours}.{{}}.input.bias", tuple(f"{theirs}bias_{x}h{ending}" for x in "ih"), _sum_of_two),
        Rule(f"{ours}.{{}}.recurrent.weight", (f"{theirs}weight_hh{ending}",)),
    )


def _linear(ours: str, theirs: str) -> tuple[Rule, ...]:
    return tuple(Rule(f"{ours}.{part}", (f"{theirs}.{part}",), optional=True) for part in ("weight", "bias"))


LSTM_MODEL = (
    Rule("source_embedding.weight", ("encoder.embed_tokens.weight",), reordered),
    Rule("target_embedding.weight", ("decoder.embed_tokens.weight",), started_from_eos),
    *_cells("encoder", "encoder.lstm.", "_l{}"),
    *_cells("decoder", "decoder.layers.{}.", ""),
    Rule("decoder.0.input.weight", ("decoder.layers.0.weight_ih",), _token_part),  # replaces the rule above
    Rule("feed.weight", ("decoder.layers.0.weight_ih",), _fed_part),
    *_linear("bridge.0", "decoder.encoder_hidden_proj"),
    *_linear("bridge.1", "decoder.encoder_cell_proj"),
    Rule("attention.key.weight", ("decoder.attention.input_proj.weight",), torch.t),
    Rule("attention.value.weight", ("decoder.attention.output_proj.weight",), _context_part),
    Rule("attention.query.weight", ("decoder.attention.output_proj.weight",), _query_part),
    *_linear("projection", "decoder.additional_fc"),
)

BACKWARD = _cells("encoder_backward", "encoder.lstm.", "_l{}_reverse")

OUTPUT = (
    Rule("output.weight", ("decoder.fc_out.weight",), reordered),
    Rule("output.bias", ("decoder.fc_out.bias",), reordered),
)

TIED_OUTPUT = (Rule("output.weight", ("decoder.embed_tokens.weight",), reordered),)
