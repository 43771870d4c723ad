"""A recurrent model with a state-regularised cell, seen as a reader of symbols that answers with a token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nmt.errors import UserError
from nmt.models.base import EncoderDecoder
from nmt.models.language.recurrent import RecurrentLM, RecurrentState
from nmt.nn.cells import CellState, StateRegularized
from nmt.options import Task
from nmt.tokenizer.base import SPECIAL

START = 0
"""The number of the state before the first symbol. The centroid of index i is the state i + 1."""

_ROWS = 512
"""Strings that are read at once."""


@dataclass(frozen=True)
class Reading:
    """The course of a string through the model."""

    states: tuple[int, ...]
    """The state before each symbol and at the end; of a mixture of centroids, the one with the largest weight."""
    answers: tuple[int, ...]
    """The answer in each of these states, or only in the last one: token ids."""
    weights: Tensor
    """[symbols], the largest weight of a centroid after each symbol."""


class SymbolReader:
    """Reads symbols with the only layer of a model.

    The answer to a string is the most probable first token of its translation, or, of a language model, the most
    probable continuation.

    Args:
        model: a model that is or contains a recurrent language model.
        task: the model's task.
        where: the model's path, for errors.

    Raises:
        UserError: it does not have exactly one layer, of a state-regularised cell.
    """

    def __init__(self, model: EncoderDecoder[Any, Any], task: Task, where: str) -> None:
        decoders = [part for part in model.modules() if isinstance(part, RecurrentLM)]
        layers = [layer for decoder in decoders for layer in decoder.layers]
        if len(layers) != 1 or not isinstance(layers[0], StateRegularized):
            raise UserError(
                where,
                "a model of kind decoder_only or recurrent_lm with one layer and a cell of kind state_regularized",
                "other layers" if layers else "a model of another kind",
                "Only the states of such a cell are the states of an automaton.",
            )
        self._decoder, self.cell = decoders[0], layers[0]
        reads_source = task == "translation"
        self._before: tuple[int, ...] = () if reads_source else (SPECIAL.bos,)
        self._after: tuple[int, ...] = (SPECIAL.eos, SPECIAL.bos) if reads_source else ()

    @property
    def has_memory(self) -> bool:
        """Whether the cell carries more from step to step than its output, which is all that an automaton knows."""
        return len(self._begun(1).tensors()) > 1

    @torch.no_grad()
    def read_all(self, strings: Sequence[Sequence[int]], *, every_answer: bool = False) -> Iterator[Reading]:
        """Reads strings of token ids, in order.

        Args:
            strings: of any length, zero included.
            every_answer: also find the answers to all prefixes.
        """
        for first in range(0, len(strings), _ROWS):
            yield from self._read(strings[first : first + _ROWS], every_answer)

    @torch.no_grad()
    def successors(self, symbols: Sequence[int]) -> list[list[int]]:
        """The state after reading each symbol, a token id, in each state. The cell must have no memory."""
        states = self._all_states()
        rows = []
        for symbol in symbols:
            weights, _ = self._step(torch.full((len(states.output),), symbol), states)
            rows.append((weights.argmax(dim=-1) + 1).tolist())
        return [list(after) for after in zip(*rows, strict=True)]

    @torch.no_grad()
    def answers(self) -> list[int]:
        """The answer in each state, a token id. The cell must have no memory."""
        found: list[int] = self._answered(self._all_states()).tolist()
        return found

    def _all_states(self) -> CellState:
        """The start and the centroids, exactly: [k + 1, width]."""
        assert not self.has_memory
        start = self._begun(1)
        return start.map(lambda output: torch.cat([output, self.cell.states().to(output.dtype)]))

    def _read(self, strings: Sequence[Sequence[int]], every_answer: bool) -> Iterator[Reading]:
        lengths = torch.tensor([len(string) for string in strings])
        longest = int(lengths.max())
        tokens = torch.tensor([[*string, *[SPECIAL.pad] * (longest - len(string))] for string in strings])
        tokens = tokens.view(len(strings), longest)
        state = self._begun(len(strings))
        visited, largest = [torch.full_like(lengths, START)], [torch.zeros(len(strings), 0)]
        answers = [self._answered(state)] if every_answer else []
        for position in range(longest):
            weights, after = self._step(tokens[:, position], state)
            state = after.where((position < lengths).to(after.output.device), state)
            top, index = weights.float().max(dim=-1)
            visited.append(index.cpu() + 1)
            largest.append(top.cpu()[:, None])
            if every_answer:
                answers.append(self._answered(state))
        answers = answers or [self._answered(state)]
        paths, said = torch.stack(visited, dim=1).tolist(), torch.stack(answers, dim=1).tolist()
        weights_of = torch.cat(largest, dim=1)
        for row, string in enumerate(strings):
            end = len(string) + 1
            yield Reading(tuple(paths[row][:end]), tuple(said[row][:end]), weights_of[row, : end - 1])

    def _begun(self, rows: int) -> CellState:
        """The state of strings of which nothing is read yet."""
        (state,) = self._decoder.init_state(rows, 1, 1).cells
        for token in self._before:
            _, state = self._step(torch.full((rows,), token), state)
        return state

    def _step(self, tokens: Tensor, state: CellState) -> tuple[Tensor, CellState]:
        """One symbol [rows] each: the weights of the centroids [rows, k], and the state."""
        return self.cell.assigned_step(self._decoder.embedding(tokens.to(state.output.device)), state)

    def _answered(self, state: CellState) -> Tensor:
        """The most probable token [rows] after the end of the string."""
        if not self._after:
            logits: Tensor = self._decoder.output(state.output)
            return logits.argmax(dim=-1).cpu()
        step = None
        for token in self._after:
            tokens = torch.full((len(state.output), 1), token, device=state.output.device)
            step = self._decoder.step(tokens, RecurrentState([state]) if step is None else step.state)
        assert step is not None
        return step.logits[:, 0].argmax(dim=-1).cpu()
