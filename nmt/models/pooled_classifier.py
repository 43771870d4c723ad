"""Classification of whole texts: a stack of layers, the mean over the positions, and one linear layer.

As Cheng et al. (2022) read out their circular convolutions; any mixer can take their place. As the layer is linear, the
mean of the vectors has the mean of the logits that each position would have: all positions vote.

A label is a translation of one token. What comes after it, the end, depends on the tokens of the answer alone and not
on the text, so learning it does not disturb the stack. Longer answers can be written too, but of their tokens only the
first knows the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from nmt.models.base import DecoderOutput, EncoderDecoder, Memory, ModelOptions, State, StepOutput
from nmt.models.transformer_layers import EncoderLayer, ReaderLayer
from nmt.models.tying import Tying
from nmt.nn.attention import check_heads
from nmt.nn.dropout import Dropout
from nmt.nn.embedding import TokenEmbedding
from nmt.nn.feedforward import Activation, FeedForward
from nmt.nn.layers import Layers
from nmt.nn.mixers import CircularConvolution, LayerShape, Mixer, MixerConfig
from nmt.nn.norm import LayerNorm, Norm, NormConfig, Unchanged
from nmt.nn.output import FullSoftmax, OutputConfig
from nmt.nn.position import LearnedPositions, PositionKind, make_positions, positions
from nmt.nn.residual import Residual
from nmt.options import DropoutRate, InheritedWidth, LayerCount, PositionCount, Width
from nmt.tokenizer.base import SPECIAL

_NUMBERED = 4
"""Tokens of an answer, from the second on, with a vector of their own; later ones share the last."""


@dataclass
class PooledMemory(Memory):
    """The whole text as one vector."""

    mean: Tensor
    """[B, D]"""
    shares: Tensor
    """[B, S], what each position has contributed to the mean; rows sum to 1."""


@dataclass
class LabelState(State):
    """Nothing but the length: the end depends on the label before it."""

    length: int = 0
    """Tokens given so far."""


class PooledClassifier(EncoderDecoder[PooledMemory, LabelState]):
    """A stack of layers whose mean over the positions predicts a label."""

    class Config(ModelOptions):
        """Classifier of whole texts: layers of any mixer, then their mean; by default CDIL-CNN (Cheng et al. 2022)."""

        kind: Literal["pooled_classifier"] = "pooled_classifier"
        model_dim: Width = 64
        """Width of the embedding and of every layer."""
        layers: LayerCount = 9
        """Layers. With circular convolutions of kernel 3, L layers see texts of up to 2^(L+1) - 1 tokens as a whole."""
        encoder_mixer: MixerConfig = CircularConvolution.Config()
        """The block that lets the positions of a text see each other; `alternating` has several, one layer each."""
        feedforward_dim: InheritedWidth = 0
        """Inner width of the feed-forward blocks; 0: a layer has none, as published."""
        heads: Width = 4
        """Attention heads; model_dim must be a multiple. Mixers without heads ignore them."""
        norm: Literal["none", "pre", "post"] = "none"
        """No normalisation (as published), or before each block, or after its residual sum."""
        encoder_norm: NormConfig = LayerNorm.Config()
        """The norm of the layers; has an effect only with `norm: pre` or `post`."""
        positions: PositionKind | None = None
        """Position encoding, as in a Transformer; null: none (as published), so a circular convolution does not know
        where a text begins, and attention knows no order at all."""
        learned_positions: PositionCount = 1024
        """Rows of the learned table; has an effect only with `positions: learned`."""
        dropout: DropoutRate = 0.0
        """Probability of zeroing an element of the embedding and of each block's output."""
        attention_dropout: DropoutRate = 0.0
        """Dropout rate of attention weights."""
        activation_dropout: DropoutRate = 0.0
        """Dropout rate of the inner activations of the feed-forward blocks."""
        activation: Activation = "relu"
        """Non-linearity of the feed-forward blocks."""
        output: OutputConfig = FullSoftmax()
        """The output layer: one matrix and a softmax over all labels, or an adaptive softmax for very many."""

        @model_validator(mode="after")
        def _check(self) -> Self:
            check_heads(self.model_dim, self.heads)
            return self

        @property
        def tied_embeddings(self) -> Tying:
            """Texts and labels share nothing."""
            return "none"

        def build(self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad) -> PooledClassifier:
            """A model with fresh weights, drawn from torch's default generator."""
            return PooledClassifier(self, source_vocabulary, target_vocabulary, pad)

    def __init__(self, config: Config, source_vocabulary: int, target_vocabulary: int, pad: int) -> None:
        super().__init__()
        dim = config.model_dim
        self.source_embedding = TokenEmbedding(source_vocabulary, dim, pad, std=1.0)
        kind = config.positions
        self.positions = make_positions(kind, dim, config.learned_positions) if kind else None
        self.dropout = Dropout(config.dropout)
        self.layers: Layers[ReaderLayer[Mixer]] = Layers(_layer(config, layer) for layer in range(config.layers))
        self.norm = config.encoder_norm.build(dim) if config.norm == "pre" else Unchanged()
        self.label_embedding = TokenEmbedding(target_vocabulary, dim, pad, std=1.0)
        self.label_positions = LearnedPositions(dim, _NUMBERED, std=1.0)
        self.softmax = config.output
        self.output = config.output.build(dim, target_vocabulary, lambda: nn.Linear(dim, target_vocabulary), bias=True)

    def encode(self, source: Tensor, source_mask: Tensor) -> PooledMemory:
        words = _words(source, source_mask)
        count = words.sum(1, keepdim=True)
        return PooledMemory(source_mask, mean=self.read(source, words).sum(1) / count, shares=words / count)

    def read(self, source: Tensor, words: Tensor) -> Tensor:
        """The vectors of all positions, [B, S, D], 0 where there is no word.

        Args:
            source: [B, S] int64 token ids.
            words: [B, S] bool, True on the tokens to read, which are adjacent.
        """
        x = self.source_embedding(source)
        if self.positions is not None:
            self.positions.reserve(source.shape[1])
            x = x + self.positions(positions(words))
        x = self.dropout(x)
        for layer in self.layers:
            x = layer(x, words)
        normed: Tensor = self.norm(x, words)
        return normed.masked_fill(~words[:, :, None], 0.0)

    def decode(
        self, target_input: Tensor, target_mask: Tensor, memory: PooledMemory, *, need_attention: bool = False
    ) -> DecoderOutput:
        steps = torch.arange(target_input.shape[1], device=target_input.device)
        vectors = self._vectors(target_input, steps, memory)
        return DecoderOutput(self.softmax.predict(self.output, vectors), _attention(memory, vectors, need_attention))

    def init_state(self, memory: PooledMemory, beam_size: int, max_length: int) -> LabelState:
        return LabelState()

    def step(
        self, tokens: Tensor, memory: PooledMemory, state: LabelState, *, need_attention: bool = False
    ) -> StepOutput[LabelState]:
        vectors = self._vectors(tokens, torch.tensor(state.length, device=tokens.device), memory)
        attention = _attention(memory, vectors, need_attention)
        return StepOutput(self.output(vectors), attention, LabelState(state.length + 1), self.softmax.normalized)

    def _vectors(self, tokens: Tensor, steps: Tensor, memory: PooledMemory) -> Tensor:
        """The output layer's input, [B, L, D]: at step 0 the mean over the text, later the token before.

        Args:
            tokens: [B, L] int64, the token before each.
            steps: [L] or [] int64, numbers of the steps, from 0.
            memory: memory of the B sentences.
        """
        later = self.label_embedding(tokens) + self.label_positions((steps - 1).clamp_min(0))
        return torch.where((steps == 0).unsqueeze(-1), memory.mean[:, None].to(later.dtype), later)


