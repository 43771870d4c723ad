"""Translation models and language models; to add a model, add its file and one line here."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from nmt.models.convs2s import ConvS2S
from nmt.models.deq import DEQ
from nmt.models.gnmt import GNMT
from nmt.models.language.decoder_only import DecoderOnly
from nmt.models.language.gated_convolution import GatedConvolutionalLM
from nmt.models.language.memory_network import MemoryNetworkLM
from nmt.models.language.recurrent import RecurrentLM
from nmt.models.language.stack import StackLM
from nmt.models.luong import Luong
from nmt.models.memory_network import MemoryNetwork
from nmt.models.pooled_classifier import PooledClassifier
from nmt.models.transformer import Transformer

ModelConfig = Annotated[
    Transformer.Config
    | GNMT.Config
    | ConvS2S.Config
    | Luong.Config
    | DEQ.Config
    | DecoderOnly.Config
    | MemoryNetwork.Config
    | PooledClassifier.Config
    | RecurrentLM.Config
    | StackLM.Config
    | GatedConvolutionalLM.Config
    | MemoryNetworkLM.Config,
    Field(discriminator="kind"),
]

LANGUAGE_MODELS: tuple[str, ...] = tuple(
    config.model_fields["kind"].default
    for config in get_args(get_args(ModelConfig)[0])
    if config.task == "language_model"
)
"""Kinds of the language models among them."""
