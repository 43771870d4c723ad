"""The models that the contract suite runs over: a new one joins with one line."""

from __future__ import annotations

from nmt.models import ModelConfig
from nmt.models.transformer import Transformer

_SMALL = {"model_dim": 16, "feedforward_dim": 24, "heads": 2, "encoder_layers": 2, "decoder_layers": 2}

MODELS: dict[str, ModelConfig] = {
    "transformer": Transformer.Config(**_SMALL),
    "transformer-pre-norm": Transformer.Config(**_SMALL, norm="pre", activation="gelu"),
    "transformer-learned": Transformer.Config(**_SMALL, positions="learned", tied_embeddings="none"),
    "transformer-target-tied": Transformer.Config(
        **_SMALL, tied_embeddings="target", attention_dropout=0.2, activation_dropout=0.1
    ),
}
