"""State-regularised recurrent layers (Wang and Niepert 2019, arXiv 1901.08817)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from nmt.nn.annealing import Annealed, check_period, share_done
from nmt.nn.cells.base import AnyCell, Cell, CellState
from nmt.nn.cells.gru import GRU
from nmt.nn.cells.norms import NormStep
from nmt.nn.cells.options import WrapperOptions
from nmt.nn.clipping import AnnealedLimit
from nmt.nn.initial import Uniform
from nmt.nn.temperature import AnnealedTemperature, Temperature
from nmt.options import Count, Effect, NonNegativeFloat, Options, PositiveFloat, Size, Width

if TYPE_CHECKING:
    from nmt.nn.cells import CellConfig

Similarity = Literal["dot", "cosine", "l2"]
Assignment = Literal["soft", "hard"]

_RANGE = 0.5


class Introduction(Options):
    """The updates in which centroids gradually replace the outputs of a cell.

    Until `from_update` the cell learns as if it had no centroids; from then on, each output of each sequence is
    replaced with a probability that reaches 1 at `until_update`. Outside training all outputs are replaced, so
    validation is meaningless before.
    """

    from_update: Count = 0
    """The update after which outputs are replaced; choose it late enough for the cell to have learned the task."""
    until_update: Size
    """The update from which all outputs are replaced; choose it well before the last update, so that the model can
    settle."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_period(self.from_update, self.until_update)
        return self

    def share(self, update: int) -> float:
        """The probability that an output is replaced."""
        return share_done(update, self.from_update, self.until_update)


