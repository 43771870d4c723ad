"""The end-to-end memory network for questions about a text (Sukhbaatar et al. 2015, arXiv 1503.08895, section 4).

A source is some statements and then a question, each but the question ending with a separator:

    mary went to the kitchen . mary took the apple . where is the apple ?

Each statement is a memory; the question is the query, which reads the memories in several hops; a softmax over the
vocabulary of the target gives the answer. The paper's answers are single words. Here an answer is a sequence: for each
token after the first, the vector of the token before it and that of its position are added to the query, and the hops
start anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nmt.conflict import Conflict
from nmt.errors import UserError
from nmt.models.base import DecoderOutput, EncoderDecoder, Memory, ModelOptions, State, StepOutput
from nmt.models.tying import Tying
from nmt.nn.embedding import TokenEmbedding
from nmt.nn.hops import (
    Carry,
    HopTying,
    HopWeights,
    LinearStart,
    full_output,
    linear_start_conflicts,
    memory_softmax,
    tables,
    views,
)
from nmt.nn.layers import Layers
from nmt.nn.output import FullSoftmax, OutputConfig
from nmt.nn.segments import Segments, bags, position_weights, segments
from nmt.options import Effect, LayerCount, PositionCount, PositiveFloat, Probability, Width
from nmt.tokenizer.base import SPECIAL, TokenizerPair


@dataclass
class QuestionMemory(Memory):
    """The statements and the question."""

    views: list[Tensor]
    """[B, M, D] each, the statements as the hops read them, newest first."""
    there: Tensor
    """[B, M] bool, True on statements with words."""
    question: Tensor
    """[B, D]"""
    shares: Tensor
    """[B, M, S], each statement's words, evenly weighted: rows sum to 1, or are 0 if there is no such statement."""


@dataclass
class AnswerState(State):
    """Nothing but the length: an answer's tokens depend on the one before them."""

    length: int = 0
    """Tokens given so far."""


