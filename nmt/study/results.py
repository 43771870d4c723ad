"""The results of a study: a value for each run, statistics for each system, and differences from the baseline."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from nmt.digest import file_digest
from nmt.evaluation.measures import MEASURES
from nmt.evaluation.tokenization import tokenizer_name
from nmt.pipeline.report import REPORT, recipe_digest
from nmt.pipeline.training import TRAIN
from nmt.study.measure import NO_CURVE, Curve, Measured, StudyMeasure, finite, is_resampled
from nmt.study.plan import Cell, Plan, Variant
from nmt.study.state import State
from nmt.study.statistics import Summary, combined_p, pooled_deviation, summary
from nmt.text import read_lines

RESAMPLES = 1000
"""Resamples of each paired bootstrap."""
_LOG = "log.jsonl"
_NOT_MEASURES = {"event", "update", "best", "samples", "what", "statistics"}


@dataclass(frozen=True)
class RunFigures:
    """What is known of one run."""

    cell: Cell
    why: str = ""
    """Reason of a failure."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """Content of report.json; empty unless the run has finished."""
    curve: Curve = NO_CURVE
    references: Mapping[str, str] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether the run has finished."""
        return bool(self.report)

    @property
    def seconds(self) -> float:
        """Time of the updates, without validations."""
        return float(self.report["training"]["seconds_of_updates"])

    def value(self, measure: StudyMeasure) -> float | None:
        """The value of a measure; None if the run has none."""
        return measure.of(Measured(self.report.get("scores", {}), self.curve)) if self.finished else None


@dataclass(frozen=True)
class Difference:
    """A system compared with its baseline by the study's measure."""

    baseline: str
    value: float
    """The system's mean minus the baseline's."""
    pooled_deviation: float | None
    """Standard deviation over the seeds, from both systems."""
    p_value: float | None = None
    """See `nmt.study.statistics.combined_p`; None if lines cannot be resampled."""
    p_values: Mapping[int, float] = field(default_factory=dict)
    """The p-value of each pair, by seed."""


@dataclass(frozen=True)
class SystemResult:
    """One row of the table."""

    variant: Variant
    runs: Sequence[RunFigures]
    """By seed."""
    summaries: Sequence[Summary]
    """Of the study's measure, then of each further one."""
    difference: Difference | None
    """None for the baseline, or without values."""

    @property
    def finished(self) -> list[RunFigures]:
        """The finished runs."""
        return [run for run in self.runs if run.finished]

    @property
    def parameters(self) -> int | None:
        """Parameters of the model; None before the first run has finished."""
        return self.finished[0].report["parameters"] if self.finished else None

    @property
    def seconds(self) -> float | None:
        """Mean training time of a run; None before the first run has finished."""
        return fmean(run.seconds for run in self.finished) if self.finished else None


@dataclass(frozen=True)
class Results:
    """All rows."""

    plan: Plan
    systems: Sequence[SystemResult]

    @property
    def measures(self) -> list[StudyMeasure]:
        """The study's measure and the further ones."""
        return [self.plan.study.measure, *self.plan.study.also]

    @property
    def failures(self) -> list[RunFigures]:
        """The failed runs."""
        return [run for system in self.systems for run in system.runs if run.why]

    @property
    def unfinished(self) -> int:
        """Number of runs that have not finished."""
        return sum(not run.finished for system in self.systems for run in system.runs)

    @property
    def test_set(self) -> str:
        """Name of the test set that the study's measure reads; empty if there is none or no result yet."""
        named = self.plan.study.measure.test_set
        scores = (run.report.get("scores", {}) for system in self.systems for run in system.finished)
        return named or ("" if named is None else next((next(iter(found), "") for found in scores), ""))


def results_of(
    plan: Plan, state: State, figures: Mapping[str, RunFigures], tested: Callable[[str], None] | None = None
) -> Results:
    """The results of all runs that have finished.

    Args:
        plan: the study.
        state: its memory, which keeps the p-values; write it afterwards.
        figures: the figures of each run, by its recipe's name (`read_run`).
        tested: called with a system's name before its translations are compared; None: p-values that are not in the
            memory are left out.
    """
    measures = [plan.study.measure, *plan.study.also]
    runs: dict[str, list[RunFigures]] = {variant.name: [] for variant in plan.variants}
    for cell in plan.cells():
        runs[cell.variant.name].append(figures[cell.recipe.name])
    rows = []
    for variant in plan.variants:
        base, own = runs[plan.baseline_of(variant).name], runs[variant.name]
        summaries = [summary(_values(own, measure)) for measure in measures]
        difference = None
        if base is not own:
            difference = _difference(base, own, plan.study.measure, state, tested)
        rows.append(SystemResult(variant, own, summaries, difference))
    return Results(plan, rows)


def read_run(cell: Cell, state: State) -> RunFigures:
    """The figures of a run as it stands; those of other settings do not count."""
    entry = state.entry(cell)
    if entry is None or entry.why:
        return RunFigures(cell, "" if entry is None else entry.why)
    report = _report(cell)
    if report.get("recipe_digest") != recipe_digest(cell.recipe.model_dump(mode="json")):
        return RunFigures(cell)
    return RunFigures(cell, "", report, read_curve(cell.directory), entry.references)


