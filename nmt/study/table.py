"""The table of a study: for the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nmt.pipeline.reporter import duration
from nmt.study.measure import StudyMeasure, label_of
from nmt.study.results import RESAMPLES, Results, SystemResult, better, score_label, signatures
from nmt.study.statistics import Summary
from nmt.study.yardsticks import yardsticks_of

_MOST_SHOWN = 20
"""Failed runs that are listed; the others are counted."""


@dataclass(frozen=True)
class Table:
    """A table as text."""

    title: str
    """The claim; empty if there is none."""
    heading: str
    """What is measured, over which seeds, and what is held equal."""
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]
    """Sentences to be read below."""

    def markdown(self) -> str:
        """The table as a Markdown document."""
        title = [f"# {_escaped(self.title)}"] if self.title else []
        notes = ["\n".join(f"- {_escaped(note)}" for note in self.notes)] if self.notes else []
        return "\n\n".join([*title, _escaped(self.heading), markdown_table(self.columns, self.rows), *notes]) + "\n"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, all columns but the first flush right; without a line break at its end."""
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "\n".join(map(_row, [columns, rule, *rows]))


def table_of(results: Results) -> Table:
    """The table of what has finished."""
    study = results.plan.study
    differs = any(system.difference for system in results.systems)
    resampled = any(s.difference and s.difference.p_value is not None for s in results.systems)
    sources = list(dict.fromkeys(published.source for published in study.published.values()))
    columns = ["system", study.measure.label]
    columns += ["difference"] if differs else []
    columns += ["p"] if resampled else []
    columns += [measure.label for measure in study.also] + ["parameters", "training time"]
    columns += ["published"] if sources else []
    rows = []
    for system in results.systems:
        row = [system.variant.name, _measured(system, 0, study.measure)]
        if differs:
            row.append(f"{system.difference.value:+.{study.measure.decimals}f}" if system.difference else "")
        if resampled:
            p = system.difference.p_value if system.difference else None
            row.append("" if p is None else f"{p:.3f}")
        row += [_measured(system, number, measure) for number, measure in enumerate(study.also, start=1)]
        row.append("–" if system.parameters is None else f"{system.parameters:,}")
        row.append("–" if system.seconds is None else duration(system.seconds))
        if sources:
            published = study.published.get(system.variant.name)
            row.append("" if published is None else f"{published.value:g} [{sources.index(published.source) + 1}]")
        rows.append(row)
    for yardstick in yardsticks_of(results):
        values = [_value(value, m) for value, m in zip(yardstick.values, results.measures, strict=True)]
        between = [""] * (differs + resampled)
        rows.append([yardstick.name, values[0], *between, *values[1:], *[""] * (2 + bool(sources))])
    return Table(study.claim, _heading(results), columns, rows, [*_notes(results), *_sources(sources)])


def _measured(system: SystemResult, number: int, measure: StudyMeasure) -> str:
    """`38.8 ± 0.3`, and from how many runs unless from all."""
    found = system.summaries[number]
    words = _mean(found, measure)
    return words if found.count == len(system.runs) else f"{words} ({found.count} of {len(system.runs)} runs)"


def _value(value: float | None, measure: StudyMeasure) -> str:
    return "" if value is None else score_label(measure, value)


def _mean(found: Summary, measure: StudyMeasure) -> str:
    if found.mean is None:
        return "–"
    mean = score_label(measure, found.mean)
    return mean if found.deviation is None else f"{mean} ± {score_label(measure, found.deviation)}"


def _heading(results: Results) -> str:
    study = results.plan.study
    seeds = ", ".join(map(str, study.seeds))
    over = f"mean ± standard deviation over the seeds {seeds}" if len(study.seeds) > 1 else f"seed {seeds}"
    equal = f" Compared at equal {_EQUAL[study.compare]}." if study.compare else ""
    return f"{study.measure.described(results.test_set)} ({better(study.measure)}), {over}.{equal}"


_EQUAL = {"updates": "numbers of updates", "parameters": "numbers of parameters", "time": "training times"}


def _notes(results: Results) -> Iterator[str]:
    study = results.plan.study
    yield from _seed_notes(results)
    if any(s.difference and s.difference.p_value is not None for s in results.systems):
        pairs = "each pair of runs with the same seed"
        note = f"p: paired bootstrap of the translations, {RESAMPLES:,} resamples of the test set, for {pairs}"
        if len(study.seeds) > 1:
            note += "; the p-values of the pairs are combined by a rule that holds whatever their dependence (twice "
            note += "their mean, in the direction of the mean difference)"
        yield f"{note}. It tells whether another test set would show the same order of these models."
    for signature in signatures(results):
        yield f"{label_of(study.measure.name)} {signature}"
    if study.measure.kind == "updates_to" and any(s.summaries[0].count < len(s.finished) for s in results.systems):
        yield "Runs that did not reach the value are left out of the mean."
    if study.compare == "time":
        yield from _time_notes(results)
    yield from _failure_notes(results)


def _seed_notes(results: Results) -> Iterator[str]:
    """Which differences exceed the standard deviation over the seeds, in a sentence for each answer."""
    exceeds: dict[bool, list[str]] = {True: [], False: []}
    measure = results.plan.study.measure
    for system in results.systems:
        found = system.difference
        if found is not None and found.pooled_deviation is not None:
            share = f"{found.value:+.{measure.decimals}f} at ± {found.pooled_deviation:.{measure.decimals}f}"
            exceeds[abs(found.value) > found.pooled_deviation].append(f"{system.variant.name} ({share})")
    if exceeds[True]:
        yield f"Differences larger than the standard deviation over the seeds: {'; '.join(exceeds[True])}."
    if exceeds[False]:
        yield f"Differences no larger than the standard deviation over the seeds: {'; '.join(exceeds[False])}."


def _time_notes(results: Results) -> Iterator[str]:
    """Systems whose training took clearly longer or shorter than the baseline's."""
    by_name = {system.variant.name: system for system in results.systems}
    for system in results.systems:
        base = by_name[results.plan.baseline_of(system.variant).name]
        if system.seconds is None or not base.seconds:
            continue
        share = system.seconds / base.seconds - 1
        if abs(share) > results.plan.study.time_tolerance:
            less = "less" if share < 0 else "more"
            yield f"Unequal times: {system.variant.name} took {abs(share):.0%} {less} than {base.variant.name}."


def _failure_notes(results: Results) -> Iterator[str]:
    for run in results.failures[:_MOST_SHOWN]:
        yield f"Failed: {run.cell}: {' '.join(run.why.split())}"
    if len(results.failures) > _MOST_SHOWN:
        yield f"{len(results.failures) - _MOST_SHOWN} more runs failed."
    if waiting := results.unfinished - len(results.failures):
        total = sum(len(system.runs) for system in results.systems)
        yield f"{waiting} of {total} runs have not finished."


def _sources(sources: Sequence[str]) -> Iterator[str]:
    for number, source in enumerate(sources, start=1):
        yield f"[{number}] {source}"


def _row(texts: Sequence[str]) -> str:
    return "| " + " | ".join(map(_escaped, texts)) + " |"


def _escaped(text: str) -> str:
    """The text with what Markdown would read as a column, a tag or emphasis escaped."""
    for mark in "\\|<*`":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