def _words(source: Tensor, mask: Tensor) -> Tensor:
    """The tokens to read, [B, S] bool: all but the end, which would mark a place on the ring of a rotated text.

    Of an empty text it is the end that is read.
    """
    words = mask & (source != SPECIAL.eos)
    return words | (mask & ~words.any(1, keepdim=True))


def _attention(memory: PooledMemory, vectors: Tensor, need_attention: bool) -> Tensor | None:
    """[B, L, S], the same for each of the L tokens of the vectors [B, L, D]; None unless requested."""
    return memory.shares[:, None].expand(-1, vectors.shape[1], -1) if need_attention else None


def _layer(config: PooledClassifier.Config, layer: int) -> ReaderLayer[Mixer]:
    dim, kind = config.model_dim, config.encoder_mixer.kind_of(layer)
    mixer = config.encoder_mixer.build(LayerShape(dim, config.heads, config.attention_dropout, layer))
    if not config.feedforward_dim:
        return ReaderLayer(kind, mixer, _residual(config))
    feedforward = FeedForward(dim, config.feedforward_dim, config.activation, config.activation_dropout)
    return EncoderLayer(kind, mixer, feedforward, lambda: _residual(config))


def _residual(config: PooledClassifier.Config) -> Residual:
    norm: Norm = Unchanged() if config.norm == "none" else config.encoder_norm.build(config.model_dim)
    return Residual(norm, config.dropout, pre=config.norm != "post")
