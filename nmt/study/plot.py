"""Figures of a study, as PNG and SVG: learning curves, and bars or lines of the measure. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from nmt.output import write_bytes_atomically
from nmt.study.measure import LOSS, label_of
from nmt.study.results import Results, RunFigures, SystemResult, score_label
from nmt.study.yardsticks import yardsticks_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nmt.training.options import BestBy

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
"""Okabe and Ito's palette, which people with any kind of colour blindness can tell apart; without its yellow, which is
too faint on white."""
_DASHES = ("-", "--", "-.", ":")
_MARKERS = "osD^vPX"
_MOST_LINES = 14
"""Lines in one panel; more could not be told apart."""
_FEW_LINES = 4
"""Lines whose legend has room among them."""
_MOST_PANELS = 12
_PANELS_BESIDE = 3
_DOTS_PER_INCH = 150
_BESIDE: dict[str, Any] = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "svg.hashsalt": "nmt",  # the same figure gives the same file
    "svg.fonttype": "none",
}


def draw(results: Results, directory: Path) -> list[Path]:
    """Writes the figures of what has finished.

    Returns:
        Their paths; none of a figure without data.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib import rc_context

    with rc_context(STYLE):
        drawn = [("curves", _curves(results))]
        axis = results.plan.study.plot.x
        drawn.append(("bars", _bars(results)) if axis is None else ("lines", _lines(results, axis)))
        return [path for name, figure in drawn if figure is not None for path in write_figure(figure, directory / name)]


