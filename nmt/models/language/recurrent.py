"""The recurrent language model (Mikolov et al. 2010), regularised as by Zaremba et al. 2014 (arXiv 1409.2329)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import Tensor, nn

from nmt.models.base import Decoder, DecoderOutput, State, StepOutput
from nmt.models.language.model import LanguageModel, LanguageModelOptions
from nmt.nn.cells import LSTM, AnyCell, CausalCellConfig, CellState
from nmt.nn.dropout import Dropout
from nmt.nn.embedding import TokenEmbedding
from nmt.nn.initial import Uniform
from nmt.nn.layers import Layers
from nmt.options import DropoutRate, Effect, LayerCount, PositiveFloat, Probability, Width
from nmt.tokenizer.base import SPECIAL


@dataclass
class RecurrentState(State):
    """What the layers carry from step to step."""

    cells: list[CellState]
    """Per layer."""


class RecurrentLM(Decoder[RecurrentState]):
    """Recurrent layers between an embedding and an output layer."""

    class Config(LanguageModelOptions):
        """Recurrent language model (Zaremba et al. 2014)."""

        kind: Literal["recurrent_lm"] = "recurrent_lm"
        model_dim: Width = 650
        """Width of the embedding and of every layer."""
        layers: LayerCount = 2
        """Recurrent layers."""
        cell: CausalCellConfig = LSTM.Config()
        """Recurrence of every layer. Not with batch normalisation, whose statistics of whole texts would tell of the
        words that are to be predicted."""
        residual: bool = True
        """From the second layer on, a layer adds its input to its output, as in GNMT: the model learns sooner. False as
        published."""
        dropout: DropoutRate = 0.5
        """Probability of zeroing an element of the embedding, of what goes from layer to layer and of what the output
        layer reads; never of a recurrence. The next two replace it for a part of the model."""
        embedding_dropout: Annotated[Probability | None, Effect.TRAINING] = None
        """Of the embedding; null for `dropout`."""
        output_dropout: Annotated[Probability | None, Effect.TRAINING] = None
        """Of what the output layer reads; null for `dropout`."""
        scaled_embeddings: bool = True
        """Multiply the embedding by the square root of its width, as a Transformer does. Weights that start small keep
        all signals small at first; with this the model learns sooner. False as published."""
        initial_range: PositiveFloat = 0.1
        """All weights start from a uniform distribution between minus this and this, biases as the cell has them."""
        tied_embeddings: bool = True
        """The output layer's matrix is the embedding (Press & Wolf 2017)."""
        output_bias: bool = True
        """Each token has a bias in the output layer."""

        def build(
            self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad
        ) -> LanguageModel[RecurrentState]:
            """The model with fresh weights, drawn from torch's default generator; the source's vocabulary is unused."""
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
        self.output = nn.Linear(dim, vocabulary, bias=config.output_bias)
        start = Uniform(config.initial_range)
        self.embedding.initialise(start)
        for cell in self.layers:
            cell.initialise(start)
        start.draw_linear(self.output)
        if config.tied_embeddings:
            self.output.weight = self.embedding.weight

    def decode(self, target_input: Tensor, target_mask: Tensor) -> DecoderOutput:
        # padding is on the right, where it changes nothing before it
        x = self.embedding_dropout(self.embedding(target_input))
        for index, layer in enumerate(self.layers):
            x = self._upwards(index, layer(x if index == 0 else self.dropout(x)), x)
        return DecoderOutput(logits=self.output(self.output_dropout(x)))

    def init_state(self, sentences: int, beam_size: int, max_length: int) -> RecurrentState:
        like, rows = next(self.parameters()), sentences * beam_size
        return RecurrentState([cell.empty(like, rows) for cell in self.layers])

    def step(self, tokens: Tensor, state: RecurrentState) -> StepOutput[RecurrentState]:
        x, cells = self.embedding(tokens.flatten()), []  # [N, D]
        for index, (layer, past) in enumerate(zip(self.layers, state.cells, strict=True)):
            cells.append(layer.step(x, past))
            x = self._upwards(index, cells[-1].output, x)
        return StepOutput(self.output(x).view(*tokens.shape, -1), None, RecurrentState(cells))

    def _upwards(self, index: int, hidden: Tensor, x: Tensor) -> Tensor:
        """What the layer above reads of a layer, counted from 0, that made `hidden` of x."""
        return hidden + x if self.residual and index > 0 else hidden


def _dropout(own: float | None, config: RecurrentLM.Config) -> Dropout:
    return Dropout(config.dropout if own is None else own)