class StateRegularized(Cell[Any], Annealed):
    """A cell whose output u is replaced by a mixture of k learned centroids S.

        a = softmax(similarity(u, S) / temperature + noise)         h = a S

    So h stays in the convex hull of the centroids however long a sequence is, and with peaked weights the layer moves
    between k states, like an automaton. The cell's other state, such as the memory of an LSTM, is left alone. A limit
    clips the centroids and what the cell carries.
    """

    class Config(WrapperOptions):
        """Any cell with its output replaced by a mixture of learned centroids, so that it moves between finitely many
        states, from which `nmt automaton` extracts an automaton (Wang and Niepert 2019).
        """

        kind: Literal["state_regularized"] = "state_regularized"
        cell: CellConfig = GRU.Config()
        """The cell whose output is replaced. A GRU or a simple recurrent layer has no other state and so becomes an
        automaton; an LSTM keeps its memory, which then carries what the few states of the output cannot."""
        centroids: Width = 50
        """Number of centroids. The output carries at most the logarithm of it in information; more than needed do no
        harm."""
        centroid_range: PositiveFloat | None = _RANGE
        """Initial centroids are uniform between minus this and this; null for the range of the model's other matrices.
        Published are 0.1 and 0.5. From close centroids training starts slowly, since each step forgets most of what the
        state was; distant ones may soon all give way to a single one."""
        assignment: Assignment = "soft"
        """`soft`: a mixture of all centroids, as published. `hard`: the most similar centroid alone; gradients are
        those of the mixture (straight-through)."""
        introduction: Annotated[Introduction | None, Effect.TRAINING] = None
        """The updates in which training gradually brings in the centroids; null to have them from the start, as
        published. Since the mixture forgets most of what the output was, counting and parity are hardly ever learned
        through fresh centroids; a cell that knows them already adapts."""
        noise: Annotated[NonNegativeFloat, Effect.TRAINING] = 0.0
        """Factor of Gumbel noise that training adds to the logarithms of the weights. With 1 and `hard`, centroids are
        drawn by their weights, the published stochastic version; with 1 and `soft`, mixtures are drawn. Without noise a
        model can hide information in tiny weights, and no automaton agrees with it; use 0.5 to extract automata."""
        similarity: Similarity = "dot"
        """Similarity of an output and a centroid. `dot`: product, as published; long centroids attract. `cosine`:
        cosine of the angle, between -1 and 1, so temperatures should be 0.1 or lower. `l2`: negative squared
        distance."""
        temperature: Temperature = Temperature()
        """Temperature of the weights: a high one makes all states alike, a low one makes them distinct but leaves
        little gradient. Automata agree with the model if the weights are peaked at the end of training."""

        @model_validator(mode="after")
        def _check_cell(self) -> Self:
            if self.cell.kind == self.kind:
                raise ValueError(
                    f"cell must be another kind of cell, not {self.kind}: an output is replaced by centroids once"
                )
            return self

        def build(self, inputs: int, width: int, limit: AnnealedLimit | None = None) -> StateRegularized:
            """A layer with fresh weights."""
            return StateRegularized(self, self.cell.build(inputs, width, limit))

    def __init__(self, config: Config, cell: AnyCell) -> None:
        super().__init__(cell.inputs, cell.width, cell.projected, cell.norms, cell.limit)
        self.similarity, self.assignment = config.similarity, config.assignment
        self.centroid_range, self.noise = config.centroid_range, config.noise
        self.introduction, self.share = config.introduction, 0.0 if config.introduction else 1.0
        self.cell = cell
        self.centroids = nn.Parameter(torch.empty(config.centroids, cell.width))
        self.temperature = AnnealedTemperature(config.temperature)
        nn.init.uniform_(self.centroids, -_RANGE, _RANGE)

    def initialise(self, start: Uniform) -> None:
        self.cell.initialise(start)
        (start if self.centroid_range is None else Uniform(self.centroid_range)).draw(self.centroids)

    def anneal(self, update: int) -> bool:
        if self.introduction is not None:
            self.share = self.introduction.share(update)
        return False

    def empty(self, like: Tensor, rows: int) -> CellState:
        state: CellState = self.cell.empty(like, rows)
        return state

    def begin_from(self, state: CellState) -> CellState:
        begun: CellState = self.cell.begin_from(state)
        return begun

    def project(self, x: Tensor) -> Tensor:
        return self.cell.project(x)

    def recur(self, projected: Tensor, state: CellState, norm: NormStep) -> CellState:
        return self._regularized(self.cell.recur(projected, state, norm))[1]

    def assigned_step(self, x: Tensor, state: CellState) -> tuple[Tensor, CellState]:
        """As `step`, with the weights of the centroids before hardening: [rows, k]."""
        return self._regularized(self.cell.step(x, state))

    def states(self) -> Tensor:
        """The centroids within the limit: [k, width]."""
        return self.bounded(self.centroids)

    def _regularized(self, after: CellState) -> tuple[Tensor, CellState]:
        """The weights of the centroids, and the state with their mixture as its output."""
        states = self.states()
        # as all that is carried from step to step, in the weights' dtype
        with torch.autocast(states.device.type, enabled=False):
            scores: Tensor = self.temperature(self._scores(after.output.to(states.dtype), states))
            weights = torch.softmax(self._noisy(scores), dim=-1)
            mixture = (self._hardened(weights) if self.assignment == "hard" else weights) @ states
        return weights, replace(after, output=self._introduced(mixture, after.output))

    def _scores(self, output: Tensor, states: Tensor) -> Tensor:
        """Similarities of outputs [rows, width] and centroids [k, width]: [rows, k]."""
        if self.similarity == "cosine":
            return nn.functional.normalize(output, dim=-1) @ nn.functional.normalize(states, dim=-1).mT
        products = output @ states.mT
        # without the square of the output, which is the same for all centroids
        return products if self.similarity == "dot" else 2 * products - states.square().sum(dim=-1)

    def _noisy(self, scores: Tensor) -> Tensor:
        """In training, the scores with Gumbel noise: their argmax is then a draw from their softmax (for a factor of
        1).
        """
        if not self.training or self.noise == 0.0:
            return scores
        return scores - self.noise * torch.empty_like(scores).exponential_().log()

    def _introduced(self, mixture: Tensor, output: Tensor) -> Tensor:
        """The mixture [rows, width]; in training, the cell's own output in those rows that are not replaced yet."""
        if not self.training or self.share == 1.0:
            return mixture
        return torch.where(torch.rand_like(mixture[:, :1]) < self.share, mixture, output.to(mixture.dtype))

    def _hardened(self, weights: Tensor) -> Tensor:
        """1 at the largest weight and 0 elsewhere, with the gradient of the weights."""
        largest = nn.functional.one_hot(weights.argmax(dim=-1), weights.shape[-1])
        return largest + (weights - weights.detach())
