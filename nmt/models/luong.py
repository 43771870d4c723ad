"""Luong's attentional LSTMs (Luong et al. 2015, arXiv 1508.04025), with the arithmetic of fairseq's `lstm`.

Each decoder layer starts from the final state of the encoder layer at the same height. The decoder's highest layer
provides the query of the attention, which reads the source once, or in several hops. The attentional vector is the
output layer's input and, at the next step, an input of the lowest layer (input feeding). So all layers go step by step,
even in training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmt.models.base import DecoderOutput, EncoderDecoder, Memory, ModelOptions, State, StepOutput
from nmt.models.tying import Tying, make_embeddings
from nmt.nn.cells import LSTM, AnyCell, CausalCellConfig, CellConfig, CellState
from nmt.nn.dot_attention import DotAttention
from nmt.nn.dropout import Dropout
from nmt.nn.embedding import TokenEmbedding
from nmt.nn.hop_attention import HopAttention
from nmt.nn.initial import Uniform
from nmt.nn.layers import Layers
from nmt.options import DropoutRate, Effect, InheritedWidth, LayerCount, PositiveFloat, Probability, Width
from nmt.tokenizer.base import SPECIAL

AttentionConfig = Annotated[DotAttention.Config | HopAttention.Config, Field(discriminator="kind")]


@dataclass
class LuongMemory(Memory):
    """The source as the decoder sees it."""

    views: list[Tensor]
    """[B, S, D] each, what the attention reads: projections of the encoder's output, computed once."""
    final: list[CellState]
    """One per layer: the decoder's initial state, one row per sentence."""


@dataclass
class LuongState(State):
    """The decoder's state between steps."""

    cells: list[CellState]
    """One per layer."""
    fed: Tensor
    """[N, D], the attentional vector of the last step: an input of the lowest layer."""


