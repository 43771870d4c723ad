"""The memory of an architecture: the largest distance at which it reproduces random tokens (Illium et al. 2022).

For each distance, ordinary runs are trained on the corpus `memorization`, one for each seed. A distance is reproduced
if the mean exact match reaches a threshold. The search doubles the distance up to the first that is not, then bisects:
it takes for granted that what is lost at one distance is lost at every larger one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from data_prep.synthetic import Memorization
from nmt.errors import UserError
from nmt.pipeline.lock import locked
from nmt.study.measure import OfTest
from nmt.study.missing import run_missing
from nmt.study.plan import Cell, Plan, Variant, raise_study, seeded
from nmt.study.results import RunFigures
from nmt.study.running import Watcher
from nmt.study.state import State
from nmt.study.statistics import Summary, summary

MEASURE = OfTest(name="exact_match")


class DistanceSearch:
    """The search for the largest distance of one architecture.

    Args:
        longest: the largest distance to try.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self.reproduced = 0
        """The largest distance that is known to be reproduced."""
        self.lost: int | None = None
        """The smallest distance that is known not to be."""

    def next(self) -> int | None:
        """The distance to try; None at the end."""
        if self.lost is None:
            return min(max(2 * self.reproduced, 1), self._longest) if self.reproduced < self._longest else None
        return (self.reproduced + self.lost) // 2 if self.lost - self.reproduced > 1 else None

    def tell(self, distance: int, *, reproduced: bool) -> None:
        """The outcome of the distance that `next` named."""
        if reproduced:
            self.reproduced = distance
        else:
            self.lost = distance


@dataclass
class Probed:
    """The outcome for one architecture."""

    variant: Variant
    vocabulary: int
    """Number of different tokens."""
    search: DistanceSearch
    runs: dict[int, list[RunFigures]] = field(default_factory=dict)
    """The runs of each distance, one for each seed."""

    @property
    def parameters(self) -> int | None:
        """Parameters of the model; None if no run has finished."""
        finished = [run for runs in self.runs.values() for run in runs if run.finished]
        return finished[0].report["parameters"] if finished else None

    def accuracy(self, distance: int) -> Summary:
        """Exact match in percent over the seeds."""
        return summary([value for run in self.runs[distance] if (value := run.value(MEASURE)) is not None])

    def bits(self, distance: int) -> float | None:
        """Mean bits that the model knows of the token, of the log2 of the vocabulary; None if it was not measured."""
        known = [run.value(OfTest(name="perplexity")) for run in self.runs[distance]]
        # an answer is two tokens, the end included: its loss in bits is twice log2 of the perplexity
        bits = [math.log2(self.vocabulary) - 2 * math.log2(value) for value in known if value is not None]
        return max(sum(bits) / len(bits), 0.0) if bits else None


def memorization_of(plan: Plan) -> Mapping[str, Memorization]:
    """The corpus of each architecture, by its name.

    Raises:
        UserError: one is not of the kind `memorization`, or its recipe does not measure exact matches.
    """
    found, mistakes = dict[str, Memorization](), []
    for variant in plan.variants:
        recipe = plan.recipes[variant.name]
        if not isinstance(recipe.corpus, Memorization):
            fix = "recipes/studies/tasks/memorization.yaml is such a recipe."
            mistakes.append(UserError(f"{variant.where}: corpus.kind", "memorization", recipe.corpus.kind, fix))
        elif MEASURE.missing(recipe):
            fix = "Set `evaluation: {measures: [exact_match, perplexity]}`."
            mistakes.append(UserError(f"{variant.where}: evaluation.measures", "exact_match among them", "none", fix))
        else:
            found[variant.name] = recipe.corpus
    raise_study(mistakes, plan.document.where)
    return found


def probe_memory(plan: Plan, threshold: float, jobs: int, watcher: Watcher) -> list[Probed]:
    """Searches for the largest distance of every architecture of a plan, all of them side by side.

    Args:
        plan: architectures and seeds; the corpora's `longest_distance` bounds the search.
        threshold: exact match, in percent, from which a distance counts as reproduced.
        jobs: runs at the same time.
        watcher: shows the progress.

    Raises:
        UserError: a run has failed, or the plan is at work elsewhere.
    """
    corpora = memorization_of(plan)
    probed = [
        Probed(variant, corpora[variant.name].vocabulary, DistanceSearch(corpora[variant.name].longest_distance))
        for variant in plan.variants
    ]
    with locked(plan.directory):
        state = State(plan.directory)
        shown = 0
        while asked := [(one, distance) for one in probed if (distance := one.search.next()) is not None]:
            cells = {one.variant.name: list(_cells(plan, one.variant, distance)) for one, distance in asked}
            together = [cell for group in cells.values() for cell in group]
            figures = run_missing(together, state, jobs, plan.directory, watcher, before=shown)
            if failed := [run for run in figures.values() if run.why]:
                raise UserError(f"{failed[0].cell}", "a training that ends", failed[0].why)
            shown += len(together)
            for one, distance in asked:
                one.runs[distance] = [figures[cell.recipe.name] for cell in cells[one.variant.name]]
                mean = one.accuracy(distance).mean
                one.search.tell(distance, reproduced=mean is not None and mean >= threshold)
        state.write()
    return probed


def _cells(plan: Plan, variant: Variant, distance: int) -> Iterator[Cell]:
    at_distance = replace(
        variant, name=f"{variant.name}, distance {distance}", stem=f"{variant.stem}_distance_{distance}"
    )
    recipe = plan.recipes[variant.name]
    recipe = recipe.model_copy(update={"corpus": recipe.corpus.model_copy(update={"distance": distance})})
    for seed in plan.study.seeds:
        yield Cell(at_distance, seed, seeded(recipe, at_distance, seed), plan.directory)
