"""The Transformer (Vaswani et al. 2017), with the arithmetic of fairseq's `transformer` family, whose weights fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from nmt.models.base import DecoderOutput, EncoderDecoder, Memory, ModelOptions, State, StepOutput
from nmt.models.transformer_layers import DecoderLayer, EncoderLayer
from nmt.models.tying import Tying, make_embeddings
from nmt.nn.attention import CrossAttention, check_heads
from nmt.nn.decoded import Decoded
from nmt.nn.dropout import Dropout
from nmt.nn.embedding import TokenEmbedding
from nmt.nn.feedforward import Activation, FeedForward
from nmt.nn.keys_values import KeysValues
from nmt.nn.layers import Layers
from nmt.nn.mixers import Attention, CausalMixerConfig, LayerShape, Mixer, MixerConfig
from nmt.nn.norm import CausalNormConfig, LayerNorm, Norm, NormConfig, Unchanged
from nmt.nn.output import FullSoftmax, OutputConfig
from nmt.nn.past import Past
from nmt.nn.position import PositionKind, make_positions, positions
from nmt.nn.residual import Residual
from nmt.options import DropoutRate, Effect, InheritedWidth, LayerCount, PositionCount, Width, fill_from_preset
from nmt.tokenizer.base import SPECIAL

Preset = Literal["tiny", "iwslt", "base", "big"]

PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "tiny": {
        "model_dim": 128,
        "feedforward_dim": 256,
        "heads": 4,
        "encoder_layers": 4,
        "decoder_layers": 4,
        "dropout": 0.3,
    },
    "iwslt": {"model_dim": 512, "feedforward_dim": 1024, "heads": 4, "dropout": 0.3},
    "base": {},
    "big": {"model_dim": 1024, "feedforward_dim": 4096, "heads": 16, "dropout": 0.3},
}
"""The options in which each preset differs from the defaults, which are those of `base`."""


@dataclass
class TransformerMemory(Memory):
    """The source as the decoder's layers see it."""

    layers: list[KeysValues]
    """Keys and values per decoder layer, projected once."""


@dataclass
class TransformerState(State):
    """The target so far as the decoder's layers see it."""

    decoded: Decoded[Past]


