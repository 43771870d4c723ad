"""The recurrent language model (Mikolov et al. 2010), regularised as in Zaremba et al. 2014 (arXiv 1409.2329)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import model_validator
from torch import Tensor, nn

from nmt.models.base import DecoderOutput, PromptedDecoder, State, StepOutput
from nmt.models.language.model import LanguageModel, LanguageModelOptions
from nmt.nn.cells import LSTM, AnyCell, CausalCellConfig, CellState
from nmt.nn.dropout import Dropout
from nmt.nn.embedding import TokenEmbedding
from nmt.nn.initial import Uniform, linear_layers
from nmt.nn.layers import Layers
from nmt.nn.output import FullSoftmax, OutputConfig
from nmt.options import DropoutRate, Effect, LayerCount, PositiveFloat, Probability, Width
from nmt.tokenizer.base import SPECIAL


@dataclass
class RecurrentState(State):
    """The layers' state between steps."""

    cells: list[CellState]
    """One per layer."""


class RecurrentLM(PromptedDecoder[RecurrentState]):
    """Recurrent layers between an embedding and an output layer."""

    class Config(LanguageModelOptions):
        """Recurrent language model (Zaremba et al. 2014)."""

        kind: Literal["recurrent_lm"] = "recurrent_lm"
        model_dim: Width = 650
        """Width of the embedding and of every layer."""
        layers: LayerCount = 2
        """Recurrent layers."""
        cell: CausalCellConfig = LSTM.Config()
        """Recurrent cell of all layers. Not with batch normalisation, whose statistics over whole texts would leak the
        words to be predicted."""
        residual: bool = True
        """From the second layer on, add a layer's input to its output, as in GNMT: the model learns sooner. False as
        published."""
        dropout: DropoutRate = 0.5
        """Probability of zeroing an element of the embedding, between layers and of the output layer's input; never of
        a recurrence. The next two options override it for a part of the model."""
        embedding_dropout: Annotated[Probability | None, Effect.TRAINING] = None
        """Dropout rate of the embedding; null for `dropout`."""
        output_dropout: Annotated[Probability | None, Effect.TRAINING] = None
        """Dropout rate of the output layer's input; null for `dropout`."""
        scaled_embeddings: bool = True
        """Multiply the embedding by the square root of its width, as in a Transformer. Small initial weights keep all
        signals small at first; with this the model learns sooner. False as published."""
        initial_range: PositiveFloat = 0.1
        """Initial weights are uniform between minus this and this; biases start as the cell defines."""
        tied_embeddings: bool = True
        """Use the embedding as the output layer's matrix (Press & Wolf 2017)."""
        output_bias: bool = True
        """Give each token a bias in the output layer; in an adaptive softmax only the head has them."""
        output: OutputConfig = FullSoftmax()
        """The output layer: one matrix and a softmax over the whole vocabulary, or an adaptive softmax, which trains
        faster if the vocabulary is large; needs `tied_embeddings: false`."""

        @model_validator(mode="after")
        def _check_output(self) -> Self:
            self.output.check_untied(self.tied_embeddings, "tied_embeddings: false")
            return self

        def build(
            self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad
        ) -> LanguageModel[RecurrentState]:
            """A model with fresh weights, drawn from torch's default generator; the source vocabulary is unused."""
            return LanguageModel(RecurrentLM(self, target_vocabulary, pad))

    def __init__(self, config: Config, vocabulary: int, pad: int) -> None:
        super().__init__()
        dim = config.model_dim
        self.residual = config.residual
        scale = math.sqrt(dim) if config.scaled_embeddings else 1.0
        self.embedding = TokenEmbedding(vocabulary, dim, pad, std=1.0, scale=scale)
        self.embedding_dropout = _dropout(config.embedding_dropout, config)
        self.dropout = Dropout(config.dropout)
        self.output_dropout = _dropout(config.output_dropout, config)
        self.layers: Layers[AnyCell] = Layers(config.cell.build(dim, dim) for _ in range(config.layers))
        self.softmax = config.output
        self.output = config.output.build(
            dim, vocabulary, lambda: nn.Linear(dim, vocabulary, bias=config.output_bias), bias=config.output_bias
        )
        start = Uniform(config.initial_range)
        self.embedding.initialise(start)
        for cell in self.layers:
            cell.initialise(start)
        start.draw_linear(*linear_layers(self.output))
        if config.tied_embeddings:
            self.output.weight = self.embedding.weight

    def decode(self, target_input: Tensor, target_mask: Tensor, positions: Tensor | None = None) -> DecoderOutput:
        # padding is on the right, so it changes nothing before it
        x = self.embedding_dropout(self.embedding(target_input))
        for index, layer in enumerate(self.layers):
            x = self._upwards(index, layer(x if index == 0 else self.dropout(x)), x)
        if positions is not None:
            x = x.gather(1, positions[:, :, None].expand(-1, -1, x.shape[2]))
        return DecoderOutput(self.softmax.predict(self.output, self.output_dropout(x)))

    def read(self, prompt: Tensor, mask: Tensor, beam_size: int, max_length: int) -> RecurrentState:
        x, cells = self.embedding_dropout(self.embedding(prompt)), []
        for index, layer in enumerate(self.layers):
            outputs, state = layer.read(x if index == 0 else self.dropout(x), mask)
            cells.append(state.map(lambda part: part.repeat_interleave(beam_size, dim=0)))
            x = self._upwards(index, outputs, x)
        return RecurrentState(cells)

    def init_state(self, sentences: int, beam_size: int, max_length: int) -> RecurrentState:
        like, rows = next(self.parameters()), sentences * beam_size
        return RecurrentState([cell.empty(like, rows) for cell in self.layers])

    def step(self, tokens: Tensor, state: RecurrentState) -> StepOutput[RecurrentState]:
        x, cells = self.embedding(tokens.flatten()), []  # [N, D]
        for index, (layer, past) in enumerate(zip(self.layers, state.cells, strict=True)):
            cells.append(layer.step(x, past))
            x = self._upwards(index, cells[-1].output, x)
        logits = self.output(x).view(*tokens.shape, -1)
        return StepOutput(logits, None, RecurrentState(cells), self.softmax.normalized)

    def _upwards(self, index: int, hidden: Tensor, x: Tensor) -> Tensor:
        """The input of the layer above layer `index` (from 0), which turned x into `hidden`."""
        return hidden + x if self.residual and index > 0 else hidden


def _dropout(own: float | None, config: RecurrentLM.Config) -> Dropout:
    return Dropout(config.dropout if own is None else own)
