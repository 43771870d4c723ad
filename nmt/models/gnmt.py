"""Google's neural machine translation system (Wu et al. 2016, arXiv 1609.08144, section 3): deep residual LSTMs.

Only the lowest layer of the encoder is bidirectional. The query of the attention is the output of the decoder's lowest
layer at the previous step, so no layer waits for the recurrence of another; its context enters every layer. From the
third layer of either side on, a layer adds its input to its output, and only the layer above sees the sum. Recurrent
states start from zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmt.models.base import DecoderOutput, EncoderDecoder, Memory, ModelOptions, State, StepOutput
from nmt.models.tying import Tying, make_embeddings
from nmt.nn.additive_attention import AdditiveAttention
from nmt.nn.cells import LSTM, AnyCell, CausalCellConfig, CellConfig, CellState
from nmt.nn.clipping import AnnealedLimit, Clipping
from nmt.nn.dropout import Dropout
from nmt.nn.embedding import TokenEmbedding
from nmt.nn.initial import Uniform, linear_layers
from nmt.nn.layers import Layers
from nmt.nn.output import FullPredictions, FullSoftmax, OutputConfig, Predictions
from nmt.options import MOST_LAYERS, DropoutRate, InheritedWidth, LayerCount, PositiveFloat, Width
from nmt.tokenizer.base import SPECIAL

FIRST_RESIDUAL = 2
"""Index, from 0, of the first layer that adds its input to its output."""


@dataclass
class GNMTMemory(Memory):
    """The source as the attention sees it."""

    keys: Tensor
    """[B, S, A], projected once."""
    values: Tensor
    """[B, S, D], the encoder's output."""


@dataclass
class GNMTState(State):
    """The decoder's state between steps."""

    cells: list[CellState]
    """One per layer."""
    context: Tensor
    """[N, D], the context for the lowest layer's previous output, which that layer reads next to its token."""
    attention: Tensor
    """[N, S], the attention weights of that context."""


