"""Weights of features that make the best corpus score on a development set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmt.errors import UserError
from nmt.inference.reranking.candidates import MOST
from nmt.inference.reranking.options import TuningOptions
from nmt.inference.reranking.statistics import Statistics
from nmt.inference.reranking.table import FeatureTable
from nmt.inference.reranking.weights import RerankingWeights, preset_weights

Vector = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_MEMBERS, _GENERATIONS = 10, 50
"""Members of a generation for each feature, and the most generations."""
_TOLERANCE = 1e-5
"""The search ends when the scores of a generation deviate by less than this share of their mean."""


@dataclass(frozen=True)
class Tuned:
    """The weights, and scores on the development set."""

    weights: RerankingWeights
    first: float
    """Score of each line's first hypothesis: of the list as it was, if it is sorted."""
    start: float
    """Score with the weights that the search started from."""
    tuned: float
    """Score with the tuned weights, on the text that they were tuned on."""
    held_out: float | None
    """Score by cross-validation: each part reranked with weights tuned on the others. None: not computed."""
    oracle: float
    """Score of the best choice of hypotheses: an upper bound, approximate for BLEU."""
    held_out_choice: Indices | None
    """[N] the hypotheses chosen in cross-validation."""


def tune(
    table: FeatureTable,
    statistics: Statistics,
    start: RerankingWeights,
    options: TuningOptions,
) -> Tuned:
    """Searches the weights with the highest corpus score; those of the start stay if none are better.

    The score is constant between the points where a line's choice changes, so it has no gradient, and a local search
    ends on the first plateau. scipy's differential evolution needs neither gradient nor starting point, is
    deterministic under a seed, and with the statistics at hand makes its two thousand evaluations in seconds. With as
    many, repeated Powell and Nelder-Mead searches found lower scores, which depended more on the seed.

    Weights of log-probabilities are at least 0, so a hypothesis never gains by being less probable, which would only
    fit the development set; that of the length has either sign. The length penalty stays as it is.

    Args:
        table: the features of M hypotheses of N lines.
        statistics: the statistics of the same hypotheses.
        start: weights that take part in the search.
        options: settings of the search.

    Raises:
        UserError: scipy is not installed, or the weights do not fit the table.
    """
    check_installed()
    search = _Search(table, statistics, start.length_penalty, options.seed)
    lines = np.arange(len(table.candidates.sizes))
    first = table.candidates.starts
    vector = search.best(lines, start)
    held_out, folds = None, min(options.folds, len(lines))
    if folds > 1:
        held_out = np.empty_like(first)
        neutral = preset_weights("sum", table.names, "start")  # those at hand may have been tuned on the held-out part
        for fold in range(folds):
            own = lines % folds == fold
            held_out[own] = search.choice(search.best(lines[~own], neutral))[own]
    found = start.model_copy(update={"weights": dict(zip(table.names, _readable(vector), strict=True))})
    before = statistics.score(search.choice(start.vector(table.names, "weights")))
    after = statistics.score(search.choice(found.vector(table.names, "weights")))
    if after <= before:
        found, after = start, before
    return Tuned(
        weights=found,
        first=statistics.score(first),
        start=before,
        tuned=after,
        held_out=None if held_out is None else statistics.score(held_out),
        oracle=statistics.score(statistics.oracle(first)),
        held_out_choice=held_out,
    )


def check_installed() -> None:
    """Checks that scipy is there.

    Raises:
        UserError: it is not.
    """
    try:
        import scipy.optimize  # noqa: F401
    except ImportError as error:
        got = f"none ({error})"
        raise UserError("--tune", "the Python module scipy", got, "pip install 'nmt-toolkit[tune]'") from None


class _Search:
    """A search in units in which features are comparable: multiples of their standard deviation within a line."""

    def __init__(self, table: FeatureTable, statistics: Statistics, length_penalty: float, seed: int) -> None:
        self._table, self._statistics, self._seed = table, statistics, seed
        self._values = table.normalized(length_penalty)
        self._unit = _unit(self._values, table)
        """[F] standard deviation of each feature within a line."""

    def choice(self, weights: Vector) -> Indices:
        """The hypotheses chosen with these weights, [N]."""
        return self._table.chosen(self._values @ weights)

    def best(self, lines: Indices, start: RerankingWeights) -> Vector:
        """The weights with the highest score of these lines, found from a start.

        Args:
            lines: their indices.
            start: weights that take part in the search.
        """
        from scipy.optimize import differential_evolution

        def loss(scaled: Vector) -> float:
            return -self._statistics.score(self.choice(scaled / self._unit)[lines])

        bounds = [(0.0, 1.0)] * (len(self._unit) - 1) + [(-1.0, 1.0)]
        found: Any = differential_evolution(
            loss,
            bounds,
            x0=self._in_box(start),
            popsize=_MEMBERS,
            maxiter=_GENERATIONS,
            tol=_TOLERANCE,
            polish=False,  # a gradient of plateaus
            rng=self._seed,
        )
        vector: Vector = found.x / self._unit
        return vector

    def _in_box(self, start: RerankingWeights) -> Vector:
        """Weights in the box of the search, [F]: only their direction matters."""
        scaled = start.vector(self._table.names, "weights") * self._unit
        scaled[:-1] = scaled[:-1].clip(min=0.0)
        box: Vector = scaled / max(float(np.abs(scaled).max()), 1e-9)
        return box


def _unit(values: Vector, table: FeatureTable) -> Vector:
    """Standard deviation of each feature within a line, [F]; 1 for a constant one."""
    sizes, starts = table.candidates.sizes, table.candidates.starts
    means = np.add.reduceat(values, starts, axis=0) / sizes[:, None]  # [N, F]
    deviation: Vector = np.sqrt(((values - np.repeat(means, sizes, axis=0)) ** 2).mean(0))
    return np.where(deviation > 1e-9, deviation, 1.0)


def _readable(vector: Vector) -> list[float]:
    """The weights of six digits, the largest of a log-probability being 1: their scale has no effect."""
    largest = float(vector[:-1].max(initial=0.0)) or 1.0
    return [float(f"{weight:.6g}") for weight in (vector / largest).clip(-MOST, MOST).tolist()]
