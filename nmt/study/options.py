"""The settings of a study, as its YAML file gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from nmt.options import Options, PositiveFloat, Seed
from nmt.study.measure import AnyMeasure

MOST_RUNS = 2000
"""Most runs of one study; a grid that is larger by mistake is refused before its product is formed."""
MOST_NAME = 100
"""Longest name of a system in characters."""

Name = Annotated[str, Field(min_length=1, max_length=MOST_NAME, pattern=r"^[^\x00-\x1f]+$")]


class System(Options):
    """One row of the table: all keys but `recipe` are settings of the recipe, as `tokenizer.vocabulary_size: 2000`.

    As on the command line, a value replaces the old one as a whole.
    """

    model_config = ConfigDict(extra="allow")

    recipe: str | None = None
    """Recipe of this system; null for the study's."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings by dotted key."""
        return self.model_extra or {}


def _unchanged(system: object) -> object:
    """The system; with nothing after its name, the recipe as it is."""
    return {} if system is None else system


class Published(Options):
    """A published result, shown beside the measured one."""

    value: float
    """The value, in the unit of the study's measure."""
    source: str
    """Where it is published: authors, year, table."""


class Plot(Options):
    """Options of the figure of the results."""

    x: str | None = None
    """Axis of the grid with numbers as values: the measure is drawn over it, with one line per system. null: bars."""


class Study(Options):
    """Systems, seeds and a measure: every system is trained once with every seed."""

    name: Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f.][^/\\\x00-\x1f]*$", max_length=MOST_NAME)]
    """Name of the study's folder, runs/studies/<name>/. Default: the name of the study's file."""
    claim: str = ""
    """The claim that is examined, in one sentence; it heads the table. `nmt` prints figures and never a verdict."""
    recipe: str | None = None
    """Recipe of all systems that name none: a file, relative to the study's folder, or the name of a shipped recipe."""
    settings: dict[str, Any] = {}
    """Settings of all systems, by dotted key, as `training.updates: 500`; a system's own settings override them."""
    systems: dict[Name, Annotated[System, BeforeValidator(_unchanged)]] = {}
    """The systems to compare, by the name that the table shows, each with the settings that distinguish it."""
    grid: dict[str, list[Any] | dict[Name, Any]] = {}
    """Settings with a choice of values each: all combinations are run, each of them with each of `systems` if there are
    any. Values are a list, or a mapping if they need names: `model.cell: {LSTM: {kind: lstm}, GRU: {kind: gru}}`."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (1, 2, 3)
    """Values of `training.seed`: initial weights, order of the data and random draws. Three or more show how much of a
    difference is chance."""
    measure: AnyMeasure
    """The number by which systems are compared: a measure of test sets by its name, as `bleu`; `loss` for the best
    validation loss; or a kind: `{kind: test, name: bleu, set: news}`, `{kind: validation, name: bleu, at: final}`,
    `{kind: updates_to, name: loss, value: 3.5}`."""
    also: tuple[AnyMeasure, ...] = ()
    """Further measures, each with a column of the table."""
    baseline: str | None = None
    """System that the others are compared with; null for the first. In a grid of systems, systems with the same values
    of the grid are compared."""
    compare: Literal["updates", "parameters", "time"] | None = None
    """The quantity that all systems have in equal amounts, shown above the table. Unequal updates or parameters are
    refused before anything runs; unequal training times are reported with the results. null: nothing is checked."""
    parameter_tolerance: Annotated[PositiveFloat, Field(lt=1.0)] = 0.02
    """With `compare: parameters`, the largest accepted difference from the baseline, as a share of its parameters. 2 %
    leaves room for widths that are whole numbers."""
    time_tolerance: Annotated[PositiveFloat, Field(lt=1.0)] = 0.1
    """With `compare: time`, the difference from the baseline's training time that is not reported, as a share. Times on
    a machine that does other work vary by as much as 10 %."""
    published: dict[str, Published] = {}
    """Published results, by the system's name in the table."""
    plot: Plot = Plot()
    """How the results are drawn, beside the learning curves."""

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("name each seed once")
        return seeds

    @field_validator("claim")
    @classmethod
    def _one_line(cls, claim: str) -> str:
        return " ".join(claim.split())

    @field_validator("grid")
    @classmethod
    def _axes_have_values(cls, grid: dict[str, list[Any] | dict[str, Any]]) -> dict[str, list[Any] | dict[str, Any]]:
        if empty := [key for key, values in grid.items() if not values]:
            raise ValueError(f"give {empty[0]} at least one value")
        return grid