class MemoryNetwork(EncoderDecoder[QuestionMemory, AnswerState]):
    """Hops over the statements of a text, from a question to the answer."""

    class Config(ModelOptions):
        """End-to-end memory network that answers questions about a text (Sukhbaatar et al. 2015)."""

        kind: Literal["memory_network"] = "memory_network"
        model_dim: Width = 20
        """Width of all vectors. The paper has 20 for one kind of question and 50 for many."""
        hops: LayerCount = 3
        """Reads of the memory for each answer. A question that needs two statements needs two."""
        memory: PositionCount = 50
        """Most statements that are remembered, the newest."""
        separator: Annotated[str, Field(min_length=1)] = "."
        """The token that ends a statement; what follows the last one is the question. Without any, all is question. It
        is looked up in the source vocabulary when training starts and saved with the weights."""
        encoding: Literal["position", "bag"] = "position"
        """A statement's vector: the sum of its words' vectors, weighted by the words' positions; or the plain sum."""
        tying: HopTying = "adjacent"
        """Sharing between hops: adjacent, the values of a hop are the keys of the next, those of the first also the
        question's, and those of the last the output layer's matrix (needs a joint vocabulary); layer_wise, all have the
        same, and the query is multiplied by a matrix H between them."""
        random_memories: Annotated[Probability, Effect.TRAINING] = 0.1
        """Probability of an empty memory before each statement in training, so that no fixed distance is learned by
        heart. As in the authors' code it only makes older statements appear older."""
        linear_start: LinearStart | None = None
        """Training without softmax in the hops at first; null for softmax from the beginning."""
        answer_positions: PositionCount = 10
        """Tokens of an answer, from the second on, with a vector of their own; later ones share the last."""
        initial_std: PositiveFloat = 0.1
        """Standard deviation of all initial weights."""
        output: OutputConfig = FullSoftmax()
        """The output layer: one matrix and a softmax over the whole vocabulary, or an adaptive softmax, which trains
        faster if the vocabulary is large; needs `tying: layer_wise`."""

        @model_validator(mode="after")
        def _check_output(self) -> Self:
            self.output.check_untied(self.tying == "adjacent", "tying: layer_wise")
            return self

        @property
        def tied_embeddings(self) -> Tying:
            """Adjacent tying extends to the output layer, which needs one vocabulary."""
            return "all" if self.tying == "adjacent" else "none"

        def conflicts(self, updates: int) -> Iterable[Conflict]:
            """A linear start that does not end."""
            return linear_start_conflicts(self.linear_start, updates)

        def build(self, source_vocabulary: int, target_vocabulary: int, pad: int = SPECIAL.pad) -> MemoryNetwork:
            """A model with fresh weights, drawn from torch's default generator; it knows no separator yet.

            Raises:
                ValueError: tying is adjacent but the vocabularies differ in size.
            """
            if self.tying == "adjacent" and source_vocabulary != target_vocabulary:
                raise ValueError(
                    "tying: adjacent needs one joint vocabulary, "
                    f"not {source_vocabulary} and {target_vocabulary} pieces"
                )
            return MemoryNetwork(self, source_vocabulary, target_vocabulary, pad)

    separators: Tensor

    def __init__(self, config: Config, source_vocabulary: int, target_vocabulary: int, pad: int) -> None:
        super().__init__()
        self.config = config
        dim, std = config.model_dim, config.initial_std
        self.views = views(config.tying, config.hops)
        count = tables(config.tying, config.hops)

        def embedding(vocabulary: int) -> TokenEmbedding:
            return TokenEmbedding(vocabulary, dim, pad, std=std)

        def vectors(rows: int) -> nn.Parameter:
            return nn.Parameter(nn.init.normal_(torch.empty(rows, dim), std=std))

        self.embeddings = Layers(embedding(source_vocabulary) for _ in range(count))
        self.question_embedding = self.embeddings[0] if config.tying == "adjacent" else embedding(source_vocabulary)
        # by a statement's distance from the question: row 0 belongs to the newest
        self.positions = nn.ParameterList(vectors(config.memory) for _ in range(count))
        self.target_embedding = embedding(target_vocabulary)
        self.answer_positions = vectors(config.answer_positions)
        self.weights = HopWeights(config.linear_start)
        self.carry = Carry(config.tying, dim, std)
        self.softmax, values = config.output, self.embeddings[-1].weight
        self.output = config.output.build(
            dim,
            target_vocabulary,
            lambda: full_output(config.tying, values, target_vocabulary, std),
        )
        self.register_buffer("separators", torch.zeros(source_vocabulary, dtype=torch.bool))

    def meet_tokenizers(self, tokenizers: TokenizerPair) -> None:
        source, separator = tokenizers.source, self.config.separator
        found = [i for i in range(source.vocabulary_size) if source.decode([i]) == separator]
        if not found:
            raise UserError(
                "model.separator",
                "a token of the source vocabulary that ends statements",
                f"{separator!r}, which is none",
                "Name the token that the text has between statements, or check that the text has them.",
            )
        self.separators.fill_(value=False)
        self.separators[found] = True

    def encode(self, source: Tensor, source_mask: Tensor) -> QuestionMemory:
        ends = self.separators[source] & source_mask
        words = source_mask & ~ends & (source != SPECIAL.eos)
        found = segments(words, ends, most=1 + self.config.memory)
        weights = position_weights(found, self.config.model_dim) if self.config.encoding == "position" else None
        statements = [bags(table(source), weights, found.members)[:, 1:] for table in self.embeddings]
        distances = self._distances(statements[0])
        question_words = self.question_embedding(source)
        return QuestionMemory(
            mask=source_mask,
            views=[
                view + nn.functional.embedding(distances, times)
                for view, times in zip(statements, self.positions, strict=True)
            ],
            there=found.lengths[:, 1:] > 0,
            question=bags(question_words, weights, found.members[:, :1])[:, 0],
            shares=_shares(found),
        )

    def decode(
        self, target_input: Tensor, target_mask: Tensor, memory: QuestionMemory, *, need_attention: bool = False
    ) -> DecoderOutput:
        steps = torch.arange(target_input.shape[1], device=target_input.device)
        answers, attention = self._answer(target_input, steps, memory, need_attention)
        return DecoderOutput(self.softmax.predict(self.output, answers), attention)

    def init_state(self, memory: QuestionMemory, beam_size: int, max_length: int) -> AnswerState:
        return AnswerState()

    def step(
        self, tokens: Tensor, memory: QuestionMemory, state: AnswerState, *, need_attention: bool = False
    ) -> StepOutput[AnswerState]:
        steps = torch.tensor(state.length, device=tokens.device)
        answers, attention = self._answer(tokens, steps, memory, need_attention)
        return StepOutput(self.output(answers), attention, AnswerState(state.length + 1), self.softmax.normalized)

    def _answer(
        self, tokens: Tensor, steps: Tensor, memory: QuestionMemory, need_attention: bool
    ) -> tuple[Tensor, Tensor | None]:
        """The output layer's input [B, L, D] after these tokens, and the attention of the last hop if requested.

        Args:
            tokens: [B, L] int64, the token before each.
            steps: [L] or [] int64, numbers of the steps, from 0; at step 0 the token, BOS, tells nothing.
            memory: memory of the B sentences.
            need_attention: also return the attention, [B, L, S].
        """
        nth = (steps - 1).clamp(min=0, max=len(self.answer_positions) - 1)
        before = self.target_embedding(tokens) + nn.functional.embedding(nth, self.answer_positions)
        query = memory.question[:, None] + before * (steps > 0).unsqueeze(-1)
        there = memory.there[:, None]
        scores = query.new_zeros(())
        for key, value in self.views:
            scores = query @ memory.views[key].mT  # [B, L, M]
            query = self.carry(query) + self.weights(scores, there) @ memory.views[value]
        if not need_attention:
            return query, None
        attention = memory_softmax(scores, there) @ memory.shares.to(scores.dtype)
        even = memory.mask / memory.mask.sum(1, keepdim=True)  # of a source without statements
        return query, torch.where(there.any(-1, keepdim=True), attention, even[:, None])

    def _distances(self, statements: Tensor) -> Tensor:
        """Rows of `positions` for the statements [B, M, D], newest first: [B, M] int64."""
        rows, count = statements.shape[:2]
        distances = torch.arange(count, device=statements.device).expand(rows, -1)
        if self.training and self.config.random_memories > 0.0:
            empty = torch.rand((rows, count), device=statements.device) < self.config.random_memories
            distances = distances + empty.cumsum(1)
        return distances.clamp(max=self.config.memory - 1)


def _shares(found: Segments) -> Tensor:
    """[B, M, S], as in `QuestionMemory`."""
    return found.members[:, 1:] / found.lengths[:, 1:, None].clamp(min=1)