class Transformer(EncoderDecoder[TransformerMemory, TransformerState]):
    """Encoder and decoder of self-attention, cross-attention and feed-forward blocks."""

    class Config(ModelOptions):
        """Attention-based encoder-decoder (Vaswani et al. 2017)."""

        kind: Literal["transformer"] = "transformer"
        preset: Annotated[Preset, Effect.SHORTHAND] = "base"
        """Named sizes, which the options below override: tiny (4+4 layers, 128), iwslt (6+6, 512, feed-forward 1024),
        base (6+6, 512, feed-forward 2048), big (6+6, 1024, feed-forward 4096)."""
        model_dim: Width = 512
        """Width of the embeddings and of every layer."""
        feedforward_dim: Width = 2048
        """Inner width of the feed-forward blocks."""
        decoder_feedforward_dim: InheritedWidth = 0
        """Inner width in the decoder; 0 for feedforward_dim."""
        heads: Width = 8
        """Attention heads; model_dim must be a multiple."""
        decoder_heads: InheritedWidth = 0
        """Attention heads in the decoder; 0 for heads."""
        encoder_layers: LayerCount = 6
        """Encoder layers."""
        decoder_layers: LayerCount = 6
        """Decoder layers."""
        dropout: DropoutRate = 0.1
        """Probability of zeroing an element of the embeddings and of each block's output."""
        attention_dropout: DropoutRate = 0.0
        """Dropout rate of attention weights."""
        activation_dropout: DropoutRate = 0.0
        """Dropout rate of the inner activations of the feed-forward blocks."""
        activation: Activation = "relu"
        """Non-linearity of the feed-forward blocks."""
        norm: Literal["pre", "post"] = "post"
        """Normalisation before each block (stable when deep) or after its residual sum (as published)."""
        encoder_mixer: MixerConfig = Attention.Config()
        """The block that lets the positions of the source see each other; `alternating` has several, one layer each."""
        decoder_mixer: CausalMixerConfig = Attention.Config()
        """The block that lets a position of the target see earlier ones; `alternating` has several, one layer each."""
        encoder_norm: NormConfig = LayerNorm.Config()
        """The norm of the encoder's layers."""
        decoder_norm: CausalNormConfig = LayerNorm.Config()
        """The norm of the decoder's layers; not batch normalisation, whose statistics over whole sentences would leak
        the words to be predicted to the decoder."""
        positions: PositionKind = "sinusoidal"
        """Position encoding: fixed sinusoids for any length, or a learned table. `sinusoidal` has the frequencies of
        tensor2tensor and fairseq, 10000^(-i/(D/2-1)), which end at exactly 1/10000; `sinusoidal_published` those of the
        paper's formula and of Hugging Face's Marian, 10000^(-2i/D)."""
        learned_positions: PositionCount = 1024
        """Rows of the learned table; has an effect only with `positions: learned`."""
        scaled_embeddings: bool = True
        """Multiply embeddings by sqrt(model_dim), as published, before positions are added."""
        normalized_embeddings: bool = False
        """Apply layer normalisation to the sum of embedding and position (fairseq's `layernorm_embedding`)."""
        tied_embeddings: Tying = "all"
        """Share one matrix: all = source, target and output (needs a joint vocabulary), target = target and output."""
        output_bias: bool = False
        """Add a learned constant to each token's logit, as in Marian. In an adaptive softmax only the head has them."""
        output: OutputConfig = FullSoftmax()
        """The output layer: one matrix and a softmax over the whole vocabulary, or an adaptive softmax, which trains
        faster if the vocabulary is large; needs `tied_embeddings: none`."""

        @model_validator(mode="before")
        @classmethod
        def _fill_from_preset(cls, values: object) -> object:
            return fill_from_preset(values, PRESETS, "base")

        @model_validator(mode="after")
        def _check(self) -> Self:
            for name, heads in (("heads", self.heads), ("decoder_heads", self.decoder_heads)):
                if heads:
                    check_heads(self.model_dim, heads, name)
            self.output.check_untied(self.tied_embeddings != "none", "tied_embeddings: none")
            return self

        def build(self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad) -> Transformer:
            """A model with fresh weights, drawn from torch's default generator.

            Raises:
                ValueError: all embeddings are tied but the vocabularies differ in size.
            """
            return Transformer(self, source_vocabulary, target_vocabulary, pad)

    def __init__(self, config: Config, source_vocabulary: int, target_vocabulary: int, pad: int) -> None:
        super().__init__()
        dim = config.model_dim
        self.source_embedding, self.target_embedding = make_embeddings(
            config.tied_embeddings,
            source_vocabulary,
            target_vocabulary,
            lambda vocabulary: TokenEmbedding(
                vocabulary, dim, pad, std=dim**-0.5, scale=math.sqrt(dim) if config.scaled_embeddings else 1.0
            ),
        )
        self.source_positions, self.target_positions = (
            make_positions(config.positions, dim, config.learned_positions) for _ in range(2)
        )
        self.source_embedding_norm = _norm_if(config.normalized_embeddings, LayerNorm.Config(), dim)
        self.target_embedding_norm = _norm_if(config.normalized_embeddings, LayerNorm.Config(), dim)
        self.dropout = Dropout(config.dropout)
        self.encoder = Layers(_encoder_layer(config, layer) for layer in range(config.encoder_layers))
        self.decoder = Layers(_decoder_layer(config, layer) for layer in range(config.decoder_layers))
        self.encoder_norm = _norm_if(config.norm == "pre", config.encoder_norm, dim)
        self.decoder_norm = _norm_if(config.norm == "pre", config.decoder_norm, dim)
        self.softmax = config.output
        self.output = config.output.build(
            dim,
            target_vocabulary,
            lambda: _full_output(config, target_vocabulary, self.target_embedding),
            bias=config.output_bias,
        )

    def encode(self, source: Tensor, source_mask: Tensor) -> TransformerMemory:
        self.source_positions.reserve(source.shape[1])
        x = self.source_embedding(source) + self.source_positions(positions(source_mask))
        x = self.dropout(self.source_embedding_norm(x))
        for layer in self.encoder:
            x = layer(x, source_mask)
        x = self.encoder_norm(x, source_mask)
        return TransformerMemory(mask=source_mask, layers=[layer.project_memory(x) for layer in self.decoder])

    def decode(
        self, target_input: Tensor, target_mask: Tensor, memory: TransformerMemory, *, need_attention: bool = False
    ) -> DecoderOutput:
        # padding is on the right, so a causal mask alone keeps real tokens from seeing it
        length = target_input.shape[1]
        self.target_positions.reserve(length)
        position = self.target_positions(torch.arange(length, device=target_input.device))
        x = self.dropout(self.target_embedding_norm(self.target_embedding(target_input) + position))
        attention = None
        for layer, keys_values in zip(self.decoder, memory.layers, strict=True):
            x, attention = layer(x, target_mask, keys_values, memory.mask, need_attention=need_attention)
        return DecoderOutput(self.softmax.predict(self.output, self.decoder_norm(x, target_mask)), attention)

    def init_state(self, memory: TransformerMemory, beam_size: int, max_length: int) -> TransformerState:
        like, sentences = memory.layers[0].keys, memory.mask.shape[0]
        pasts = [layer.mixer.begin(sentences, beam_size, like) for layer in self.decoder]
        return TransformerState(Decoded.nothing(pasts, like, sentences, beam_size))

    def step(
        self, tokens: Tensor, memory: TransformerMemory, state: TransformerState, *, need_attention: bool = False
    ) -> StepOutput[TransformerState]:
        decoded = state.decoded
        slot = decoded.next_slot()
        x = self.target_embedding(tokens) + self.target_positions.at(decoded.length)  # [B, K, D]
        x = self.target_embedding_norm(x)
        attention, pasts = None, []
        for layer, past, keys_values in zip(self.decoder, decoded.layers, memory.layers, strict=True):
            x, attention, past = layer.step(x, past, slot, keys_values, memory.mask, need_attention=need_attention)
            pasts.append(past)
        logits, state = self.output(self.decoder_norm(x)), TransformerState(decoded.advanced(slot, pasts))
        return StepOutput(logits, attention, state, self.softmax.normalized)


