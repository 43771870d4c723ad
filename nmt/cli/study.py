"""`nmt study`: compares systems over several seeds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from nmt.cli.arguments import jobs_option, runs_option_into
from nmt.imports import quick_imports
from nmt.shipped import shipped_studies, shipped_study

if TYPE_CHECKING:
    from rich.console import Console

    from nmt.study.check import Checked
    from nmt.study.plan import Plan
    from nmt.study.results import Results

R = TypeVar("R")
_FAILED = 1
"""Exit status if a run has failed."""
_RUN = "run"


class _StudyGroup(click.Group):
    """A group in which `nmt study FILE` means `nmt study run FILE`."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        """Adds the command if the first word is a file or one of its options."""
        first = arguments[0] if arguments else "--help"
        is_file = "." in first or "/" in first or Path(first).exists()
        if first not in self.commands and first not in context.help_option_names and (is_file or first[0] == "-"):
            arguments = [_RUN, *arguments]
        return super().parse_args(context, arguments)


def _study_argument(function: Callable[..., R]) -> Callable[..., R]:
    """STUDY and --runs, passed as `study` and `runs`."""

    def found(context: click.Context, parameter: click.Parameter, path: Path) -> Path:
        return path if path.exists() else shipped_study(path.as_posix()) or path

    function = runs_option_into("the study and its runs go into its subfolder studies/<study name>/")(function)
    return click.argument("study", type=click.Path(path_type=Path), callback=found)(function)


@click.group(cls=_StudyGroup, no_args_is_help=True)
def command() -> None:
    """Compare systems: train each with several seeds, then show the measures, their deviations and significance.

    \b
    nmt study STUDY.yaml             # runs what is missing, then prints the table
    nmt study STUDY.yaml --jobs 2    # two runs at a time
    nmt study check STUDY.yaml       # checks the study, counts parameters; does not train
    nmt study show STUDY.yaml        # the table of what has finished so far
    nmt study schema                 # the JSON schema of studies, which describes every key
    nmt study list                   # the studies shipped with nmt, which can be named in place of a file

    \b
    A STUDY is a YAML file, such as:
      recipe: transformer_tiny.yaml
      systems:
        6,000 pieces: {tokenizer.vocabulary_size: 6000}
        2,000 pieces: {tokenizer.vocabulary_size: 2000}
      seeds: [1, 2, 3]
      measure: bleu
    """


@command.command(_RUN)
@_study_argument
@jobs_option
def run_study(study: Path, runs: Path, jobs: int) -> int:
    """Run what is missing of STUDY, then print the table. `nmt study STUDY` is short for this.

    Interrupt whenever you like: the same command resumes. Finished runs are reused while their settings and files are
    unchanged. A run that fails does not stop the others; the exit status is then 1, and the same command tries again.
    """
    with quick_imports():
        from nmt.cli.console import stdout_console
        from nmt.cli.study_progress import watching
        from nmt.cli.study_results import draw_figures
        from nmt.study.conduct import conduct
        from nmt.study.plot import draw

    plan, checked = _checked(study, runs)
    console = stdout_console()
    with watching(console, len(plan.cells()), jobs) as watcher:
        results = conduct(plan, checked, jobs, watcher)
    _show_table(results, console)
    console.print(f"\nResults: {plan.directory}", soft_wrap=True)
    draw_figures(partial(draw, results, plan.directory), console)
    return _FAILED if results.failures else 0


@command.command()
@_study_argument
def check(study: Path, runs: Path) -> None:
    """Validate STUDY and the recipes of its systems, and count their parameters; nothing is trained.

    Shows all mistakes at once, with file and line; doubtful settings give a warning.
    """
    from nmt.cli.console import stdout_console

    plan, checked = _checked(study, runs)
    console = stdout_console()
    _show_sizes(plan, checked, console)
    if any(size.bound for size in checked.sizes.values()):
        note = "The text determines the vocabulary size. The counts assume the largest possible one"
        later = "; `nmt study` compares the real ones before training" if plan.study.compare == "parameters" else ""
        console.print(f"{note}{later}.", soft_wrap=True)
    systems, seeds = len(plan.variants), len(plan.study.seeds)
    console.print(f"{study}: OK, {systems} systems × {seeds} seeds = {systems * seeds} runs", soft_wrap=True)


@command.command()
@_study_argument
def show(study: Path, runs: Path) -> None:
    """Print the table of what has finished so far of STUDY; nothing is run or written."""
    with quick_imports():
        from nmt.cli.console import stdout_console
        from nmt.study.load import load_plan
        from nmt.study.results import read_run, results_of
        from nmt.study.state import State

    plan = load_plan(study, runs)
    state = State(plan.directory)
    figures = {cell.recipe.name: read_run(cell, state) for cell in plan.cells()}
    _show_table(results_of(plan, state, figures), stdout_console())


@command.command("list")
def list_studies() -> None:
    """List the studies shipped with nmt: name and claim.

    Run one by its name, as in `nmt study studies/gated_against_tanh/adding`.
    """
    from rich import box
    from rich.table import Table

    from nmt.cli.console import stdout_console
    from nmt.documents import read_yaml

    table = Table("name", "claim", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[0].no_wrap = True
    for name, path in shipped_studies().items():
        table.add_row(name, " ".join(read_yaml(path, "a study")[0]["claim"].split()))
    stdout_console().print(table)


@command.command()
def schema() -> None:
    """Print the JSON schema of studies, with which an editor completes and explains keys."""
    with quick_imports():
        from nmt.recipe.schema import schema_of
        from nmt.study.options import Study

    click.echo(schema_of(Study, optional=("name",)), nl=False)


@command.command(hidden=True)
def cell() -> None:
    """Run one cell, described on standard input: the process that a study starts for each."""
    with quick_imports():
        from nmt.study.child import work

    work(sys.stdin, sys.stdout, sys.stderr)


def _checked(study: Path, runs: Path) -> tuple[Plan, Checked]:
    """Loads and checks a study, and warns on stderr of settings that are probably not intended."""
    with quick_imports():
        from nmt.study.check import check as check_plan
        from nmt.study.load import load_plan

    plan = load_plan(study, runs)
    checked = check_plan(plan)
    for suspicion in checked.suspicions:
        click.secho(f"nmt: warning: {suspicion}", fg="yellow", err=True)
    return plan, checked


def _show_sizes(plan: Plan, checked: Checked, console: Console) -> None:
    from rich.table import Table

    from nmt.study.sizes import deviation

    table = Table("system", box=None, pad_edge=False)
    for name in ("parameters", "from baseline", "updates"):
        table.add_column(name, justify="right")
    for variant in plan.variants:
        size, base = checked.sizes[variant.name], plan.baseline_of(variant)
        share = "" if base is variant else f"{deviation(size, checked.sizes[base.name]):+.1%}"
        table.add_row(variant.name, f"{size.parameters:,}", share, f"{size.updates:,}")
    console.print(table)


def _show_table(results: Results, console: Console) -> None:
    from nmt.cli.study_results import show_rows
    from nmt.study.table import table_of

    found = table_of(results)
    whole = not console.is_terminal  # a terminal breaks lines between words
    console.print()
    if found.title:
        console.print(found.title, style="bold", soft_wrap=whole)
    console.print(found.heading, soft_wrap=whole)
    show_rows(found.columns, found.rows, console)
    for note in found.notes:
        console.print(note, style="dim", soft_wrap=whole)