def read_curve(run: Path) -> Curve:
    """The validations of a run, from its log."""
    updates, events = list[int](), list[dict[str, Any]]()
    try:
        lines = (run / TRAIN / _LOG).read_text(encoding="utf-8").splitlines()
    except OSError:
        return NO_CURVE
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:  # cut off when the process was killed
            continue
        if event.get("event") == "validated" and event.get("what") == "weights":
            updates.append(event["update"])
            events.append(event)
    names = [name for event in events[:1] for name in event if name not in _NOT_MEASURES]
    return Curve(updates, {name: [finite(event.get(name)) for event in events] for name in names})


def _report(cell: Cell) -> dict[str, Any]:
    try:
        report: dict[str, Any] = json.loads((cell.directory / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report


def _values(runs: Sequence[RunFigures], measure: StudyMeasure) -> list[float]:
    return [value for run in runs if (value := run.value(measure)) is not None]


def _difference(
    base: Sequence[RunFigures],
    own: Sequence[RunFigures],
    measure: StudyMeasure,
    state: State,
    tested: Callable[[str], None] | None,
) -> Difference | None:
    one, other = summary(_values(base, measure)), summary(_values(own, measure))
    if one.mean is None or other.mean is None:
        return None
    names = base[0].cell.variant.name, own[0].cell.variant.name
    plain = Difference(names[0], other.mean - one.mean, pooled_deviation(one, other))
    if not is_resampled(measure):
        return plain
    differences, p_values = list[float](), dict[int, float]()
    for first, second in _pairs(base, own, measure):
        p = _paired_test(first, second, measure, state, None if tested is None else lambda: tested(names[1]))
        if p is not None:
            differences.append((second.value(measure) or 0.0) - (first.value(measure) or 0.0))
            p_values[second.cell.seed] = p
    if not p_values:
        return plain
    p_value = combined_p(differences, list(p_values.values()))
    return Difference(plain.baseline, plain.value, plain.pooled_deviation, p_value, p_values)


def _pairs(
    base: Sequence[RunFigures], own: Sequence[RunFigures], measure: StudyMeasure
) -> Iterator[tuple[RunFigures, RunFigures]]:
    """Pairs of runs with the same seed, if both have a value."""
    for first, second in zip(base, own, strict=True):
        if first.value(measure) is not None and second.value(measure) is not None:
            yield first, second


def _paired_test(
    base: RunFigures, own: RunFigures, measure: StudyMeasure, state: State, tested: Callable[[], None] | None
) -> float | None:
    """The p-value of a paired bootstrap; None if the references differ or are gone, or without `tested`."""
    texts = [_texts(run, measure) for run in (base, own)]
    if any(not path.is_file() for pair in texts for path in pair):
        return None
    (baseline, reference), (system, other_reference) = texts
    if file_digest(reference) != file_digest(other_reference):
        return None
    recipe = own.cell.recipe
    words = tokenizer_name(recipe.evaluation.tokenize, recipe.corpus.target, read_lines(reference))
    digests = [file_digest(path) for path in (baseline, system, reference)]
    key = hashlib.sha256(json.dumps([*digests, measure.name, words, RESAMPLES]).encode()).hexdigest()
    if key not in state.tests and tested is not None:
        tested()
        from nmt.evaluation.significance import paired_bootstrap  # imports sacrebleu

        assert measure.name != "loss"
        lines = [list(read_lines(path)) for path in (baseline, system, reference)]
        (found,) = paired_bootstrap(lines[0], lines[1], lines[2:], words, RESAMPLES, [measure.name])
        # Equal scores are no evidence of a difference; sacrebleu counts strictly larger ones and finds p = 1 / 1001.
        state.tests[key] = 1.0 if found.baseline == found.system else found.p_value
    return state.tests.get(key)


def _texts(run: RunFigures, measure: StudyMeasure) -> tuple[Path, Path]:
    """Translations of a test set and its references."""
    name = measure.test_set or next(iter(run.report.get("scores", {})), "")
    return run.cell.directory / "translate" / name, Path(run.references.get(name, ""))


def score_label(measure: StudyMeasure, value: float) -> str:
    """A value with the measure's decimal places."""
    return f"{value:.{measure.decimals}f}"


def better(measure: StudyMeasure) -> str:
    """The direction of improvement in words."""
    return "lower is better" if measure.lower_is_better else "higher is better"


def signatures(results: Results) -> list[str]:
    """The signature of the study's measure in every run, each once; empty for a measure of validations."""
    name, found = results.plan.study.measure.name, dict[str, None]()
    if results.plan.study.measure.test_set is None or name not in MEASURES:
        return []
    for system in results.systems:
        for run in system.finished:
            score = run.report.get("scores", {}).get(results.test_set, {}).get(name, {})
            found |= dict.fromkeys([score["signature"]] if "signature" in score else [])
    return list(found)