def _encoder_layer(config: Transformer.Config, layer: int) -> EncoderLayer[Mixer]:
    shape = LayerShape(config.model_dim, config.heads, config.attention_dropout, layer)
    return EncoderLayer(
        config.encoder_mixer.kind_of(layer),
        config.encoder_mixer.build(shape),
        _feedforward(config, config.feedforward_dim),
        lambda: _residual(config, config.encoder_norm),
    )


def _decoder_layer(config: Transformer.Config, layer: int) -> DecoderLayer:
    dim, heads = config.model_dim, config.decoder_heads or config.heads
    return DecoderLayer(
        config.decoder_mixer.kind_of(layer),
        config.decoder_mixer.build_causal(LayerShape(dim, heads, config.attention_dropout, layer)),
        CrossAttention(dim, heads, config.attention_dropout),
        _feedforward(config, config.decoder_feedforward_dim or config.feedforward_dim),
        lambda: _residual(config, config.decoder_norm),
    )


def _full_output(config: Transformer.Config, vocabulary: int, embedding: TokenEmbedding) -> nn.Linear:
    output = nn.Linear(config.model_dim, vocabulary, bias=config.output_bias)
    if config.output_bias:
        nn.init.zeros_(output.bias)
    if config.tied_embeddings == "none":
        nn.init.normal_(output.weight, std=config.model_dim**-0.5)
    else:
        output.weight = embedding.weight
    return output


def _feedforward(config: Transformer.Config, inner_dim: int) -> FeedForward:
    return FeedForward(config.model_dim, inner_dim, config.activation, config.activation_dropout)


def _residual(config: Transformer.Config, norm: NormConfig) -> Residual:
    return Residual(norm.build(config.model_dim), config.dropout, pre=config.norm == "pre")


def _norm_if(wanted: bool, norm: NormConfig, dim: int) -> Norm:
    return norm.build(dim) if wanted else Unchanged()
