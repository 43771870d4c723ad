"""The model of a fairseq checkpoint as one of ours; settings that we do not support are refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nmt.errors import UserError
from nmt.interop.fairseq.checkpoint import FairseqCheckpoint
from nmt.interop.fairseq.convolutions import DEFAULTS as CONVOLUTIONAL_DEFAULTS
from nmt.interop.fairseq.convolutions import convs2s_config
from nmt.interop.fairseq.lstm import DEFAULTS as RECURRENT_DEFAULTS
from nmt.interop.fairseq.lstm import lstm_weights, luong_config
from nmt.interop.fairseq.transformer import DEFAULTS as TRANSFORMER_DEFAULTS
from nmt.interop.fairseq.transformer import shares_output, transformer_config
from nmt.interop.fairseq.versions import upgraded
from nmt.interop.fairseq.weights import convs2s_weights, transformer_weights
from nmt.interop.renaming import copied
from nmt.interop.settings import Settings
from nmt.models import ModelConfig
from nmt.models.base import EncoderDecoder
from nmt.models.empty import empty_model
from nmt.models.weights import put_weights

TRANSFORMERS = (
    "transformer",
    "transformer_tiny",
    "transformer_iwslt_de_en",
    "transformer_wmt_en_de",
    "transformer_vaswani_wmt_en_de_big",
    "transformer_vaswani_wmt_en_fr_big",
    "transformer_wmt_en_de_big",
    "transformer_wmt_en_de_big_t2t",
)
CONVOLUTIONAL = ("fconv", "fconv_iwslt_de_en", "fconv_wmt_en_ro", "fconv_wmt_en_de", "fconv_wmt_en_fr")
RECURRENT = ("lstm", "lstm_wiseman_iwslt_de_en", "lstm_luong_wmt_en_de")

_POSITIONS = ("source_positions.weight", "target_positions.weight")


def build_model(
    checkpoint: FairseqCheckpoint, source_vocabulary: int, target_vocabulary: int
) -> tuple[ModelConfig, EncoderDecoder[Any, Any]]:
    """The model with the checkpoint's weights, and its options.

    Args:
        checkpoint: the checkpoint.
        source_vocabulary: size of the source dictionary, special tokens included.
        target_vocabulary: size of the target dictionary.

    Raises:
        UserError: the architecture, the task or a setting is not supported; a weight is unexpected, missing or of the
            wrong shape; the size of a dictionary differs from that of its embedding.
    """
    where = str(checkpoint.path)
    if (task := checkpoint.task.get("task")) not in (None, "translation"):
        fix = "Models of this task read or write more than the sentence (language tokens, other data)."
        raise UserError(f"{where}: task", "translation", str(task), fix)
    _check_vocabulary(checkpoint, "encoder", source_vocabulary)
    _check_vocabulary(checkpoint, "decoder", target_vocabulary)
    try:
        config, weights = _converted(checkpoint, where)
        model = empty_model(config, source_vocabulary, target_vocabulary)
        put_weights(model, copied(_filled_up(weights)), where)
    # settings of the wrong type, tensors with the wrong axes
    except (ValueError, TypeError, RuntimeError, IndexError) as error:
        got = (str(error) or "others").splitlines()[0]
        raise UserError(where, "settings and weights that fit one fairseq model", got) from error
    return config, model.eval()


def _converted(checkpoint: FairseqCheckpoint, where: str) -> tuple[ModelConfig, dict[str, Tensor]]:
    name = checkpoint.architecture
    if name in TRANSFORMERS:
        settings = Settings(checkpoint.model, TRANSFORMER_DEFAULTS, where)
        config = transformer_config(settings)
        if config.norm == "pre" and "decoder.layer_norm.weight" not in checkpoint.state:
            raise settings.unsupported(
                "encoder_normalize_before",
                "a normalisation after the last layer too",
                "none, as in fairseq versions of 2018",
            )
        return config, transformer_weights(upgraded(checkpoint.state, shares_output=shares_output(settings)), where)
    if name in CONVOLUTIONAL:
        settings = Settings(checkpoint.model, CONVOLUTIONAL_DEFAULTS, where)
        return convs2s_config(settings), convs2s_weights(upgraded(checkpoint.state), where)
    if name in RECURRENT:
        settings = Settings(checkpoint.model, RECURRENT_DEFAULTS, where)
        return luong_config(settings), lstm_weights(upgraded(checkpoint.state), where)
    known = ", ".join((*TRANSFORMERS, *CONVOLUTIONAL, *RECURRENT))
    fix = "If it is one of these under another name (--user-dir), give --architecture transformer, fconv or lstm."
    raise UserError(f"{where}: arch", f"one of {known}", name, fix)


def _check_vocabulary(checkpoint: FairseqCheckpoint, side: str, size: int) -> None:
    embedding = checkpoint.state.get(f"{side}.embed_tokens.weight")
    if embedding is None or embedding.dim() != 2 or len(embedding) == size:
        return  # missing or odd ones are reported with the other weights
    language = "source" if side == "encoder" else "target"
    raise UserError(
        str(checkpoint.path),
        f"an embedding for the {size} entries of the {language} dictionary",
        f"one for {len(embedding)} ({side}.embed_tokens.weight)",
        "Give the dict.*.txt files that the model was trained with; the numbers include the four special tokens.",
    )


def _filled_up(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gives the learned position tables of both sides the same length; in fairseq it may differ.

    The last vector is repeated, since our models use it beyond the end of their table.
    """
    filled = dict(weights)
    rows = max((len(weights[name]) for name in _POSITIONS if name in weights), default=0)
    for name in _POSITIONS:
        if name in weights and len(weights[name]) < rows:
            table = weights[name]
            filled[name] = torch.cat([table, table[-1:].expand(rows - len(table), -1)])
    return filled