def write_figure(figure: Figure, path: Path) -> Iterator[Path]:
    """Writes PNG and SVG.

    Args:
        figure: the figure.
        path: path of the files without suffix.
    """
    for kind, metadata in (("png", {}), ("svg", {"Date": None})):
        file = path.with_suffix(f".{kind}")
        with write_bytes_atomically(file) as handle:
            figure.savefig(handle, format=kind, dpi=_DOTS_PER_INCH, metadata=metadata)
        yield file


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of this size in inches with one pair of axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def line_styles() -> Iterator[dict[str, Any]]:
    """Colour, line and marker of each system: they differ in more than colour."""
    for number, colour in enumerate(cycle(_COLOURS)):
        dash = _DASHES[(number + 2 * (number // len(_COLOURS))) % len(_DASHES)]
        yield {"color": colour, "linestyle": dash, "marker": _MARKERS[number % len(_MARKERS)]}


def _curves(results: Results) -> Figure | None:
    """A validation measure over updates: the mean over the seeds, and a band of one standard deviation.

    In a grid of systems, each point of the grid, at which the systems are compared, has a panel.
    """
    from matplotlib.figure import Figure

    shown = [system for system in results.systems if system.finished]
    name = _curve_measure(results, shown)
    panels: dict[str, list[tuple[str, list[tuple[int, float, float]]]]] = {}
    for system in shown:
        variant = system.variant
        panel, label = (", ".join(variant.point.values()), variant.system) if variant.system else ("", variant.name)
        if band := list(_band(system.finished, name)):
            panels.setdefault(panel, []).append((label, band))
    panels = {title: lines[:_MOST_LINES] for title, lines in islice(panels.items(), _MOST_PANELS)}
    if not panels:
        return None
    columns = min(len(panels), _PANELS_BESIDE)
    rows = -(-len(panels) // columns)
    size = (7.0, 4.2) if len(panels) == 1 else (1.5 + 2.8 * columns, 0.6 + 2.4 * rows)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    looks: dict[str, dict[str, Any]] = {}
    for axes, (title, lines) in zip(grid.flat, panels.items(), strict=False):
        for label, band in lines:
            if label not in looks:
                looks[label] = next(islice(line_styles(), len(looks), None))
            _draw_band(axes, label, band, looks[label])
        axes.set_title(title, fontsize="medium")
    for number, axes in enumerate(grid.flat):
        axes.set_visible(number < len(panels))
        axes.tick_params(labelbottom=number + columns >= len(panels))  # the lowest of its column
    figure.supxlabel("updates", fontsize="medium")
    figure.supylabel(f"validation {label_of(name)}", fontsize="medium")
    _legend(figure, grid.flat[0], len(looks), beside=len(panels) > 1)
    return figure


def _draw_band(axes: Axes, label: str, band: Sequence[tuple[int, float, float]], look: dict[str, Any]) -> None:
    updates, means, deviations = zip(*band, strict=True)
    axes.plot(updates, means, label=label, markersize=4, markevery=0.1, **look)
    if any(deviations):
        low = [mean - deviation for mean, deviation in zip(means, deviations, strict=True)]
        high = [mean + deviation for mean, deviation in zip(means, deviations, strict=True)]
        axes.fill_between(updates, low, high, color=look["color"], alpha=0.15, linewidth=0)


def _curve_measure(results: Results, shown: Sequence[SystemResult]) -> BestBy:
    """The study's measure if every run has it at its validations, else the loss."""
    name = results.plan.study.measure.name
    runs = [run for system in shown for run in system.finished]
    return name if runs and all(any(run.curve.points(name)) for run in runs) else LOSS


def _band(runs: Sequence[RunFigures], name: str) -> Iterator[tuple[int, float, float]]:
    """Update, mean and standard deviation, at the updates that all runs have validated."""
    points: list[Mapping[int, float]] = [dict(run.curve.points(name)) for run in runs]
    for update in sorted(set[int].intersection(*(set(found) for found in points))):
        values = [found[update] for found in points]
        yield update, fmean(values), stdev(values) if len(values) > 1 else 0.0


def _bars(results: Results) -> Figure | None:
    """The measure of each system: a bar, its deviation, a dot for each seed, and a diamond for a published value."""
    measure, study = results.plan.study.measure, results.plan.study
    rows = [(s, s.summaries[0].mean) for s in results.systems if s.summaries[0].mean is not None]
    if not rows:
        return None
    figure, axes = new_figure(7.0, 1.3 + 0.42 * len(rows))
    seeds: list[tuple[float, int]] = []
    published: list[tuple[float, int]] = []
    for height, (system, mean) in enumerate(rows):
        assert mean is not None
        deviation = system.summaries[0].deviation
        axes.barh(height, mean, height=0.62, color="#56B4E9", xerr=deviation, capsize=3)
        seeds += [(value, height) for run in system.finished if (value := run.value(measure)) is not None]
        text = score_label(measure, mean) + ("" if deviation is None else f" ± {score_label(measure, deviation)}")
        axes.annotate(text, (1, height), xytext=(6, 0), xycoords=("axes fraction", "data"), **_BESIDE)
        if system.variant.name in study.published:
            published.append((study.published[system.variant.name].value, height))
    axes.plot(*zip(*seeds, strict=True), "o", color="black", markersize=3.5, label="one seed")
    if published:
        axes.plot(*zip(*published, strict=True), "D", markersize=7, mfc="none", mec="#D55E00", label="published")
    for (name, value), style in zip(_common_yardsticks(results), ("--", ":", "-."), strict=False):
        axes.axvline(value, color="#666666", linestyle=style, linewidth=1.2, label=_short(name))
    # below the axes: names of strategies are long
    figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize="small")
    axes.set_yticks(range(len(rows)), [_short(system.variant.name) for system, _ in rows])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    if axes.get_xlim()[0] > -0.1 * axes.get_xlim()[1]:
        axes.set_xlim(left=0)  # bars begin at the axis, unless a deviation reaches beyond it
    axes.set_xlabel(_axis_label(results))
    return figure


def _common_yardsticks(results: Results) -> Iterator[tuple[str, float]]:
    """Name and value of the strategies that are the same for all systems."""
    for row in yardsticks_of(results):
        if row.common and row.values[0] is not None:
            yield row.name, row.values[0]


def _lines(results: Results, axis: str) -> Figure | None:
    """The measure over an axis of the grid, with a line for each combination of everything else."""
    lines: dict[str, list[tuple[float, float, float]]] = {}
    for system in results.systems:
        found, rest = system.summaries[0], [label for key, label in system.variant.point.items() if key != axis]
        if found.mean is not None:
            name = ", ".join(filter(None, (system.variant.system, *rest)))
            point = float(system.variant.values[axis]), found.mean, found.deviation or 0.0
            lines.setdefault(name, []).append(point)
    if not lines:
        return None
    figure, axes = new_figure(7.0, 4.2)
    for (name, points), look in zip(islice(lines.items(), _MOST_LINES), line_styles(), strict=False):
        places, means, deviations = zip(*sorted(points), strict=True)
        axes.errorbar(places, means, yerr=deviations, label=name, capsize=3, markersize=5, **look)
    places_all = sorted({place for points in lines.values() for place, _, _ in points})
    if places_all[0] > 0 and places_all[-1] / places_all[0] >= 16:
        axes.set_xscale("log", base=2)
    axes.set_xticks(places_all, [f"{place:g}" for place in places_all])
    axes.minorticks_off()
    axes.set_xlabel(axis.rpartition(".")[2].replace("_", " "))
    axes.set_ylabel(_axis_label(results))
    if any(lines):  # a single line without a name needs none
        _legend(figure, axes, len(lines), beside=False)
    return figure


def _axis_label(results: Results) -> str:
    measure = results.plan.study.measure
    arrow = "lower is better" if measure.lower_is_better else "higher is better"
    return f"{measure.described(results.test_set)} ({arrow})"


def _legend(figure: Figure, axes: Axes, lines: int, *, beside: bool) -> None:
    """Inside the axes if it is small, else beside them, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    labels = [_short(label) for label in labels]
    if lines <= _FEW_LINES and not beside:
        axes.legend(handles, labels, frameon=False)
    else:
        figure.legend(handles, labels, frameon=False, loc="outside right upper")


def _short(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"
