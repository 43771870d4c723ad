"""The end-to-end memory network as a language model (Sukhbaatar et al. 2015, arXiv 1503.08895, section 5).

As in the authors' code, the query is a constant vector, each of the last words is a memory, and after each hop some
units of the query pass a ReLU.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmt.conflict import Conflict
from nmt.models.base import Decoder, DecoderOutput, State, StepOutput
from nmt.models.language.model import LanguageModel, LanguageModelOptions
from nmt.models.tying import Tying
from nmt.nn.dropout import Dropout
from nmt.nn.embedding import TokenEmbedding
from nmt.nn.hops import Carry, HopTying, HopWeights, LinearStart, full_output, linear_start_conflicts, tables, views
from nmt.nn.layers import Layers
from nmt.nn.output import FullSoftmax, OutputConfig
from nmt.nn.windowed_attention import blocks_of, items_there, last_items, window_mean, window_scores
from nmt.options import DropoutRate, Effect, LayerCount, PositionCount, PositiveFloat, Width, fill_from_preset
from nmt.tokenizer.base import SPECIAL

_QUERY = 0.1
"""Each element of the query before the first hop."""

Preset = Literal["ptb", "text8"]
PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "ptb": {"model_dim": 150, "hops": 6, "memory": 100},
    "text8": {"model_dim": 500, "hops": 6, "memory": 100},
}


@dataclass
class MemoryNetworkState(State):
    """The last tokens. Their vectors are looked up again at each step, which costs as little as moving them in memory
    when a search reorders its hypotheses.
    """

    tokens: Tensor
    """[N, memory - 1] int64, oldest first; the padding token before the text."""
    length: int = 0
    """Tokens read so far."""


class MemoryNetworkLM(Decoder[MemoryNetworkState]):
    """Several reads of the last tokens by a query that starts as a constant.

    A token depends on the last `memory` tokens only, and a step costs the same however long the text is.
    """

    class Config(LanguageModelOptions):
        """End-to-end memory network as a language model (Sukhbaatar et al. 2015)."""

        tied_embeddings: ClassVar[Tying] = "none"

        kind: Literal["memory_network_lm"] = "memory_network_lm"
        preset: Annotated[Preset, Effect.SHORTHAND] = "ptb"
        """The paper's sizes, which the options below override: ptb for the Penn Treebank (model_dim 150), text8 (500);
        both with 6 hops and a memory of 100."""
        model_dim: Width
        """Width of the embeddings and of the query."""
        hops: LayerCount
        """Reads of the memory for each prediction. The paper's perplexity falls from 2 to 7 hops."""
        memory: PositionCount
        """Number of last tokens that a prediction sees, the beginning of the text included."""
        tying: HopTying = "layer_wise"
        """Sharing between hops: layer_wise, all have the same two embeddings, and the query is multiplied by a matrix H
        between them (published for language models); adjacent, the values of a hop are the keys of the next, those of
        the last are the output layer's matrix, and there is no H."""
        linear_units: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
        """Share of the units that stay linear between hops; the others pass a ReLU. 1 for a linear query."""
        linear_start: LinearStart | None = None
        """Training without softmax in the hops at first; null for softmax from the beginning."""
        dropout: DropoutRate = 0.0
        """Probability of zeroing an element of the memories and of the output layer's input; 0 as published."""
        initial_std: PositiveFloat = 0.05
        """Standard deviation of all initial weights."""
        output: OutputConfig = FullSoftmax()
        """The output layer: one matrix and a softmax over the whole vocabulary, or an adaptive softmax, which trains
        faster if the vocabulary is large; needs `tying: layer_wise`."""

        @model_validator(mode="after")
        def _check_output(self) -> Self:
            self.output.check_untied(self.tying == "adjacent", "tying: layer_wise")
            return self

        @model_validator(mode="before")
        @classmethod
        def _fill_from_preset(cls, values: object) -> object:
            return fill_from_preset(values, PRESETS, "ptb")

        def conflicts(self, updates: int) -> Iterable[Conflict]:
            """A linear start that does not end."""
            return linear_start_conflicts(self.linear_start, updates)

        def build(
            self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad
        ) -> LanguageModel[MemoryNetworkState]:
            """A model with fresh weights, drawn from torch's default generator; the source vocabulary is unused."""
            return LanguageModel(MemoryNetworkLM(self, target_vocabulary, pad))

    def __init__(self, config: Config, vocabulary: int, pad: int) -> None:
        super().__init__()
        dim, std = config.model_dim, config.initial_std
        self.pad, self.memory = pad, config.memory
        self.linear_units = round(config.linear_units * dim)
        self.views = views(config.tying, config.hops)
        count = tables(config.tying, config.hops)
        self.embeddings = Layers(TokenEmbedding(vocabulary, dim, pad, std=std) for _ in range(count))
        # by the distance of a token: row 0 belongs to the newest
        self.positions = nn.ParameterList(torch.empty(config.memory, dim) for _ in range(count))
        for table in self.positions:
            nn.init.normal_(table, std=std)
        self.dropout = Dropout(config.dropout)
        self.weights = HopWeights(config.linear_start)
        self.carry = Carry(config.tying, dim, std)
        self.softmax, values = config.output, self.embeddings[-1].weight
        self.output = config.output.build(dim, vocabulary, lambda: full_output(config.tying, values, vocabulary, std))

    def decode(self, target_input: Tensor, target_mask: Tensor) -> DecoderOutput:
        # padding is on the right, where no real token looks
        length = target_input.shape[1]
        items = min(self.memory, length)
        embedded = [last_items(self.dropout(table(target_input)), items) for table in self.embeddings]
        there = items_there(length, items, target_input.device)
        query = self._read(embedded, there, blocks_of(length, items)[1])  # [B, blocks, L, D]
        return DecoderOutput(self.softmax.predict(self.output, self.dropout(query.flatten(1, 2)[:, :length])))

    def init_state(self, sentences: int, beam_size: int, max_length: int) -> MemoryNetworkState:
        device = self.positions[0].device
        rows = sentences * beam_size
        return MemoryNetworkState(torch.full((rows, self.memory - 1), self.pad, dtype=torch.int64, device=device))

    def step(self, tokens: Tensor, state: MemoryNetworkState) -> StepOutput[MemoryNetworkState]:
        window = torch.cat([state.tokens, tokens.view(-1, 1)], dim=1)  # [N, memory]
        length = state.length + 1
        items = min(self.memory, length)  # none before the text
        embedded = [table(window[:, -items:])[:, None] for table in self.embeddings]
        there = torch.ones((1, 1, items), dtype=torch.bool, device=tokens.device)
        query = self._read(embedded, there, 1)  # [N, 1, 1, D]
        logits, state = self.output(query.view(*tokens.shape, -1)), MemoryNetworkState(window[:, 1:], length)
        return StepOutput(logits, None, state, self.softmax.normalized)

    def _read(self, embedded: list[Tensor], there: Tensor, block: int) -> Tensor:
        """The query after all hops.

        Args:
            embedded: the views of the memory, [B, blocks, L + n - 1, D] each.
            there: [blocks, L, n] bool, True on items within the text.
            block: L.

        Returns:
            [B, blocks, L, D]
        """
        batch, blocks, _, dim = embedded[0].shape
        items = there.shape[-1]
        query = embedded[0].new_full((batch, blocks, block, dim), _QUERY)
        for key, value in self.views:
            scores = window_scores(query, embedded[key], self.positions[key][:items])
            weights = self.weights(scores, there)
            query = self.carry(query) + window_mean(weights, embedded[value], self.positions[value][:items])
            query = self._activated(query)
        return query

    def _activated(self, query: Tensor) -> Tensor:
        if self.linear_units == query.shape[-1]:
            return query
        linear, rest = query.tensor_split([self.linear_units], dim=-1)
        return torch.cat([linear, torch.relu(rest)], dim=-1)