class Luong(EncoderDecoder[LuongMemory, LuongState]):
    """Stacks of recurrent layers, attention from the highest one, input feeding."""

    class Config(ModelOptions):
        """Recurrent encoder-decoder with global attention and input feeding (Luong et al. 2015; fairseq's `lstm`)."""

        kind: Literal["luong"] = "luong"
        layers: LayerCount = 4
        """Number of encoder layers and of decoder layers."""
        source_embedding_dim: Width = 1000
        """Width of the source embedding."""
        target_embedding_dim: Width = 1000
        """Width of the target embedding."""
        encoder_dim: Width = 1000
        """Width of the encoder's layers; if bidirectional, of each direction."""
        decoder_dim: Width = 1000
        """Width of the decoder's layers. If the encoder's output has a different width, its final states are
        projected."""
        output_dim: InheritedWidth = 0
        """Width of the output layer's input; 0 for decoder_dim, any other value adds a projection. A tied output layer
        needs the width of the target embedding."""
        bidirectional: bool = False
        """Make every encoder layer bidirectional; as published they read forwards only."""
        cell: CausalCellConfig = LSTM.Config(forget_bias=0.0)
        """Recurrent cell of all layers. Not with batch normalisation, whose statistics over whole sentences would leak
        the words to be predicted to the decoder."""
        encoder_cell: CellConfig | None = None
        """Recurrent cell of the encoder: of the same kind, since its states initialise the decoder, but with any norm;
        null for `cell`."""
        attention: AttentionConfig = DotAttention.Config()
        """Attention of the decoder's highest layer to the encoder's output: dot, one read per output symbol, as
        published; or hops, several."""
        dropout: DropoutRate = 0.2
        """Probability of zeroing an element of the embeddings, between layers, of the encoder's output, of the
        attention's output and of the output layer's input; never of a recurrence. The next four options override it for
        a part of the model."""
        source_embedding_dropout: Annotated[Probability | None, Effect.TRAINING] = None
        """Dropout rate of the source embedding; null for `dropout`."""
        encoder_dropout: Annotated[Probability | None, Effect.TRAINING] = None
        """Dropout rate of the outputs of the encoder's layers; null for `dropout`."""
        target_embedding_dropout: Annotated[Probability | None, Effect.TRAINING] = None
        """Dropout rate of the target embedding; null for `dropout`."""
        decoder_dropout: Annotated[Probability | None, Effect.TRAINING] = None
        """Dropout rate of the outputs of the decoder's layers, of the attention and of the projection after it; null
        for `dropout`."""
        scaled_embeddings: bool = False
        """Multiply embeddings by the square root of their width, as in a Transformer. Small initial weights, as
        published, keep all signals small at first; with this a small model finds its alignments sooner."""
        initial_range: PositiveFloat = 0.1
        """Initial weights and biases are uniform between minus this and this; in cells this is added to the biases'
        own initial values."""
        tied_embeddings: Tying = "none"
        """Share one matrix: all = source, target and output (needs a joint vocabulary), target = target and output."""
        output_bias: bool = True
        """Give each token a bias in the output layer. fairseq has none if the output layer is tied."""

        @model_validator(mode="after")
        def _check_cells(self) -> Self:
            if self.encoder_cell and self.encoder_cell.state_kind != self.cell.state_kind:
                raise ValueError(
                    f"encoder_cell must be of the same kind as cell, {self.cell.state_kind}, since its states "
                    f"initialise the decoder, but it is {self.encoder_cell.state_kind}"
                )
            return self

        @model_validator(mode="after")
        def _check(self) -> Self:
            tied = f"(tied_embeddings: {self.tied_embeddings})"
            if self.tied_embeddings != "none" and self.output_width != self.target_embedding_dim:
                raise ValueError(
                    f"output_dim must equal target_embedding_dim, {self.target_embedding_dim}, if the output layer is "
                    f"tied to the target embedding {tied}, but it is {self.output_width}"
                )
            if self.tied_embeddings == "all" and self.source_embedding_dim != self.target_embedding_dim:
                raise ValueError(
                    f"source_embedding_dim and target_embedding_dim must be equal if the embeddings are shared {tied}, "
                    f"but they are {self.source_embedding_dim} and {self.target_embedding_dim}"
                )
            return self

        @property
        def output_width(self) -> int:
            """Width of the output layer's input."""
            return self.output_dim or self.decoder_dim

        def build(self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad) -> Luong:
            """A model with fresh weights, drawn from torch's default generator.

            Raises:
                ValueError: all embeddings are tied but the vocabularies differ in size.
            """
            return Luong(self, source_vocabulary, target_vocabulary, pad)

    def __init__(self, config: Config, source_vocabulary: int, target_vocabulary: int, pad: int) -> None:
        super().__init__()
        width, layers = config.decoder_dim, config.layers
        directions = 2 if config.bidirectional else 1
        source_width = directions * config.encoder_dim
        self.source_embedding, self.target_embedding = make_embeddings(
            config.tied_embeddings,
            source_vocabulary,
            target_vocabulary,
            lambda vocabulary: _embedding(vocabulary, config.source_embedding_dim, pad, config),
            lambda vocabulary: _embedding(vocabulary, config.target_embedding_dim, pad, config),
        )
        self.source_dropout = _dropout(config.source_embedding_dropout, config)
        self.encoder_dropout = _dropout(config.encoder_dropout, config)
        self.target_dropout = _dropout(config.target_embedding_dropout, config)
        self.decoder_dropout = _dropout(config.decoder_dropout, config)
        reader: Callable[[int, int], AnyCell] = (config.encoder_cell or config.cell).build
        writer: Callable[[int, int], AnyCell] = config.cell.build
        below = [config.source_embedding_dim, *[source_width] * (layers - 1)]
        self.encoder = Layers(reader(inputs, config.encoder_dim) for inputs in below)
        self.encoder_backward = Layers(reader(inputs, config.encoder_dim) for inputs in below if config.bidirectional)
        below = [config.target_embedding_dim, *[width] * (layers - 1)]
        self.decoder = Layers(writer(inputs, width) for inputs in below)
        lowest, *_ = self.decoder
        self.feed = nn.Linear(width, lowest.projected, bias=False)
        states = (cell.empty(self.feed.weight, 0).without_past().tensors() for cell in (self.encoder[0], lowest))
        self.bridge = Layers(
            nn.Linear(directions * read.shape[-1], begun.shape[-1])
            for read, begun in zip(*states, strict=True)
            if source_width != width
        )
        self.attention = config.attention.build(width, source_width, width)
        self.projection = nn.Linear(width, config.output_width) if config.output_width != width else None
        self.output = nn.Linear(config.output_width, target_vocabulary, bias=config.output_bias)
        self._initialise(Uniform(config.initial_range, biases=config.initial_range))
        if config.tied_embeddings != "none":
            self.output.weight = self.target_embedding.weight

    def _initialise(self, start: Uniform) -> None:
        for embedding in dict.fromkeys((self.source_embedding, self.target_embedding)):
            embedding.initialise(start)
        for cell in (*self.encoder, *self.encoder_backward, *self.decoder):
            cell.initialise(start)
        start.draw_linear(self.feed, *self.bridge)
        self.attention.initialise(start)
        start.draw_linear(*([self.projection] if self.projection else []), self.output)

    def encode(self, source: Tensor, source_mask: Tensor) -> LuongMemory:
        x = self.source_dropout(self.source_embedding(source))
        final = []
        for index, layer in enumerate(self.encoder):
            outputs, state = layer.read(x, source_mask)
            state = state.without_past()
            if self.encoder_backward:
                back, state_back = self.encoder_backward[index].read(x.flip(1), source_mask.flip(1))
                outputs = torch.cat([outputs, back.flip(1)], dim=-1)
                both = zip(state.tensors(), state_back.without_past().tensors(), strict=True)
                state = state.with_tensors(torch.cat(parts, dim=-1) for parts in both)
            final.append(self.decoder[index].begin_from(self._bridged(state)))
            x = self.encoder_dropout(outputs)
        return LuongMemory(mask=source_mask, views=self.attention.project(x), final=final)

    def decode(
        self, target_input: Tensor, target_mask: Tensor, memory: LuongMemory, *, need_attention: bool = False
    ) -> DecoderOutput:
        lowest, *_ = self.decoder
        projected = lowest.project(self.target_dropout(self.target_embedding(target_input)))
        kept = self._draw(projected, target_input.shape[1])
        state = self.init_state(memory, 1, target_input.shape[1])
        outputs, attentions = [], []
        for position, x in enumerate(projected.unbind(1)):
            state, weights = self._advance(x, memory, state, kept[position])
            outputs.append(state.fed)
            attentions.append(weights)
        attention = torch.stack(attentions, dim=1) if need_attention else None
        return DecoderOutput(logits=self._logits(torch.stack(outputs, dim=1)), attention=attention)

    def init_state(self, memory: LuongMemory, beam_size: int, max_length: int) -> LuongState:
        cells = [state.map(lambda part: part.repeat_interleave(beam_size, dim=0)) for state in memory.final]
        return LuongState(cells=cells, fed=torch.zeros_like(cells[-1].output))

    def step(
        self, tokens: Tensor, memory: LuongMemory, state: LuongState, *, need_attention: bool = False
    ) -> StepOutput[LuongState]:
        lowest, *_ = self.decoder
        projected = lowest.project(self.target_embedding(tokens.flatten()))  # [N, projected]
        state, weights = self._advance(projected, memory, state, None)
        logits = self._logits(state.fed).view(*tokens.shape, -1)
        return StepOutput(logits, weights.view(*tokens.shape, -1) if need_attention else None, state)

    def _advance(
        self, projected: Tensor, memory: LuongMemory, state: LuongState, kept: Tensor | None
    ) -> tuple[LuongState, Tensor]:
        """One step.

        Args:
            projected: [N, any], the lowest layer's projection of the token.
            memory: memory of the sentences.
            state: state after the previous step.
            kept: [layers, N, D], dropout factors of the output of each layer below the highest, and last of attention.

        Returns:
            The state after this step, and the attention weights [N, S].
        """
        lowest, *upper = self.decoder
        cells = [lowest.advance(projected + self.feed(state.fed), state.cells[0])]
        for index, (layer, past) in enumerate(zip(upper, state.cells[1:], strict=True)):
            below = cells[-1].output
            cells.append(layer.step(below if kept is None else below * kept[index], past))
        query = cells[-1].output.view(memory.mask.shape[0], -1, self.feed.in_features)
        attended, weights = self.attention(query, memory.views, memory.mask)
        fed = attended.flatten(0, 1)
        return LuongState(cells, fed if kept is None else fed * kept[-1]), weights.flatten(0, 1)

    def _draw(self, like: Tensor, steps: int) -> Sequence[Tensor | None]:
        """Dropout factors for all steps at once: per step [layers, B, D], or None."""
        if not self.training or self.decoder_dropout.p == 0.0:
            return [None] * steps
        shape = (steps, len(self.decoder), like.shape[0], self.feed.in_features)
        factors: Tensor = self.decoder_dropout(like.new_ones(shape, dtype=self.feed.weight.dtype))
        return factors.unbind(0)

    def _bridged(self, state: CellState) -> CellState:
        """The initial state of a decoder layer, from the final state of an encoder layer."""
        if self.bridge:
            parts = zip(self.bridge, state.tensors(), strict=True)
            state = state.with_tensors(project(part) for project, part in parts)
        # under autocast a bf16 memory would stay bf16 for all steps
        dtype = next(self.parameters()).dtype
        return state.map(lambda part: part.to(dtype))

    def _logits(self, x: Tensor) -> Tensor:
        if self.projection is not None:
            x = self.decoder_dropout(self.projection(x))
        logits: Tensor = self.output(x)
        return logits


def _embedding(vocabulary: int, dim: int, pad: int, config: Luong.Config) -> TokenEmbedding:
    return TokenEmbedding(vocabulary, dim, pad, std=1.0, scale=math.sqrt(dim) if config.scaled_embeddings else 1.0)


def _dropout(own: float | None, config: Luong.Config) -> Dropout:
    return Dropout(config.dropout if own is None else own)
