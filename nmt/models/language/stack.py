"""The Transformer's stack of layers as a language model (Radford et al. 2018), with any causal mixer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from nmt.models.base import Decoder, DecoderOutput, State, StepOutput
from nmt.models.language.model import LanguageModel, LanguageModelOptions
from nmt.models.transformer_layers import CausalLayer
from nmt.nn.attention import check_heads
from nmt.nn.decoded import Decoded
from nmt.nn.dropout import Dropout
from nmt.nn.embedding import TokenEmbedding
from nmt.nn.feedforward import Activation, FeedForward
from nmt.nn.layers import Layers
from nmt.nn.mixers import Attention, CausalMixerConfig, LayerShape
from nmt.nn.norm import CausalNormConfig, LayerNorm, Norm, Unchanged
from nmt.nn.output import FullSoftmax, OutputConfig
from nmt.nn.past import Past
from nmt.nn.position import PositionKind, make_positions
from nmt.nn.residual import Residual
from nmt.options import DropoutRate, LayerCount, PositionCount, Width
from nmt.tokenizer.base import SPECIAL


@dataclass
class StackState(State):
    """The decoded prefix as the layers see it."""

    decoded: Decoded[Past]


class StackLM(Decoder[StackState]):
    """A stack of layers, each of a causal mixer and a feed-forward block."""

    class Config(LanguageModelOptions):
        """Language model of residual layers: a Transformer's decoder without a source (Radford et al. 2018)."""

        kind: Literal["stack_lm"] = "stack_lm"
        model_dim: Width = 512
        """Width of the embedding and of every layer."""
        feedforward_dim: Width = 2048
        """Inner width of the feed-forward blocks."""
        heads: Width = 8
        """Attention heads; model_dim must be a multiple."""
        layers: LayerCount = 6
        """Residual layers."""
        mixer: CausalMixerConfig = Attention.Config()
        """The block that lets a position see earlier ones; `alternating` has several, one layer each."""
        norm: Literal["pre", "post"] = "pre"
        """Normalisation before each block (stable when deep) or after its residual sum."""
        block_norm: CausalNormConfig = LayerNorm.Config()
        """The kind of normalisation."""
        dropout: DropoutRate = 0.1
        """Probability of zeroing an element of the embedding and of each block's output."""
        attention_dropout: DropoutRate = 0.0
        """Dropout rate of attention weights."""
        activation_dropout: DropoutRate = 0.0
        """Dropout rate of the inner activations of the feed-forward blocks."""
        activation: Activation = "gelu"
        """Non-linearity of the feed-forward blocks."""
        positions: PositionKind = "sinusoidal"
        """Position encoding, as in a Transformer: fixed sinusoids for any length, or a learned table."""
        learned_positions: PositionCount = 1024
        """Rows of the learned table; has an effect only with `positions: learned`."""
        tied_embeddings: bool = True
        """Use the embedding as the output layer's matrix (Press & Wolf 2017)."""
        output: OutputConfig = FullSoftmax()
        """The output layer: one matrix and a softmax over the whole vocabulary, or an adaptive softmax, which trains
        faster if the vocabulary is large; needs `tied_embeddings: false`."""

        @model_validator(mode="after")
        def _check(self) -> Self:
            check_heads(self.model_dim, self.heads)
            self.output.check_untied(self.tied_embeddings, "tied_embeddings: false")
            return self

        def build(
            self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad
        ) -> LanguageModel[StackState]:
            """A model with fresh weights, drawn from torch's default generator; the source vocabulary is unused."""
            return LanguageModel(StackLM(self, target_vocabulary, pad))

    def __init__(self, config: Config, vocabulary: int, pad: int) -> None:
        super().__init__()
        dim = config.model_dim
        self.embedding = TokenEmbedding(vocabulary, dim, pad, std=dim**-0.5, scale=math.sqrt(dim))
        self.positions = make_positions(config.positions, dim, config.learned_positions)
        self.dropout = Dropout(config.dropout)
        self.layers = Layers(_layer(config, layer) for layer in range(config.layers))
        self.norm: Norm = config.block_norm.build(dim) if config.norm == "pre" else Unchanged()
        self.softmax = config.output
        self.output = config.output.build(dim, vocabulary, lambda: _full_output(config, vocabulary, self.embedding))

    def decode(self, target_input: Tensor, target_mask: Tensor) -> DecoderOutput:
        length = target_input.shape[1]
        self.positions.reserve(length)
        position = self.positions(torch.arange(length, device=target_input.device))
        x = self.dropout(self.embedding(target_input) + position)
        for layer in self.layers:
            x = layer(x, target_mask)
        return DecoderOutput(self.softmax.predict(self.output, self.norm(x, target_mask)))

    def init_state(self, sentences: int, beam_size: int, max_length: int) -> StackState:
        like = next(self.parameters())
        pasts = [layer.mixer.begin(sentences, beam_size, like) for layer in self.layers]
        return StackState(Decoded.nothing(pasts, like, sentences, beam_size))

    def step(self, tokens: Tensor, state: StackState) -> StepOutput[StackState]:
        decoded = state.decoded
        slot = decoded.next_slot()
        x = self.embedding(tokens) + self.positions.at(decoded.length)  # [B, K, D]
        pasts = []
        for layer, past in zip(self.layers, decoded.layers, strict=True):
            x, past = layer.step(x, past, slot)
            pasts.append(past)
        state = StackState(decoded.advanced(slot, pasts))
        return StepOutput(self.output(self.norm(x)), None, state, self.softmax.normalized)


def _full_output(config: StackLM.Config, vocabulary: int, embedding: TokenEmbedding) -> nn.Linear:
    output = nn.Linear(config.model_dim, vocabulary, bias=False)
    if config.tied_embeddings:
        output.weight = embedding.weight
    else:
        nn.init.normal_(output.weight, std=config.model_dim**-0.5)
    return output


def _layer(config: StackLM.Config, layer: int) -> CausalLayer:
    dim = config.model_dim
    return CausalLayer(
        config.mixer.kind_of(layer),
        config.mixer.build_causal(LayerShape(dim, config.heads, config.attention_dropout, layer)),
        FeedForward(dim, config.feedforward_dim, config.activation, config.activation_dropout),
        lambda: Residual(config.block_norm.build(dim), config.dropout, pre=config.norm == "pre"),
    )