class GNMT(EncoderDecoder[GNMTMemory, GNMTState]):
    """Stacks of recurrent layers with one additive attention between them."""

    class Config(ModelOptions):
        """Deep residual recurrent encoder-decoder with attention (GNMT, Wu et al. 2016)."""

        kind: Literal["gnmt"] = "gnmt"
        model_dim: Width = 1024
        """Width of the embeddings and of every layer."""
        attention_dim: InheritedWidth = 0
        """Width of the attention's hidden layer; 0 for model_dim."""
        encoder_layers: int = Field(8, ge=2, le=MOST_LAYERS)
        """Encoder layers, the lowest of them bidirectional."""
        decoder_layers: LayerCount = 8
        """Decoder layers."""
        upper_context: Literal["previous", "current"] = "previous"
        """The context that the upper decoder layers see: the same as the lowest layer, computed from its previous
        output, as published; or one computed from its current output (tensorflow/nmt's gnmt_v2)."""
        cell: CausalCellConfig = LSTM.Config()
        """Recurrent cell of all layers. Not with batch normalisation, whose statistics over whole sentences would leak
        the words to be predicted to the decoder."""
        encoder_cell: CellConfig | None = None
        """Recurrent cell of the encoder, with any norm; null for `cell`."""
        dropout: DropoutRate = 0.2
        """Probability of zeroing an element of the input of each layer and of the output layer; never of a
        recurrence."""
        scaled_embeddings: bool = False
        """Multiply embeddings by the square root of their width, as in a Transformer. Small initial weights, as
        published, keep all signals small at first; with this a small model finds its alignments much sooner."""
        initial_range: PositiveFloat = 0.04
        """Initial weights are uniform between minus this and this; biases start as the cell defines."""
        tied_embeddings: Tying = "none"
        """Share one matrix: all = source, target and output (needs a joint vocabulary), target = target and output."""
        clipping: Clipping | None = None
        """Bounds that make the trained model suitable for 8-bit arithmetic. Null for none, which trains several times
        as fast, since fused kernels cannot apply bounds. Only with a full output layer, whose logits are bounded
        too."""
        output: OutputConfig = FullSoftmax()
        """The output layer: one matrix and a softmax over the whole vocabulary, or an adaptive softmax, which trains
        faster if the vocabulary is large; needs `tied_embeddings: none`."""

        @model_validator(mode="after")
        def _check_output(self) -> Self:
            self.output.check_untied(self.tied_embeddings != "none", "tied_embeddings: none")
            if self.clipping is not None and self.output.normalized:
                raise ValueError(
                    "clipping must be null unless output.kind is full, since it bounds logits, but it is set and "
                    f"output.kind is {self.output.kind}"
                )
            return self

        def build(self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad) -> GNMT:
            """A model with fresh weights, drawn from torch's default generator.

            Raises:
                ValueError: all embeddings are tied but the vocabularies differ in size.
            """
            return GNMT(self, source_vocabulary, target_vocabulary, pad)

    def __init__(self, config: Config, source_vocabulary: int, target_vocabulary: int, pad: int) -> None:
        super().__init__()
        dim = config.model_dim
        scale = math.sqrt(dim) if config.scaled_embeddings else 1.0
        self.source_embedding, self.target_embedding = make_embeddings(
            config.tied_embeddings,
            source_vocabulary,
            target_vocabulary,
            lambda vocabulary: TokenEmbedding(vocabulary, dim, pad, std=1.0, scale=scale),
        )
        self.upper_context = config.upper_context
        self.dropout = Dropout(config.dropout)
        self.limit = None if config.clipping is None else AnnealedLimit(config.clipping)
        self.largest_logit = None if config.clipping is None else config.clipping.logits

        def reader(inputs: int) -> AnyCell:
            return (config.encoder_cell or config.cell).build(inputs, dim, self.limit)

        def writer() -> AnyCell:
            return config.cell.build(2 * dim, dim, self.limit)

        self.encoder = Layers(reader(width) for width in (dim, 2 * dim, *[dim] * (config.encoder_layers - 2)))
        self.encoder_backward = reader(dim)
        self.decoder = Layers(writer() for _ in range(config.decoder_layers))
        self.softmax = config.output
        self.output = config.output.build(dim, target_vocabulary, lambda: nn.Linear(dim, target_vocabulary, bias=False))
        self.attention = AdditiveAttention(dim, dim, config.attention_dim or dim)
        self._initialise(Uniform(config.initial_range))
        if config.tied_embeddings != "none":
            self.output.weight = self.target_embedding.weight

    def _initialise(self, start: Uniform) -> None:
        for embedding in dict.fromkeys((self.source_embedding, self.target_embedding)):
            embedding.initialise(start)
        for cell in (*self.encoder, self.encoder_backward, *self.decoder):
            cell.initialise(start)
        start.draw_linear(*linear_layers(self.output))
        self.attention.initialise(start)

    def encode(self, source: Tensor, source_mask: Tensor) -> GNMTMemory:
        x = self.dropout(self.source_embedding(source))
        lowest, *upper = self.encoder
        there, _ = lowest.read(x, source_mask)
        back, _ = self.encoder_backward.read(x.flip(1), source_mask.flip(1))
        x = self._bounded(torch.cat([there, back.flip(1)], dim=-1))
        for index, layer in enumerate(upper, start=1):
            hidden, _ = layer.read(self.dropout(x), source_mask)
            x = self._upwards(index, hidden, x)
        return GNMTMemory(mask=source_mask, keys=self.attention.project(x), values=x)

    def decode(
        self, target_input: Tensor, target_mask: Tensor, memory: GNMTMemory, *, need_attention: bool = False
    ) -> DecoderOutput:
        # Only the lowest layer and the attention depend on each other and go step by step. The other layers run on
        # whole sequences.
        embedded = self.target_embedding(target_input)
        lowest, *upper = self.decoder
        state = lowest.empty(embedded, len(embedded))
        context, weights = self._attend(state.output, memory)
        outputs, contexts, attentions = [], [context], [weights]
        for position in range(target_input.shape[1]):
            x = self.dropout(torch.cat([embedded[:, position], contexts[-1]], dim=-1))
            state = lowest.step(x, state)
            outputs.append(self._bounded(state.output))
            context, weights = self._attend(outputs[-1], memory)
            contexts.append(context)
            attentions.append(weights)
        seen = slice(0, -1) if self.upper_context == "previous" else slice(1, None)
        x, above = torch.stack(outputs, dim=1), torch.stack(contexts[seen], dim=1)
        for index, layer in enumerate(upper, start=1):
            hidden = layer(self.dropout(torch.cat([x, above], dim=-1)))
            x = self._upwards(index, hidden, x)
        attention = torch.stack(attentions[seen], dim=1) if need_attention else None
        return DecoderOutput(self._predictions(x), attention)

    def init_state(self, memory: GNMTMemory, beam_size: int, max_length: int) -> GNMTState:
        rows = memory.mask.shape[0] * beam_size
        cells = [cell.empty(memory.values, rows) for cell in self.decoder]
        context, attention = self._attend(cells[0].output, memory)
        return GNMTState(cells=cells, context=context, attention=attention)

    def step(
        self, tokens: Tensor, memory: GNMTMemory, state: GNMTState, *, need_attention: bool = False
    ) -> StepOutput[GNMTState]:
        lowest, *upper = self.decoder
        x = torch.cat([self.target_embedding(tokens.flatten()), state.context], dim=-1)  # [N, 2D]
        cells = [lowest.step(x, state.cells[0])]
        x = self._bounded(cells[0].output)
        context, attention = self._attend(x, memory)
        above, shown = (state.context, state.attention) if self.upper_context == "previous" else (context, attention)
        for index, (layer, past) in enumerate(zip(upper, state.cells[1:], strict=True), start=1):
            cells.append(layer.step(torch.cat([x, above], dim=-1), past))
            x = self._upwards(index, cells[-1].output, x)
        state = GNMTState(cells=cells, context=context, attention=attention)
        logits = self._bounded_logits(self.output(x)).view(*tokens.shape, -1)
        shown = shown.view(*tokens.shape, -1)
        return StepOutput(logits, shown if need_attention else None, state, self.softmax.normalized)

    def _attend(self, query: Tensor, memory: GNMTMemory) -> tuple[Tensor, Tensor]:
        """Contexts [N, D] and weights [N, S] of N queries [N, D], equally many per sentence."""
        beams = query.view(memory.mask.shape[0], -1, query.shape[-1])
        context, weights = self.attention(beams, memory.keys, memory.values, memory.mask)
        return context.flatten(0, 1), weights.flatten(0, 1)

    def _predictions(self, x: Tensor) -> Predictions:
        if self.largest_logit is None:
            return self.softmax.predict(self.output, self.dropout(x))
        return FullPredictions(self._bounded_logits(self.output(self.dropout(x))))

    def _bounded_logits(self, logits: Tensor) -> Tensor:
        return logits if self.largest_logit is None else logits.clamp(-self.largest_logit, self.largest_logit)

    def _upwards(self, index: int, hidden: Tensor, x: Tensor) -> Tensor:
        """The input of the layer above layer `index` (from 0), which turned x into `hidden`."""
        return self._bounded(hidden + x if index >= FIRST_RESIDUAL else hidden)

    def _bounded(self, x: Tensor) -> Tensor:
        return x if self.limit is None else self.limit(x)
